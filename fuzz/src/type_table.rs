//! Descriptions that lie, against a second opinion on what can be; objects made by reflection, whose
//! fields are written with values of every type and read back.
//!
//! Types stay for ever, in the process and in the model: the keys come from a small set, so that a
//! long run meets each of them in many shapes, and all but the first are conflicts.

use std::sync::{Mutex, MutexGuard, PoisonError};

use object_core::abi::{ByteSlice, FieldKind, MethodInfo, TypeDesc, field_flags, type_flags};
use object_core::table::register_status as status;
use object_core::{
    FieldSpec, Object, ObjectArc, ObjectRef, TypeName, holds_references, is_instance, read_field,
    register_reflected, runtime, try_new_reflected, type_index as index, type_index_of, type_info,
    write_field,
};

use crate::heap::{self, failing};
use crate::objects::Point;
use crate::program::{Op, Play, Reader, at};
use crate::values::V;

/// A field as the ABI lays it out; ours, because C fills it in.
#[repr(C)]
#[derive(Clone, Copy)]
struct RawField {
    name: ByteSlice,
    doc: ByteSlice,
    offset: u32,
    kind: u8,
    reserved: [u8; 3],
    flags: u32,
    type_index: i32,
}

/// A method likewise.
#[repr(C)]
#[derive(Clone, Copy)]
struct RawMethod {
    name: ByteSlice,
    doc: ByteSlice,
    function: *mut object_core::ObjectHeader,
    flags: u32,
    reserved: u32,
}

const _: () = assert!(size_of::<RawField>() == size_of::<object_core::abi::FieldInfo>());
const _: () = assert!(size_of::<RawMethod>() == size_of::<MethodInfo>());

/// A type, by what is known of it.
#[derive(Clone, Copy, Debug)]
pub enum Pick {
    /// The type itself.
    This,
    /// The root.
    Root,
    /// Another fixed type.
    Array,
    /// A Rust type.
    Point,
    /// One that a program registered.
    Known(u8),
    /// Any number.
    Number(i32),
}

/// A field that may be impossible.
#[derive(Clone, Debug)]
pub struct Field {
    name: Vec<u8>,
    kind: u8,
    offset: u32,
    flags: u32,
    of: Pick,
}

/// A description that may be impossible.
#[derive(Clone, Debug)]
pub struct Description {
    key: u8,
    parent: Pick,
    reflected: bool,
    size: u32,
    align: u32,
    fields: Vec<Field>,
    methods: Vec<(Vec<u8>, u8)>,
    /// The fields' or the methods' address is null.
    null: u8,
}

/// An operation.
#[derive(Debug)]
pub enum TypeOp {
    /// Registers by description; the heap's n-th allocation fails.
    Describe(Description, usize),
    /// Registers by reflection.
    Reflect(u8, Pick, Vec<Field>, usize),
    /// An object of a reflected type.
    Make(u8, usize),
    /// An object goes.
    Drop(u8),
    /// A value into a field; the heap's n-th allocation fails.
    Write(u8, u8, V, usize),
    /// Asks for a type that may not be there.
    Look(i32),
}

fn pick(from: &mut Reader<'_>) -> Pick {
    match from.byte() % 16 {
        0..=2 => Pick::This,
        3..=8 => Pick::Root,
        9 => Pick::Array,
        10 => Pick::Point,
        11..=14 => Pick::Known(from.byte()),
        _ => Pick::Number(from.edge() as i32),
    }
}

fn field(from: &mut Reader<'_>) -> Field {
    Field {
        name: from.bytes(5),
        kind: from.byte() % 18,
        offset: match from.byte() {
            small @ 0..=199 => u32::from(small) * 4,
            _ => from.edge() as u32,
        },
        flags: from.byte().into(),
        of: pick(from),
    }
}

impl Op for TypeOp {
    fn decode(from: &mut Reader<'_>) -> Self {
        let fail = |from: &mut Reader<'_>| from.byte().saturating_sub(240).into();
        match from.byte() % 12 {
            0..=3 => {
                let description = Description {
                    key: from.byte(),
                    parent: pick(from),
                    reflected: from.flag(),
                    size: match from.byte() {
                        small @ 0..=199 => u32::from(small) * 8,
                        _ => from.edge() as u32,
                    },
                    align: match from.byte() {
                        power @ 0..=199 => 1 << (power % 8),
                        _ => from.edge() as u32,
                    },
                    fields: (0..from.below(6)).map(|_| field(from)).collect(),
                    methods: (0..from.below(3))
                        .map(|_| (from.bytes(4), from.byte()))
                        .collect(),
                    null: from.byte() % 32,
                };
                Self::Describe(description, fail(from))
            }
            4 | 5 => {
                let (key, parent) = (from.byte(), pick(from));
                let fields = (0..from.below(6)).map(|_| field(from)).collect();
                Self::Reflect(key, parent, fields, fail(from))
            }
            6 => Self::Make(from.byte(), fail(from)),
            7 => Self::Drop(from.byte()),
            8..=10 => Self::Write(from.byte(), from.byte(), V::decode(from, 1), fail(from)),
            _ => Self::Look(from.edge() as i32),
        }
    }
}

/// A field of a type that is in the table.
#[derive(Clone, Debug, PartialEq)]
struct Slot {
    name: Vec<u8>,
    kind: FieldKind,
    offset: u32,
    flags: u32,
    of: i32,
}

/// A type that is in the table.
struct Known {
    number: i32,
    key: Vec<u8>,
    parent: i32,
    reflected: bool,
    size: u32,
    align: u32,
    fields: Vec<Slot>,
    /// The fields of all ancestors, then its own.
    all: Vec<Slot>,
}

static KNOWN: Mutex<Vec<Known>> = Mutex::new(Vec::new());

/// A reflected object and what its fields hold.
struct Made {
    object: ObjectRef,
    number: i32,
    values: Vec<V>,
}

/// The table's model, and objects.
pub struct World {
    known: MutexGuard<'static, Vec<Known>>,
    objects: Vec<Made>,
    /// Live blocks at the start, and those that registration took for ever.
    blocks: isize,
}

impl Play for World {
    type Op = TypeOp;

    // Types stay; `end` counts the rest.
    const LEAVES_NOTHING: bool = false;

    fn begin() -> Self {
        let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            known,
            objects: Vec::new(),
            blocks: heap::live(),
        }
    }

    fn apply(&mut self, op: &TypeOp) {
        match op {
            TypeOp::Describe(description, fail) => {
                let before = heap::live();
                self.describe(description, *fail);
                self.blocks += heap::live() - before;
            }
            TypeOp::Reflect(key, parent, fields, fail) => {
                let before = heap::live();
                self.reflect(*key, *parent, fields, *fail);
                self.blocks += heap::live() - before;
            }
            TypeOp::Make(which, fail) => self.make(*which, *fail),
            TypeOp::Drop(which) => {
                if let Some(place) = at(&self.objects, *which) {
                    self.objects.swap_remove(place);
                }
            }
            TypeOp::Write(object, field, value, fail) => self.write(*object, *field, value, *fail),
            TypeOp::Look(number) => self.look(*number),
        }
    }

    fn end(self) {
        let Self {
            known,
            objects,
            blocks,
        } = self;
        drop(objects);
        drop(known);
        assert_eq!(heap::live(), blocks, "blocks were left behind");
    }
}

fn key_of(key: u8) -> Vec<u8> {
    match key {
        0 => Vec::new(),
        1 => b"tieback.Array".to_vec(),
        2 => vec![0xFF, 0xFE, key],
        _ => format!("fuzz.types.{key}").into_bytes(),
    }
}

impl World {
    fn number(&self, of: Pick) -> i32 {
        match of {
            Pick::This => index::THIS,
            Pick::Root => index::OBJECT,
            Pick::Array => index::ARRAY,
            Pick::Point => Point::type_index().expect("registered"),
            Pick::Known(pick) => at(&self.known, pick).map_or(7, |place| self.known[place].number),
            Pick::Number(number) => number,
        }
    }

    fn find(&self, number: i32) -> Option<&Known> {
        self.known.iter().find(|known| known.number == number)
    }

    /// Whether there is such a type, and how large and reflected it is.
    fn facts(&self, number: i32) -> Option<(u32, bool)> {
        match self.find(number) {
            Some(known) => Some((known.size, known.reflected)),
            None => type_info(number).map(|info| (info.size, false)),
        }
    }

    /// What the table should answer, but for memory: a status, or the slots of a sound type.
    fn judge(&self, from: &Description, parent: i32) -> Result<Vec<Slot>, i32> {
        let Some((parent_size, parent_reflected)) = self.facts(parent) else {
            return Err(status::UNKNOWN_PARENT);
        };
        let sound = !key_of(from.key).is_empty()
            && from.align.is_power_of_two()
            && (from.size == 0 || (from.size >= 24 && from.size >= parent_size))
            && !(from.reflected && from.size == 0)
            && !(from.reflected && parent != index::OBJECT && !parent_reflected)
            && (from.null != 1 || from.fields.is_empty())
            && (from.null != 2 || from.methods.is_empty())
            && from.methods.iter().all(|(name, _)| !name.is_empty());
        if !sound {
            return Err(status::BAD_DESCRIPTION);
        }
        let slots = from.fields.iter().map(|field| self.slot(field, from.size));
        let slots: Option<Vec<Slot>> = slots.collect();
        let slots = slots.ok_or(status::BAD_DESCRIPTION)?;
        // A frontend makes and drops reflected bodies field by field.
        let first = if parent == index::OBJECT {
            24
        } else {
            parent_size
        };
        let apart = |a: &Slot, b: &Slot| {
            let end = |slot: &Slot| slot.offset as usize + slot.kind.size();
            end(a) <= b.offset as usize || end(b) <= a.offset as usize
        };
        let distinct = slots.iter().enumerate().all(|(at, slot)| {
            slot.offset >= first && slots[..at].iter().all(|other| apart(slot, other))
        });
        if from.reflected && !distinct {
            Err(status::BAD_DESCRIPTION)
        } else {
            Ok(slots)
        }
    }

    fn slot(&self, field: &Field, size: u32) -> Option<Slot> {
        let kind = FieldKind::from_number(field.kind)?;
        let of = self.number(field.of);
        let typed = matches!(kind, FieldKind::Object | FieldKind::Weak);
        let fits = !field.name.is_empty()
            && field.offset >= 24
            && field.offset % kind.align() as u32 == 0
            && u64::from(field.offset) + kind.size() as u64 <= size.into()
            && (!typed || of == index::THIS || self.facts(of).is_some());
        let (name, offset, flags) = (field.name.clone(), field.offset, field.flags);
        fits.then_some(Slot {
            name,
            kind,
            offset,
            flags,
            of,
        })
    }

    fn describe(&mut self, from: &Description, fail: usize) {
        let parent = self.number(from.parent);
        let wanted = self.judge(from, parent);
        let fields: Vec<RawField> = from
            .fields
            .iter()
            .map(|field| RawField {
                name: ByteSlice::new(&field.name),
                doc: ByteSlice::new(&field.name),
                offset: field.offset,
                kind: field.kind,
                reserved: [0; 3],
                flags: field.flags,
                type_index: self.number(field.of),
            })
            .collect();
        let methods: Vec<RawMethod> = from
            .methods
            .iter()
            .map(|(name, flags)| RawMethod {
                name: ByteSlice::new(name),
                doc: ByteSlice::EMPTY,
                function: std::ptr::null_mut(),
                flags: (*flags).into(),
                reserved: 0,
            })
            .collect();
        let key = key_of(from.key);
        let null_if = |null: u8, address: *const u8| {
            if from.null == null {
                std::ptr::null()
            } else {
                address
            }
        };
        let desc = TypeDesc {
            key: ByteSlice::new(&key),
            doc: ByteSlice::new(b"described"),
            parent,
            flags: if from.reflected {
                type_flags::REFLECTED
            } else {
                0
            },
            size: from.size,
            align: from.align,
            fields: null_if(1, fields.as_ptr().cast()).cast(),
            methods: null_if(2, methods.as_ptr().cast()).cast(),
            num_fields: fields.len() as u32,
            num_methods: methods.len() as u32,
        };
        let before = heap::live();
        // SAFETY: what the description points to is alive for the call, or null.
        let register = || unsafe { (runtime().type_register)(&raw const desc) };
        let (answer, failed) = failing(fail, register);
        let taken = heap::live() - before;
        self.settle(answer, failed, taken, key, parent, from, wanted);
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one call, of what both ways to register know"
    )]
    fn settle(
        &mut self,
        answer: i32,
        failed: bool,
        taken: isize,
        key: Vec<u8>,
        parent: i32,
        from: &Description,
        wanted: Result<Vec<Slot>, i32>,
    ) {
        if answer == status::OUT_OF_MEMORY {
            assert!(failed);
            // But for a chunk of the table and room in its map, which the next one uses.
            assert!(taken <= 2, "{taken} blocks of a type that is not there");
            if let Ok(text) = std::str::from_utf8(&key) {
                let there = self.known.iter().any(|known| known.key == key);
                assert_eq!(
                    type_index_of(text).is_some_and(|number| number >= 128),
                    there
                );
            }
            return;
        }
        let there = self.known.iter().find(|known| known.key == key);
        match (wanted, there) {
            (Err(wanted), _) => assert_eq!(answer, wanted),
            (Ok(_), None) if key.starts_with(b"tieback.") => assert_eq!(answer, status::CONFLICT),
            (Ok(slots), Some(known)) => {
                let own = |slot: &Slot| Slot {
                    of: match slot.kind {
                        FieldKind::Object | FieldKind::Weak if slot.of == index::THIS => {
                            known.number
                        }
                        FieldKind::Object | FieldKind::Weak => slot.of,
                        _ => 0,
                    },
                    ..slot.clone()
                };
                let same = known.fields.iter().map(own).eq(slots.iter().map(own))
                    && (known.size, known.align, known.reflected, known.parent)
                        == (from.size, from.align, from.reflected, parent);
                assert_eq!(answer, if same { known.number } else { status::CONFLICT });
            }
            (Ok(slots), None) => {
                assert!(answer >= index::DYNAMIC_BEGIN, "{answer}");
                let newest = self.known.iter().map(|known| known.number).max();
                assert!(
                    newest.is_none_or(|newest| answer > newest),
                    "a number given twice"
                );
                self.learn(answer, key, parent, from, slots);
                return;
            }
        }
        assert_eq!(taken, 0, "blocks of a type that was not registered");
    }

    fn learn(
        &mut self,
        number: i32,
        key: Vec<u8>,
        parent: i32,
        from: &Description,
        mut fields: Vec<Slot>,
    ) {
        for slot in &mut fields {
            if matches!(slot.kind, FieldKind::Object | FieldKind::Weak) && slot.of == index::THIS {
                slot.of = number;
            }
        }
        let mut all = self
            .find(parent)
            .map_or(Vec::new(), |parent| parent.all.clone());
        if parent == Point::type_index().expect("registered") {
            let x = b"x".to_vec();
            let (kind, flags) = (FieldKind::I64, field_flags::FROZEN);
            all.push(Slot {
                name: x,
                kind,
                offset: 24,
                flags,
                of: index::OBJECT,
            });
        }
        all.extend(fields.iter().cloned());
        let (reflected, size, align) = (from.reflected, from.size, from.align);
        self.known.push(Known {
            number,
            key,
            parent,
            reflected,
            size,
            align,
            fields,
            all,
        });
        self.look(number);
    }

    fn reflect(&mut self, key: u8, parent: Pick, fields: &[Field], fail: usize) {
        let parent = self.number(parent);
        let bytes = key_of(key);
        let Ok(text) = std::str::from_utf8(&bytes) else {
            return;
        };
        let names: Vec<String> = fields
            .iter()
            .map(|field| String::from_utf8_lossy(&field.name).into_owned())
            .collect();
        let kind = |field: &Field| FieldKind::ALL[usize::from(field.kind) % FieldKind::ALL.len()];
        let specs: Vec<FieldSpec<'_>> = fields
            .iter()
            .zip(&names)
            .map(|(field, name)| FieldSpec {
                name,
                doc: "",
                kind: kind(field),
                flags: field.flags,
                type_index: self.number(field.of),
            })
            .collect();
        // Where the fields come to lie.
        let root = parent == index::OBJECT;
        let facts = self
            .facts(parent)
            .filter(|&(_, reflected)| root || reflected);
        let mut end = facts.map_or(24, |(size, _)| if root { 24 } else { size });
        let mut placed = Vec::new();
        let mut overflow = false;
        for (field, name) in fields.iter().zip(&names) {
            let wanted = u64::from(end).next_multiple_of(kind(field).align() as u64);
            let behind = wanted + kind(field).size() as u64;
            overflow |= behind > u32::MAX.into();
            end = behind as u32;
            placed.push(Field {
                name: name.clone().into_bytes(),
                kind: kind(field) as u8,
                offset: wanted as u32,
                ..field.clone()
            });
        }
        overflow |= end > u32::MAX - 7;
        let described = Description {
            key,
            parent: Pick::Number(parent),
            reflected: true,
            size: if overflow { 0 } else { end.next_multiple_of(8) },
            align: 8,
            fields: placed,
            methods: Vec::new(),
            null: 0,
        };
        let wanted = match facts {
            None => Err(status::UNKNOWN_PARENT),
            Some(_) if overflow => Err(status::BAD_DESCRIPTION),
            Some(_) => self.judge(&described, parent),
        };
        let before = heap::live();
        let (answer, failed) = failing(fail, || register_reflected(text, "", parent, &specs));
        let taken = heap::live() - before;
        let answer = answer.unwrap_or_else(|error| match error {
            object_core::RegisterError::Conflict => status::CONFLICT,
            object_core::RegisterError::UnknownParent => status::UNKNOWN_PARENT,
            object_core::RegisterError::BadDescription => status::BAD_DESCRIPTION,
            object_core::RegisterError::OutOfMemory => status::OUT_OF_MEMORY,
            other => panic!("{other}"),
        });
        self.settle(answer, failed, taken, bytes, parent, &described, wanted);
    }

    /// The table's word on a type against the model's.
    fn look(&self, number: i32) {
        let name = TypeName(number).to_string();
        assert!(!name.is_empty());
        let Some(known) = self.find(number) else {
            return;
        };
        let info = type_info(number).expect("registered");
        assert_eq!(
            (info.type_index, info.size, info.align),
            (number, known.size, known.align)
        );
        let text = std::str::from_utf8(&known.key);
        if let Ok(text) = text {
            assert_eq!((info.key(), name.as_str()), (text, text));
            assert_eq!(type_index_of(text), Some(number));
        }
        let parent = info.parent().expect("has one");
        assert_eq!(parent.type_index, known.parent);
        assert_eq!(info.ancestors().len(), parent.ancestors().len() + 1);
        assert_eq!(info.own_fields().len(), known.fields.len());
        assert_eq!(info.all_fields().count(), known.all.len());
        for (field, slot) in info.all_fields().zip(&known.all) {
            assert_eq!(
                (field.kind(), field.offset, field.flags),
                (Some(slot.kind), slot.offset, slot.flags)
            );
            if let Ok(name) = std::str::from_utf8(&slot.name) {
                assert_eq!(field.name(), name);
                assert_eq!(info.field(name).map(|found| found.name()), Some(name));
            }
        }
        for other in self.known.iter().rev().take(20) {
            let mut up = Some(known);
            let mut descends = false;
            while let Some(at) = up {
                descends |= at.number == other.number;
                up = self.find(at.parent);
            }
            assert_eq!(is_instance(number, other.number), descends);
        }
        assert!(is_instance(number, index::OBJECT));
    }

    fn make(&mut self, which: u8, fail: usize) {
        let Some(place) = at(&self.known, which) else {
            return;
        };
        let known = &self.known[place];
        if known.size > 1 << 14 || known.align > 1 << 14 {
            return;
        }
        let info = type_info(known.number).expect("registered");
        let (made, failed) = failing(fail, || try_new_reflected(info, !holds_references(info)));
        match made {
            Err(_) => assert!(failed || !known.reflected),
            Ok(object) => {
                assert!(known.reflected);
                assert_eq!(ObjectArc::header(&object).type_index(), known.number);
                let values = known.all.iter().map(|slot| zero(slot.kind)).collect();
                let (number, made) = (known.number, self.objects.len());
                if made < 32 {
                    self.objects.push(Made {
                        object,
                        number,
                        values,
                    });
                }
            }
        }
        self.compare();
    }

    fn write(&mut self, which: u8, field: u8, value: &V, fail: usize) {
        let Some(place) = at(&self.objects, which) else {
            return;
        };
        let number = self.objects[place].number;
        let all = self.find(number).expect("known").all.clone();
        let Some(field) = at(&all, field) else { return };
        let slot = &all[field];
        let info = type_info(number).expect("registered");
        let field_info = info.all_fields().nth(field).expect("as many");
        let Ok(any) = value.make() else { return };
        let made = &mut self.objects[place];
        let object = ObjectArc::as_ptr(&made.object);
        // SAFETY: a live object of the field's type, which nobody else reads.
        let write = || unsafe { write_field(object, field_info, any.view()) };
        let (written, failed) = failing(fail, write);
        drop(any);
        match (written, fitted(slot, value)) {
            (Ok(()), Some(stored)) => made.values[field] = stored,
            (Err(error), None) => {
                assert!(
                    failed || ["TypeError", "OverflowError"].contains(&error.kind()),
                    "{error}"
                );
            }
            (written, wanted) => panic!("{value:?} into {slot:?}: {written:?}, wanted {wanted:?}"),
        }
        self.compare();
    }

    /// Every field of every object against the model.
    fn compare(&self) {
        for made in &self.objects {
            let info = type_info(made.number).expect("registered");
            for (field, value) in info.all_fields().zip(&made.values) {
                // SAFETY: a live object of the field's type, initialised.
                let any = unsafe { read_field(ObjectArc::as_ptr(&made.object), field) };
                match value {
                    V::Float(bits) if f64::from_bits(*bits).is_nan() => {
                        assert!(any.get::<f64>().is_ok_and(f64::is_nan));
                    }
                    value => value.check(&any),
                }
            }
        }
    }
}

/// What a field of zeros reads as.
fn zero(kind: FieldKind) -> V {
    match kind {
        FieldKind::Bool => V::Bool(false),
        FieldKind::F32 | FieldKind::F64 => V::Float(0),
        FieldKind::Str
        | FieldKind::Bytes
        | FieldKind::Object
        | FieldKind::Weak
        | FieldKind::Any => V::None,
        _ => V::Int(0),
    }
}

/// What a field reads as when the value was written; `None` if it does not fit.
fn fitted(slot: &Slot, value: &V) -> Option<V> {
    let range = |low: i64, high: i64| {
        value
            .int()
            .filter(|int| (low..=high).contains(int))
            .map(V::Int)
    };
    let optional = slot.flags & field_flags::OPTIONAL != 0;
    if *value == V::None && (optional || matches!(slot.kind, FieldKind::Weak)) {
        return Some(zero(slot.kind));
    }
    match slot.kind {
        FieldKind::I8 => range(i8::MIN.into(), i8::MAX.into()),
        FieldKind::I16 => range(i16::MIN.into(), i16::MAX.into()),
        FieldKind::I32 => range(i32::MIN.into(), i32::MAX.into()),
        FieldKind::I64 => range(i64::MIN, i64::MAX),
        FieldKind::U8 => range(0, u8::MAX.into()),
        FieldKind::U16 => range(0, u16::MAX.into()),
        FieldKind::U32 => range(0, u32::MAX.into()),
        FieldKind::U64 => range(0, i64::MAX),
        FieldKind::F32 => value
            .float()
            .map(|float| V::Float(f64::from(float as f32).to_bits())),
        FieldKind::F64 => value.float().map(|float| V::Float(float.to_bits())),
        FieldKind::Bool => matches!(value, V::Bool(_)).then(|| value.clone()),
        FieldKind::Str => matches!(value, V::Str(_)).then(|| value.clone()),
        FieldKind::Bytes => matches!(value, V::Bytes(_)).then(|| value.clone()),
        FieldKind::Object => value.is_object_of(slot.of).then(|| value.clone()),
        // Nobody else keeps it.
        FieldKind::Weak => value.is_object_of(slot.of).then_some(V::None),
        FieldKind::Any => Some(value.clone()),
        _ => None,
    }
}
