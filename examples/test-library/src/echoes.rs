//! Every kind of argument and result, and what can be asked of a value.

use rust_binding::object_core::TypeName;
use rust_binding::prelude::*;

use crate::points::Point;

pub(crate) fn export(exports: &mut Exports) {
    exports
        .function("test_library.nop", || ())
        .function("test_library.echo", |value: Any| value)
        .function("test_library.echo_none", |none: ()| none)
        .function("test_library.echo_bool", |value: bool| value)
        .function("test_library.echo_int", |value: i64| value)
        .function("test_library.echo_i8", |value: i8| value)
        .function("test_library.echo_float", |value: f64| value)
        .function("test_library.echo_str", |value: Str| value)
        .function("test_library.echo_bytes", |value: Bytes| value)
        .function("test_library.echo_array", |value: Array| value)
        .function("test_library.echo_function", |value: Function| value)
        .function("test_library.echo_object", |value: ObjectRef| value)
        .function("test_library.echo_point", |value: ObjectArc<Point>| value)
        .function(
            "test_library.echo_optional_point",
            |value: Option<ObjectArc<Point>>| value,
        )
        .function("test_library.echo_optional_str", |value: Option<Str>| value)
        .function("test_library.add", |a: i64, b: i64| {
            a.checked_add(b)
                .ok_or_else(|| Error::new("OverflowError", "the sum does not fit"))
        })
        .function("test_library.concat", |a: Str, b: Str| format!("{a}{b}"))
        .function("test_library.too_wide", || u64::MAX)
        .function("test_library.swallow", |_: Any| ())
        .function("test_library.pair", |a: Any, b: Any| vec![a, b])
        .function("test_library.item", |array: Array, index: u32| {
            array.get(index as usize).cloned().ok_or_else(|| {
                Error::format(
                    "IndexError",
                    format_args!("index {index} of {} values", array.len()),
                )
            })
        })
        .function("test_library.same", |a: ObjectRef, b: ObjectRef| {
            ObjectArc::ptr_eq(&a, &b)
        })
        .function("test_library.address", |object: ObjectRef| {
            ObjectArc::as_ptr(&object).as_ptr().addr()
        })
        .function("test_library.type_key", |value: Any| {
            TypeName(value.type_index()).to_string()
        })
        // The argument's own reference of the typed layer does not count.
        .function("test_library.use_count", |object: ObjectRef| {
            i64::from(ObjectArc::strong_count(&object)) - 1
        })
        .function("test_library.weak_count", |object: ObjectRef| {
            ObjectArc::weak_count(&object)
        })
        .add(
            "test_library.consume",
            Function::from_packed(|args| {
                // A moved argument is taken over, and is the only reference then.
                let owned = match args {
                    [one] => one.try_to_owned()?,
                    _ => {
                        return Err(Error::new(
                            "TypeError",
                            "test_library.consume() takes 1 argument",
                        ));
                    }
                };
                let count = ObjectArc::strong_count(&owned.get::<ObjectRef>()?) - 1;
                Ok(i64::from(count).into())
            }),
        );
}
