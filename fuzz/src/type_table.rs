//! Descriptions that lie, against a second opinion on what can be; objects made by reflection, whose
//! fields are written with values of every type and read back.
//!
//! Types stay for ever, in the process and in the model: the keys come from a small set, so that a
//! long run meets each of them in many shapes, and all but the first are conflicts.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use object_core::abi::{ByteSlice, FieldInfo, FieldKind, TypeDesc, type_flags};
use object_core::table::register_status as status;
use object_core::{
    Any, Function, Object, ObjectArc, ObjectHeader, TypeName, is_instance, runtime,
    type_index as index, type_index_of, type_info,
};

use crate::heap::{self, failing};
use crate::objects::Point;
use crate::program::{Play, at};

mod made;
mod ops;
mod raw;
mod reflect;

use made::Made;
pub use ops::{Description, Field, Pick, TypeOp};
use raw::{RawField, RawMethod};

/// A field of a type that is in the table.
#[derive(Clone, Debug, PartialEq)]
struct Slot {
    name: Vec<u8>,
    kind: FieldKind,
    offset: u32,
    flags: u32,
    of: i32,
}

impl Slot {
    fn of(field: &FieldInfo) -> Self {
        Self {
            name: field.name().as_bytes().to_vec(),
            kind: field.kind().expect("of this version"),
            offset: field.offset,
            flags: field.flags,
            of: field.type_index,
        }
    }
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
    /// As what it was registered.
    from: Description,
    /// The fields of all ancestors, then its own.
    all: Vec<Slot>,
}

static KNOWN: Mutex<Vec<Known>> = Mutex::new(Vec::new());

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
            TypeOp::Again(which, change, field, to) => self.again(*which, *change, *field, *to),
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

/// A function for methods, kept for ever.
fn some_function() -> *mut ObjectHeader {
    static ONE: OnceLock<Function> = OnceLock::new();
    let one = ONE.get_or_init(|| Function::from_packed(|_| Ok(Any::NONE)));
    ObjectArc::as_ptr(one.as_object()).as_ptr().cast()
}

/// Methods with these flags come without their function.
fn no_function(flags: u8) -> bool {
    flags % 16 == 9
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
            && from
                .methods
                .iter()
                .all(|(name, flags)| !name.is_empty() && !no_function(*flags));
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
        let function = some_function();
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
                function: if no_function(*flags) {
                    std::ptr::null_mut()
                } else {
                    function
                },
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

    /// A type that is there, described again; the slightest change is a conflict.
    fn again(&mut self, which: u8, change: u8, field: u8, to: u64) {
        let Some(place) = at(&self.known, which) else {
            return;
        };
        let mut from = self.known[place].from.clone();
        let field = at(&from.fields, field).map(|place| &mut from.fields[place]);
        match (change % 12, field) {
            (0, _) => from.size = to as u32,
            (1, _) => from.align = to as u32,
            (2, _) => from.reflected ^= true,
            (3, _) => from.parent = Pick::Known(to as u8),
            (4, _) => drop(from.fields.pop()),
            // Methods and documentation may change.
            (5, _) => from.methods.clear(),
            (6, Some(field)) => field.kind = to as u8 % 18,
            (7, Some(field)) => field.offset = to as u32,
            (8, Some(field)) => field.flags ^= 1 << (to % 32),
            (9, Some(field)) => field.name.push(b'_'),
            (10, Some(field)) => field.of = Pick::Root,
            _ => {}
        }
        let before = heap::live();
        self.describe(&from, 0);
        drop(from);
        assert!(heap::live() <= before, "a type registered twice");
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
        let mut all = match self.find(parent) {
            Some(parent) => parent.all.clone(),
            // A fixed type, or a Rust one.
            None => type_info(parent)
                .expect("registered")
                .all_fields()
                .map(Slot::of)
                .collect(),
        };
        all.extend(fields.iter().cloned());
        let (reflected, size, align) = (from.reflected, from.size, from.align);
        // By number: what is picked is another one when there are more.
        let mut from = Description {
            parent: Pick::Number(parent),
            null: 0,
            ..from.clone()
        };
        for field in &mut from.fields {
            field.of = Pick::Number(self.number(field.of));
        }
        self.known.push(Known {
            number,
            key,
            parent,
            reflected,
            size,
            align,
            fields,
            from,
            all,
        });
        self.look(number);
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
}
