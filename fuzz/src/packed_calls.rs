//! Calls whose arguments lie: types that no version knows, lengths past the value, null objects,
//! wrong counts, one moved object twice. Every function has a signature; the model converts by it,
//! argument after argument, and says what the call must answer, and what it took.

use std::collections::HashMap;
use std::ptr::{NonNull, null};

use object_core::abi::{AnyValue, RawAny};
use object_core::{
    Any, Array, Bytes, Error, Function, Object, ObjectArc, ObjectHeader, ObjectRef, Str,
    type_index as index,
};
use rust_binding::typed;

use crate::objects::Point;
use crate::program::Play;
use crate::quiet::{self, quietly};
use crate::values::{RAISED, V};

mod ops;

pub use ops::{Arg, CallOp};

/// What a parameter takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ty {
    Bool,
    I64,
    I8,
    U32,
    F64,
    Str,
    OptStr,
    Bytes,
    Any,
    Array,
    Function,
    Object,
    Point,
    OptPoint,
}

const SIGNATURES: [&[Ty]; 12] = [
    &[],
    &[Ty::I64],
    &[Ty::Str, Ty::Bytes],
    &[Ty::Point, Ty::OptPoint],
    &[Ty::Any, Ty::Array],
    &[Ty::I8, Ty::U32, Ty::F64, Ty::Bool],
    &[Ty::Function, Ty::Any],
    &[Ty::Object, Ty::Object, Ty::Object],
    &[Ty::OptStr],
    &[Ty::Any],
    &[Ty::Any],
    &[
        Ty::Any,
        Ty::Any,
        Ty::Any,
        Ty::Any,
        Ty::Any,
        Ty::Any,
        Ty::Any,
        Ty::Any,
    ],
];
const RAISES: usize = 9;
const PANICS: usize = 10;
const CALLS: usize = 6;

fn functions() -> [Function; 12] {
    type P = ObjectArc<Point>;
    [
        typed("none", || ()),
        typed("int", |value: i64| value),
        typed("texts", |text: Str, _: Bytes| text),
        typed("points", |one: P, other: Option<P>| {
            one.x + other.map_or(0, |other| other.x)
        }),
        typed("any", |any: Any, _: Array| any),
        typed("numbers", |_: i8, _: u32, float: f64, _: bool| float),
        typed("calls", |function: Function, argument: Any| {
            function.call_packed(&[argument.view()])
        }),
        typed("objects", |one: ObjectRef, _: ObjectRef, _: ObjectRef| one),
        typed("maybe", |text: Option<Str>| text),
        typed("raises", |_: Any| {
            Err::<(), _>(Error::new(RAISED.0, RAISED.1))
        }),
        typed("panics", |_: Any| -> () { quiet::panic() }),
        typed(
            "eight",
            |a: Any, _: Any, _: Any, _: Any, _: Any, _: Any, _: Any, _: Any| a,
        ),
    ]
}

/// What became of an argument's conversion.
enum Fit {
    /// It fits; what it is to the function, where the model follows that.
    Fits(Option<V>),
    TypeError,
    OverflowError,
}

/// A variable that can be moved out of, and what the model thinks is in it.
struct Variable {
    object: *mut ObjectHeader,
    value: Option<V>,
}

/// The functions, the variables, and who has which name.
pub struct World {
    functions: [Function; 12],
    variables: Vec<Variable>,
    names: HashMap<u8, (u8, Function)>,
}

const NAMES: [&str; 4] = ["fuzz.calls.0", "fuzz.calls.1", "", "fuzz.calls.\u{e9}"];

impl Play for World {
    type Op = CallOp;

    fn begin() -> Self {
        let variables = (0..4).map(|x| {
            let mut variable = Variable {
                object: std::ptr::null_mut(),
                value: None,
            };
            variable.fill(&V::Point(x));
            variable
        });
        Self {
            functions: functions(),
            variables: variables.collect(),
            names: HashMap::new(),
        }
    }

    fn apply(&mut self, op: &CallOp) {
        match op {
            CallOp::Call(function, args, below) => self.call(usize::from(*function), args, *below),
            CallOp::Refill(which, value) => self.variables[usize::from(*which)].fill(value),
            CallOp::Register(name, how, instead) => self.register(*name, *how, *instead),
            CallOp::Named(name, argument) => {
                let found = Function::get_global(NAMES[usize::from(*name)]);
                let known = self.names.get(name);
                assert_eq!(found.is_some(), known.is_some());
                let (Some(found), Some((how, known))) = (found, known) else {
                    return;
                };
                assert!(ObjectArc::ptr_eq(found.as_object(), known.as_object()));
                let arg = Any::from(*argument);
                let result =
                    quietly(|| found.call_packed(&[arg.view()])).expect("a panic came out");
                nested(*how, &V::Int(*argument), result);
            }
            CallOp::Remove(name) => {
                let there = self.names.remove(name).is_some();
                assert_eq!(Function::remove_global(NAMES[usize::from(*name)]), there);
            }
        }
    }

    fn end(self) {
        for variable in self.variables {
            drop(variable.take());
        }
        for name in self.names.keys() {
            assert!(Function::remove_global(NAMES[usize::from(*name)]));
        }
    }
}

impl Variable {
    fn take(self) -> Option<ObjectRef> {
        // SAFETY: null, or a reference that the variable owns.
        NonNull::new(self.object).map(|object| unsafe { ObjectRef::from_raw(object) })
    }

    fn fill(&mut self, value: &V) {
        let made = value.make().expect("memory").get::<ObjectRef>().ok();
        let value = made.is_some().then(|| value.clone());
        let object = made.map_or(std::ptr::null_mut(), |object| {
            ObjectArc::into_raw(object).as_ptr()
        });
        drop(std::mem::replace(self, Self { object, value }).take());
    }
}

/// What a function of [`V::Function`] answers.
fn nested(how: u8, argument: &V, result: Result<Any, Error>) {
    match (how, result) {
        (0, Ok(any)) => argument.check(&any),
        (1, Err(error)) => assert_eq!((error.kind(), error.message()), RAISED),
        (2, Err(error)) => {
            assert_eq!(error.kind(), "PanicError");
            assert!(error.message().contains(quiet::EXPECTED));
        }
        (how, result) => panic!("function {how} answered {result:?}"),
    }
}

impl World {
    fn register(&mut self, name: u8, how: u8, instead: bool) {
        let function = V::Function(how)
            .make()
            .expect("memory")
            .get::<Function>()
            .expect("one");
        let outcome = function.register_global(NAMES[usize::from(name)], instead);
        let taken = self.names.contains_key(&name);
        assert_eq!(outcome.is_ok(), instead || !taken);
        match outcome {
            Ok(()) => drop(self.names.insert(name, (how, function))),
            Err(error) => assert_eq!(error.kind(), "ValueError"),
        }
    }

    fn raw(&mut self, arg: &Arg, owned: &mut Vec<Any>) -> RawAny {
        match arg {
            Arg::Value(value) => {
                let any = value.make().expect("memory");
                let raw = *any.view().raw();
                owned.push(any);
                raw
            }
            Arg::Moved(which) => {
                let place = &raw mut self.variables[usize::from(*which)].object;
                let mut raw = RawAny {
                    type_index: index::RVALUE_REF,
                    ..RawAny::NONE
                };
                raw.value = AnyValue {
                    pointer: place.cast(),
                };
                raw
            }
            Arg::Small(text, small_len, bytes) => RawAny {
                type_index: if *text {
                    index::SMALL_STR
                } else {
                    index::SMALL_BYTES
                },
                small_len: *small_len,
                value: AnyValue { bytes: *bytes },
            },
            Arg::Junk(type_index, small_len, bits) => RawAny {
                type_index: *type_index,
                small_len: *small_len,
                value: AnyValue { int: *bits as i64 },
            },
            Arg::Null(type_index) => RawAny::object(*type_index, std::ptr::null_mut()),
        }
    }

    /// An argument as a parameter's type; takes out of the variable what the function would.
    fn fit(&mut self, arg: &Arg, ty: Ty) -> Fit {
        let point = Point::type_index().expect("registered");
        let or_error = |fits: bool, value: &V| {
            if fits {
                Fit::Fits(Some(value.clone()))
            } else {
                Fit::TypeError
            }
        };
        let wanted = match ty {
            Ty::Object => Some(index::OBJECT),
            Ty::Point | Ty::OptPoint => Some(point),
            Ty::Array => Some(index::ARRAY),
            Ty::Function => Some(index::FUNCTION),
            _ => None,
        };
        match arg {
            Arg::Value(value) => match (ty, wanted) {
                (Ty::Any, _) => or_error(true, value),
                (Ty::OptStr | Ty::OptPoint, _) if *value == V::None => or_error(true, value),
                (_, Some(wanted)) => or_error(value.is_object_of(wanted), value),
                (Ty::Bool, _) => or_error(matches!(value, V::Bool(_)), value),
                (Ty::I64, _) => value
                    .int()
                    .map_or(Fit::TypeError, |int| Fit::Fits(Some(V::Int(int)))),
                (Ty::I8, _) => narrow(value, |int| i8::try_from(int).is_ok()),
                (Ty::U32, _) => narrow(value, |int| u32::try_from(int).is_ok()),
                (Ty::F64, _) => match value.float() {
                    Some(float) => Fit::Fits(Some(V::Float(float.to_bits()))),
                    None => Fit::TypeError,
                },
                (Ty::Str | Ty::OptStr, _) => or_error(matches!(value, V::Str(_)), value),
                _ => or_error(matches!(value, V::Bytes(_)), value),
            },
            Arg::Moved(which) => {
                let there = &mut self.variables[usize::from(*which)].value;
                match (there.clone(), wanted) {
                    (value, None) if ty == Ty::Any => {
                        *there = None;
                        Fit::Fits(Some(value.unwrap_or(V::None)))
                    }
                    (None, _) if ty == Ty::OptPoint => Fit::Fits(Some(V::None)),
                    (Some(value), Some(wanted)) if value.is_object_of(wanted) => {
                        *there = None;
                        Fit::Fits(Some(value))
                    }
                    _ => Fit::TypeError,
                }
            }
            Arg::Small(is_text, len, bytes) => {
                let said = bytes[..7].get(..*len as usize);
                let text = said
                    .filter(|_| *is_text)
                    .and_then(|bytes| std::str::from_utf8(bytes).ok());
                match ty {
                    Ty::Any => Fit::Fits(None),
                    Ty::Str | Ty::OptStr if text.is_some() => Fit::Fits(None),
                    Ty::Bytes if !is_text && said.is_some() => Fit::Fits(None),
                    _ => Fit::TypeError,
                }
            }
            // Text that is not there is empty; an object that is not there is no value.
            Arg::Null(index::RAW_STR | index::BYTE_SLICE_PTR) if ty == Ty::Any => Fit::Fits(None),
            Arg::Junk(..) | Arg::Null(_) => Fit::TypeError,
        }
    }

    fn call(&mut self, function: usize, args: &[Arg], below: bool) {
        let mut owned = Vec::new();
        let raws: Vec<RawAny> = args.iter().map(|arg| self.raw(arg, &mut owned)).collect();
        let count = if below { -1 } else { raws.len() as i32 };
        let args = if below { &[] } else { args };
        let callee = self.functions[function].clone();
        let mut raw = RawAny::NONE;
        // SAFETY: SafeCall's contract, but for what the arguments say they are: each is defined for
        // its number, or of a number that nothing is read for.
        let status = quietly(|| unsafe {
            let address = if raws.is_empty() {
                null()
            } else {
                raws.as_ptr()
            };
            let object = ObjectArc::as_ptr(callee.as_object()).as_ptr().cast();
            (callee.as_object().safe_call())(object, address, count, &raw mut raw)
        });
        // SAFETY: written by the call, or NONE.
        let result = unsafe { Any::from_raw(raw) };
        let result = match status.expect("a panic came out of a call") {
            0 => Ok(result),
            _ => Err(result.into_error()),
        };
        self.judge(function, args, result);
        drop(owned);
        for variable in &self.variables {
            assert_eq!(
                variable.object.is_null(),
                variable.value.is_none(),
                "what was moved"
            );
        }
    }

    fn judge(&mut self, function: usize, args: &[Arg], result: Result<Any, Error>) {
        let signature = SIGNATURES[function];
        let mut values = Vec::new();
        let refused = if signature.len() == args.len() {
            let mut refused = None;
            for (at, (arg, &ty)) in args.iter().zip(signature).enumerate() {
                match self.fit(arg, ty) {
                    Fit::Fits(value) => values.push(value),
                    Fit::TypeError => {
                        refused = Some(("TypeError", format!("argument {}:", at + 1)))
                    }
                    Fit::OverflowError => {
                        refused = Some(("OverflowError", format!("argument {}:", at + 1)));
                    }
                }
                if refused.is_some() {
                    break;
                }
            }
            refused
        } else {
            Some(("TypeError", format!("got {}", args.len())))
        };
        if let Some((kind, text)) = refused {
            let error = result.expect_err("the arguments do not fit");
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.message().contains(&text), "{error}");
            return;
        }
        match function {
            RAISES => nested(1, &V::None, result),
            PANICS => nested(2, &V::None, result),
            CALLS => {
                if let (Some(V::Function(how)), Some(argument)) = (&values[0], &values[1]) {
                    nested(*how, argument, result);
                }
            }
            3 => {
                let x = |value: &Option<V>| match value {
                    Some(V::Point(x) | V::Named(x, _)) => *x,
                    _ => 0,
                };
                V::Int(x(&values[0]) + x(&values[1])).check(&result.expect("fits"));
            }
            5 => values[2]
                .iter()
                .for_each(|float| float.check(result.as_ref().expect("fits"))),
            _ => {
                let result = result.expect("fits");
                match values.first() {
                    Some(Some(value)) => value.check(&result),
                    Some(None) => {}
                    None => V::None.check(&result),
                }
            }
        }
    }
}

fn narrow(value: &V, fits: impl Fn(i64) -> bool) -> Fit {
    match value {
        V::Int(int) if !fits(*int) => Fit::OverflowError,
        value => match value.int() {
            Some(int) => Fit::Fits(Some(V::Int(int))),
            None => Fit::TypeError,
        },
    }
}
