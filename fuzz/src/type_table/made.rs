//! Objects of types made by reflection, and what their fields hold.

use object_core::abi::{FieldKind, field_flags};
use object_core::{
    ObjectArc, ObjectRef, holds_references, read_field, try_new_reflected, type_info, write_field,
};

use super::{Slot, World};
use crate::heap::failing;
use crate::program::at;
use crate::values::V;

/// A reflected object and what its fields hold.
pub(super) struct Made {
    pub(super) object: ObjectRef,
    pub(super) number: i32,
    pub(super) values: Vec<V>,
}

impl World {
    pub(super) fn make(&mut self, which: u8, fail: usize) {
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

    pub(super) fn write(&mut self, which: u8, field: u8, value: &V, fail: usize) {
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
    pub(super) fn compare(&self) {
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
        // What is finite stays so, or is refused.
        FieldKind::F32 => value
            .float()
            .filter(|float| (*float as f32).is_finite() || !float.is_finite())
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
