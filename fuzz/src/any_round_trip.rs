//! Values into an `Any` and out of it again as every type, by clone, by view, by borrowed text, in
//! arrays and in errors, while memory runs out.

use std::ffi::CString;
use std::hash::{BuildHasher, RandomState};

use object_core::abi::{AnyValue, ByteSlice, RawAny};
use object_core::{
    Any, AnyView, Array, Bytes, Error, ObjectArc, ObjectRef, Str, type_index as index,
};

use crate::heap::failing;
use crate::objects::Point;
use crate::program::{Op, Play, Reader, at};
use crate::values::V;

/// An operation.
#[derive(Debug)]
pub enum AnyOp {
    /// A value; the heap's n-th allocation fails.
    Make(V, usize),
    /// Another handle to a value.
    Clone(u8),
    /// A value goes.
    Drop(u8),
    /// Every conversion there is.
    Check(u8),
    /// A view becomes an owned value.
    Own(u8, usize),
    /// A borrowed C string, with whatever bytes.
    RawStr(Vec<u8>, usize),
    /// Borrowed bytes.
    Slice(Vec<u8>, usize),
    /// A moved object: taken as a type, again, and what is left of it.
    Moved(u8, u8),
    /// The object, taken out as a type.
    Object(u8, u8),
    /// An array of everything there is.
    Gather(usize),
    /// Frames of a traceback.
    Trace(u8, String, usize),
    /// Two texts, compared and hashed.
    Texts(Vec<u8>, Vec<u8>),
}

impl Op for AnyOp {
    fn decode(from: &mut Reader<'_>) -> Self {
        let fail = |from: &mut Reader<'_>| from.byte().saturating_sub(236).into();
        match from.byte() % 16 {
            0..=3 => Self::Make(V::decode(from, 3), fail(from)),
            4 => Self::Clone(from.byte()),
            5 => Self::Drop(from.byte()),
            6 | 7 => Self::Check(from.byte()),
            8 => Self::Own(from.byte(), fail(from)),
            9 => Self::RawStr(from.bytes(20), fail(from)),
            10 => Self::Slice(from.bytes(20), fail(from)),
            11 => Self::Moved(from.byte(), from.byte()),
            12 => Self::Object(from.byte(), from.byte()),
            13 => Self::Gather(fail(from)),
            14 => Self::Trace(from.byte(), from.text(12), fail(from)),
            _ => Self::Texts(from.bytes(16), from.bytes(16)),
        }
    }
}

/// Values and what they are.
pub struct World {
    values: Vec<(Any, V)>,
    random: RandomState,
}

impl Play for World {
    type Op = AnyOp;

    fn begin() -> Self {
        Self {
            values: Vec::new(),
            random: RandomState::new(),
        }
    }

    fn apply(&mut self, op: &AnyOp) {
        match op {
            AnyOp::Make(value, fail) => {
                let (made, failed) = failing(*fail, || value.make());
                assert!(made.is_ok() || failed);
                if let Ok(any) = made {
                    value.check(&any);
                    self.values.push((any, value.clone()));
                }
            }
            AnyOp::RawStr(bytes, fail) => raw_str(bytes, *fail),
            AnyOp::Slice(bytes, fail) => slice(bytes, *fail),
            AnyOp::Texts(left, right) => self.texts(left, right),
            AnyOp::Gather(fail) => self.gather(*fail),
            AnyOp::Clone(pick)
            | AnyOp::Drop(pick)
            | AnyOp::Check(pick)
            | AnyOp::Own(pick, _)
            | AnyOp::Moved(pick, _)
            | AnyOp::Object(pick, _)
            | AnyOp::Trace(pick, ..) => {
                if let Some(place) = at(&self.values, *pick) {
                    self.act_on(op, place);
                }
            }
        }
    }

    fn end(self) {
        for (any, value) in &self.values {
            value.check(any);
        }
    }
}

impl World {
    fn act_on(&mut self, op: &AnyOp, place: usize) {
        let (any, value) = &self.values[place];
        match op {
            AnyOp::Clone(_) => self.values.push((any.clone(), value.clone())),
            AnyOp::Drop(_) => drop(self.values.swap_remove(place)),
            AnyOp::Check(_) => {
                value.check(any);
                // SAFETY: given away and taken over again.
                let again = unsafe { Any::from_raw(Any::into_raw(any.clone())) };
                assert_eq!(format!("{:?}", again.view()), format!("{:?}", any.view()));
            }
            AnyOp::Own(_, fail) => {
                let (owned, _) = failing(*fail, || any.view().try_to_owned());
                // A value in hand needs no memory for another reference.
                value.check(&owned.expect("a reference"));
            }
            AnyOp::Moved(_, how) => moved(any, value, *how),
            AnyOp::Object(_, how) => {
                let wanted = [index::OBJECT, Point::number(), index::ARRAY][usize::from(how % 3)];
                let object = any.clone();
                let outcome = match how % 3 {
                    0 => object
                        .into_object::<object_core::ObjectHeader>()
                        .map(Any::from),
                    1 => object.into_object::<Point>().map(Any::from),
                    _ => object.into_object::<object_core::ArrayObj>().map(Any::from),
                };
                assert_eq!(outcome.is_ok(), value.is_object_of(wanted));
                value.check(&outcome.unwrap_or_else(|same| same));
            }
            AnyOp::Trace(_, frame, fail) => {
                let Ok(error) = any.get::<Error>() else {
                    return;
                };
                let before = error.traceback().to_string();
                let ((), failed) = failing(*fail, || error.push_traceback(frame));
                let after = error.traceback().to_string();
                let end = if frame.ends_with('\n') { "" } else { "\n" };
                assert!(after == format!("{before}{frame}{end}") || (failed && after == before));
                assert!(format!("{error:?}").contains(error.message()));
            }
            _ => {}
        }
    }

    fn gather(&mut self, fail: usize) {
        if self.values.len() > 24 {
            return;
        }
        let parts: Vec<Any> = self.values.iter().map(|(any, _)| any.clone()).collect();
        let (made, failed) = failing(fail, || Array::try_from_values(parts));
        assert!(made.is_ok() || failed);
        if let Ok(array) = made {
            let shape: Vec<V> = self.values.iter().map(|(_, value)| value.clone()).collect();
            if shape.iter().map(size).sum::<usize>() < 200 {
                self.values.push((array.into(), V::Array(shape)));
            }
        }
    }

    fn texts(&self, left: &[u8], right: &[u8]) {
        let (a, b) = (
            Bytes::try_new(left).unwrap(),
            Bytes::try_new(right).unwrap(),
        );
        assert_eq!((a.cmp(&b), a == b), (left.cmp(right), left == right));
        assert_eq!(a == b, self.random.hash_one(&a) == self.random.hash_one(&b));
        let (left, right) = (
            String::from_utf8_lossy(left),
            String::from_utf8_lossy(right),
        );
        let (a, b) = (Str::try_new(&left).unwrap(), Str::try_new(&right).unwrap());
        assert_eq!((a.cmp(&b), a == b), (left.cmp(&right), left == right));
        assert_eq!(self.random.hash_one(&a), self.random.hash_one(&*left));
        assert_eq!(
            (format!("{a}"), format!("{a:?}")),
            (left.to_string(), format!("{left:?}"))
        );
    }
}

impl Point {
    fn number() -> i32 {
        <Self as object_core::Object>::type_index().expect("registered")
    }
}

fn size(value: &V) -> usize {
    if let V::Array(parts) = value {
        1 + parts.iter().map(size).sum::<usize>()
    } else {
        1
    }
}

fn raw_str(bytes: &[u8], fail: usize) {
    let end = bytes
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(bytes.len());
    let text = CString::new(&bytes[..end]).expect("ends before the first NUL");
    let mut raw = RawAny {
        type_index: index::RAW_STR,
        ..RawAny::NONE
    };
    raw.value = AnyValue {
        pointer: text.as_ptr().cast_mut().cast(),
    };
    // SAFETY: the text outlives the view.
    let view = unsafe { AnyView::from_raw(raw) };
    assert_eq!(view.as_bytes(), Some(text.as_bytes()));
    let (owned, failed) = failing(fail, || view.try_to_owned());
    assert!(owned.is_ok() || failed);
    let Ok(owned) = owned else { return };
    match text.to_str() {
        Ok(text) => {
            V::Str(text.to_owned()).check(&owned);
            assert_eq!(&*Str::try_from(view).unwrap(), text);
        }
        // What is no text crosses as bytes, and is no string.
        Err(_) => {
            V::Bytes(text.as_bytes().to_vec()).check(&owned);
            assert!(Str::try_from(view).is_err());
        }
    }
}

fn slice(bytes: &[u8], fail: usize) {
    let slice = ByteSlice::new(bytes);
    let mut raw = RawAny {
        type_index: index::BYTE_SLICE_PTR,
        ..RawAny::NONE
    };
    raw.value = AnyValue {
        pointer: (&raw const slice).cast_mut().cast(),
    };
    // SAFETY: slice and bytes outlive the view.
    let view = unsafe { AnyView::from_raw(raw) };
    let (owned, failed) = failing(fail, || view.try_to_owned());
    assert!(owned.is_ok() || failed);
    if let Ok(owned) = owned {
        V::Bytes(bytes.to_vec()).check(&owned);
        assert_eq!(&*Bytes::try_from(view).unwrap(), bytes);
    }
    assert!(i64::try_from(view).is_err() && ObjectRef::try_from(view).is_err());
}

/// An object behind an rvalue view: taken once, by whoever can use it.
fn moved(any: &Any, value: &V, how: u8) {
    let Some(object) = any.view().raw().as_object() else {
        return;
    };
    // SAFETY: alive by the value's reference.
    let object = unsafe { ObjectRef::from_borrowed(object) };
    let before = ObjectArc::strong_count(&object);
    let mut variable = ObjectArc::into_raw(object.clone()).as_ptr();
    let mut raw = RawAny {
        type_index: index::RVALUE_REF,
        ..RawAny::NONE
    };
    raw.value = AnyValue {
        pointer: (&raw mut variable).cast(),
    };
    // SAFETY: the variable outlives the view, and is ours alone.
    let view = unsafe { AnyView::from_raw(raw) };
    let taken = match how % 4 {
        0 => ObjectRef::try_from(view).map(Any::from).ok(),
        1 => ObjectArc::<Point>::try_from(view).map(Any::from).ok(),
        2 => Array::try_from(view).map(Any::from).ok(),
        _ => view.try_to_owned().ok(),
    };
    let fits = match how % 4 {
        1 => value.is_object_of(Point::number()),
        2 => value.is_object_of(index::ARRAY),
        0 => value.is_object_of(index::OBJECT),
        _ => true,
    };
    assert_eq!(taken.is_some(), fits);
    // SAFETY: read through the view's own pointer, which others have written through.
    let left = unsafe {
        raw.value
            .pointer
            .cast::<*mut object_core::ObjectHeader>()
            .read()
    };
    assert_eq!(left.is_null(), fits);
    match taken {
        Some(taken) => {
            value.check(&taken);
            // Gone: nobody gets it twice.
            assert!(view.try_to_owned().unwrap().is_none());
            assert!(ObjectRef::try_from(view).is_err());
            assert!(Option::<ObjectRef>::try_from(view).unwrap().is_none());
        }
        // SAFETY: the variable's reference is still ours.
        None => drop(unsafe { ObjectRef::from_raw(std::ptr::NonNull::new(left).unwrap()) }),
    }
    assert_eq!(ObjectArc::strong_count(&object), before);
}
