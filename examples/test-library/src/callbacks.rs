//! Calling functions that came in, and raising errors.

use rust_binding::prelude::*;

/// `apply(f, *args)`: calls `f` with the rest.
fn apply(args: &[AnyView<'_>]) -> Result<Any, Error> {
    let Some((function, rest)) = args.split_first() else {
        return Err(Error::new(
            "TypeError",
            "test_library.apply() takes a function and its arguments",
        ));
    };
    Function::try_from(*function)?.call_packed(rest)
}

/// Calls `f()` from inside `depth` native functions, each called by the one before.
fn nested(function: Function, depth: u32) -> Result<Any, Error> {
    match depth {
        0 => function.call(()),
        _ => typed("test_library.nested", nested).call((function, depth - 1)),
    }
}

/// What `f(argument)` raised, as `[kind, message]`; None if it returned.
fn catch(function: Function, argument: Any) -> Option<Vec<String>> {
    let error = function.call::<Any>((argument,)).err()?;
    Some(vec![error.kind().to_owned(), error.message().to_owned()])
}

/// What `f(argument)` raised, as `[kind, message, traceback]` for the error and each of its sources.
fn caught(function: Function, argument: Any) -> Result<Array, Error> {
    let Err(error) = function.call::<Any>((argument,)) else {
        return Ok(Array::from_iter([Any::NONE; 0]));
    };
    let mut levels: Vec<Any> = Vec::new();
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(level) = next {
        let error = level
            .downcast_ref::<Error>()
            .ok_or_else(|| Error::new("RuntimeError", "a source of another kind"))?;
        let parts = [error.kind(), error.message(), &error.traceback()];
        levels.push(Array::from_iter(parts.map(Any::from)).into());
        next = level.source();
    }
    Ok(levels.into_iter().collect())
}

/// `raise(kind, message)`.
fn raise() -> Function {
    typed("test_library.raise", |kind: Str, message: Str| {
        Err::<(), _>(Error::new(&kind, &message))
    })
}

fn raise_with_cause(
    kind: Str,
    message: Str,
    cause_kind: Str,
    cause_message: Str,
) -> Result<(), Error> {
    let cause = Error::new(&cause_kind, &cause_message);
    Err(Error::try_with(&kind, &message, Some(cause), None)?)
}

pub(crate) fn export(exports: &mut Exports) {
    exports
        .add("test_library.apply", Function::from_packed(apply))
        .function("test_library.call", |function: Function, argument: Any| {
            function.call::<Any>((argument,))
        })
        .function(
            "test_library.call_twice",
            |function: Function, argument: Any| {
                function.call::<Any>((&argument,))?;
                function.call::<Any>((&argument,))
            },
        )
        .function("test_library.map", |function: Function, values: Array| {
            values
                .iter()
                .map(|value| function.call((value,)))
                .collect::<Result<Vec<Any>, Error>>()
        })
        .function("test_library.nested", nested)
        .function("test_library.catch", catch)
        .function("test_library.caught", caught)
        .function("test_library.adder", |n: i64| {
            typed("test_library.adder(n)", move |value: i64| {
                value
                    .checked_add(n)
                    .ok_or_else(|| Error::new("OverflowError", "the sum does not fit"))
            })
        })
        .function("test_library.keeper", |value: Any| {
            typed("test_library.keeper(value)", move || value.clone())
        })
        .add("test_library.raise", raise())
        .function("test_library.raise_with_cause", raise_with_cause)
        .function("test_library.nested_raise", |message: Str| {
            raise().call::<Any>(("ValueError", message))
        })
        .function("test_library.raiser", |kind: Str, message: Str| {
            let kept = Error::new(&kind, &message);
            typed("test_library.raiser(kept)", move || {
                Err::<(), _>(kept.clone())
            })
        })
        .function("test_library.error", |kind: Str, message: Str| {
            Any::from(Error::new(&kind, &message))
        })
        .function("test_library.panic", |message: Str| -> () {
            panic!("{message}")
        })
        .function("test_library.panic_without_text", || -> () {
            std::panic::panic_any(7_u8)
        });
}
