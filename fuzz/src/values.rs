//! Values as the model knows them, and what each is to every type.

use object_core::{
    Any, AnyView, Array, Bytes, CastError, Error, Function, NewError, ObjectArc, ObjectRef, Str,
    type_index as index,
};

use crate::objects::{Named, Point};
use crate::program::Reader;
use crate::quiet;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum V {
    /// None.
    None,
    /// A bool.
    Bool(bool),
    /// An int.
    Int(i64),
    /// A float, by its bits.
    Float(u64),
    /// A string.
    Str(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A [`Point`].
    Point(i64),
    /// A [`Named`].
    Named(i64, String),
    /// An array.
    Array(Vec<V>),
    /// An error, and how many causes it has.
    Error(String, String, u8),
    /// A function that returns its first argument (0), raises (1) or panics (2).
    Function(u8),
}

/// What the functions of [`V::Function`] raise.
pub const RAISED: (&str, &str) = ("LookupError", "raised by a function");

impl V {
    /// Any value, arrays nested at most `depth` deep.
    pub fn decode(from: &mut Reader<'_>, depth: u8) -> Self {
        match from.byte() % 16 {
            0 => Self::None,
            1 => Self::Bool(from.flag()),
            2..=4 => Self::Int(match from.byte() {
                negative @ 0..=63 => -i64::from(negative),
                _ => from.edge() as i64,
            }),
            5 => Self::Float(match from.byte() {
                whole @ 0..=127 => f64::from(whole).to_bits(),
                _ => from.long(),
            }),
            6 | 7 => Self::Str(from.text(20)),
            8 | 9 => Self::Bytes(from.bytes(20)),
            10 => Self::Point(from.byte().into()),
            11 => Self::Named(from.byte().into(), from.text(12)),
            12 | 13 if depth > 0 => {
                let len = from.below(5);
                Self::Array((0..len).map(|_| Self::decode(from, depth - 1)).collect())
            }
            14 => Self::Error(from.text(10), from.text(10), from.byte() % 4),
            _ => Self::Function(from.byte() % 3),
        }
    }

    /// The value, made.
    ///
    /// # Errors
    ///
    /// No memory.
    pub fn make(&self) -> Result<Any, NewError> {
        Ok(match self {
            Self::None => Any::NONE,
            Self::Bool(value) => (*value).into(),
            Self::Int(value) => (*value).into(),
            Self::Float(bits) => f64::from_bits(*bits).into(),
            Self::Str(text) => Str::try_new(text)?.into(),
            Self::Bytes(bytes) => Bytes::try_new(bytes)?.into(),
            Self::Point(x) => ObjectArc::try_new(Point::at(*x))
                .map_err(|error| error.cause)?
                .into(),
            Self::Named(x, name) => {
                let named = Named::new(*x, Str::try_new(name)?);
                ObjectArc::try_new(named)
                    .map_err(|error| error.cause)?
                    .into()
            }
            Self::Array(values) => match Array::try_from_fn(values.len(), |i| values[i].make())? {
                Ok(array) => array.into(),
                Err(error) => return Err(error),
            },
            Self::Error(kind, message, causes) => {
                let mut cause = None;
                for _ in 0..*causes {
                    cause = Some(Error::try_with("Cause", "of another", cause, None)?);
                }
                Error::try_with(kind, message, cause, None)?.into()
            }
            Self::Function(how) => function(*how)?.into(),
        })
    }

    /// The number of its type.
    #[must_use]
    pub fn number(&self) -> i32 {
        let number = |value: Result<i32, _>| value.expect("registered");
        match self {
            Self::None => index::NONE,
            Self::Bool(_) => index::BOOL,
            Self::Int(_) => index::INT,
            Self::Float(_) => index::FLOAT,
            Self::Str(text) => {
                if text.len() > 7 {
                    index::STR
                } else {
                    index::SMALL_STR
                }
            }
            Self::Bytes(bytes) => {
                if bytes.len() > 7 {
                    index::BYTES
                } else {
                    index::SMALL_BYTES
                }
            }
            Self::Point(_) => number(<Point as object_core::Object>::type_index()),
            Self::Named(..) => number(<Named as object_core::Object>::type_index()),
            Self::Array(_) => index::ARRAY,
            Self::Error(..) => index::ERROR,
            Self::Function(_) => index::FUNCTION,
        }
    }

    /// Whether a value of this kind is an object of type `wanted`.
    #[must_use]
    pub fn is_object_of(&self, wanted: i32) -> bool {
        let point = || <Point as object_core::Object>::type_index().ok();
        let text = matches!(self, Self::Str(_) | Self::Bytes(_)) && wanted == index::OBJECT;
        self.number() >= index::OBJECT
            && !text
            && (wanted == index::OBJECT
                || wanted == self.number()
                || (matches!(self, Self::Named(..)) && Some(wanted) == point()))
    }

    /// The int that it is.
    #[must_use]
    pub fn int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            Self::Bool(value) => Some((*value).into()),
            _ => None,
        }
    }

    /// The bits of the float that it is.
    #[must_use]
    pub fn float(&self) -> Option<f64> {
        match self {
            Self::Float(bits) => Some(f64::from_bits(*bits)),
            _ => self.int().map(|value| value as f64),
        }
    }

    /// Whether `any` holds this value: by its type, and as every type.
    pub fn check(&self, any: &Any) {
        assert_eq!(any.type_index(), self.number());
        assert_eq!(any.is_none(), *self == Self::None);
        assert_eq!(any.get::<()>().is_ok(), *self == Self::None);
        let bool = if let Self::Bool(value) = self {
            Some(*value)
        } else {
            None
        };
        same(any.get::<bool>(), bool);
        same(any.get::<i64>(), self.int());
        same(
            any.get::<i8>(),
            self.int().and_then(|value| value.try_into().ok()),
        );
        same(
            any.get::<u8>(),
            self.int().and_then(|value| value.try_into().ok()),
        );
        same(
            any.get::<i16>(),
            self.int().and_then(|value| value.try_into().ok()),
        );
        same(
            any.get::<u32>(),
            self.int().and_then(|value| value.try_into().ok()),
        );
        same(
            any.get::<f64>().map(f64::to_bits),
            self.float().map(f64::to_bits),
        );
        let text = if let Self::Str(text) = self {
            Some(text)
        } else {
            None
        };
        same(any.get::<Str>().map(|text| text.to_string()), text.cloned());
        assert_eq!(any.view().as_str(), text.map(String::as_str));
        let bytes = if let Self::Bytes(bytes) = self {
            Some(bytes)
        } else {
            None
        };
        same(
            any.get::<Bytes>().map(|bytes| bytes.to_vec()),
            bytes.cloned(),
        );
        assert_eq!(
            any.view().as_bytes(),
            bytes.map(Vec::as_slice).or(text.map(String::as_bytes))
        );
        let point = match self {
            Self::Point(x) | Self::Named(x, _) => Some(*x),
            _ => None,
        };
        same(any.get::<ObjectArc<Point>>().map(|point| point.x), point);
        let name = if let Self::Named(_, name) = self {
            Some(name.clone())
        } else {
            None
        };
        same(
            any.get::<ObjectArc<Named>>()
                .map(|named| named.name.to_string()),
            name,
        );
        let object = any.get::<ObjectRef>();
        assert_eq!(object.is_ok(), self.is_object_of(index::OBJECT));
        assert_eq!(
            any.get::<Option<ObjectRef>>().is_ok(),
            object.is_ok() || any.is_none()
        );
        assert_eq!(any.get::<Option<i64>>().ok().flatten(), self.int());
        match (any.get::<Array>(), self) {
            (Ok(array), Self::Array(values)) => {
                assert_eq!(
                    (array.len(), array.is_empty()),
                    (values.len(), values.is_empty())
                );
                assert!(array.get(values.len()).is_none());
                values
                    .iter()
                    .zip(&array)
                    .for_each(|(value, any)| value.check(any));
            }
            (array, value) => assert!(array.is_err() && !matches!(value, Self::Array(_))),
        }
        match (any.get::<Error>(), self) {
            (Ok(error), Self::Error(kind, message, causes)) => {
                assert_eq!(
                    (error.kind(), error.message()),
                    (kind.as_str(), message.as_str())
                );
                let chain = std::iter::successors(error.cause(), Error::cause);
                assert_eq!(chain.count(), usize::from(*causes));
            }
            (error, value) => assert!(error.is_err() && !matches!(value, Self::Error(..))),
        }
        assert_eq!(
            any.get::<Function>().is_ok(),
            matches!(self, Self::Function(_))
        );
    }
}

/// A cast's outcome against the model's; a refusal names what came.
fn same<T: PartialEq + std::fmt::Debug>(got: Result<T, CastError>, wanted: Option<T>) {
    assert_eq!(got.ok(), wanted);
}

fn function(how: u8) -> Result<Function, NewError> {
    Function::try_from_packed(move |args: &[AnyView<'_>]| match how {
        0 => Ok(args
            .first()
            .copied()
            .unwrap_or(AnyView::NONE)
            .try_to_owned()?),
        1 => Err(Error::new(RAISED.0, RAISED.1)),
        _ => quiet::panic(),
    })
}
