//! Values in and out of serde's formats: text, bytes, plain values, arrays and maps of them.
//!
//! What has an identity has no written form: objects, functions and errors are refused by name. Lists and
//! dicts are written as they are at that moment, and read back as arrays and maps, which is what a
//! format has.

use alloc::vec::Vec;
use core::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error as _, Serialize, Serializer};

use crate::any::{Any, AnyView};
use crate::array::Array;
use crate::dict::Dict;
use crate::list::List;
use crate::map::Map;
use crate::str::{Bytes, Str};
use crate::type_index as index;
use crate::types::TypeName;

/// Containers inside each other are followed this deep: a list may hold itself.
const DEEPEST: u32 = 128;

impl Serialize for Str {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self)
    }
}

impl Serialize for Any {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        At { value: self.view(), depth: 0 }.serialize(serializer)
    }
}

impl Serialize for Array {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl Serialize for Map {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl Serialize for List {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Any::from(self.clone()).serialize(serializer)
    }
}

impl Serialize for Dict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Any::from(self.clone()).serialize(serializer)
    }
}

/// A value inside so many containers.
struct At<'a> {
    value: AnyView<'a>,
    depth: u32,
}

impl Serialize for At<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { value, depth } = *self;
        if depth > DEEPEST {
            return Err(S::Error::custom(format_args!(
                "containers more than {DEEPEST} deep inside each other: does one hold itself?"
            )));
        }
        let wrong = |error: crate::error_kinds::CastError| S::Error::custom(error);
        match value.type_index() {
            index::NONE => serializer.serialize_unit(),
            index::BOOL => serializer.serialize_bool(bool::try_from(value).map_err(wrong)?),
            index::INT => serializer.serialize_i64(i64::try_from(value).map_err(wrong)?),
            index::FLOAT => serializer.serialize_f64(f64::try_from(value).map_err(wrong)?),
            index::ARRAY => {
                let array = Array::try_from(value).map_err(wrong)?;
                serializer.collect_seq(array.iter().map(|value| below(value, depth)))
            }
            index::LIST => {
                let list = List::try_from(value).map_err(wrong)?;
                let values = list.try_to_vec().map_err(S::Error::custom)?;
                serializer.collect_seq(values.iter().map(|value| below(value, depth)))
            }
            index::MAP => {
                let map = Map::try_from(value).map_err(wrong)?;
                let pairs = map.iter().map(|(key, value)| (below(key, depth), below(value, depth)));
                serializer.collect_map(pairs)
            }
            index::DICT => {
                let dict = Dict::try_from(value).map_err(wrong)?;
                let flat = dict.try_to_flat().map_err(S::Error::custom)?;
                let pairs = flat.chunks_exact(2);
                serializer.collect_map(
                    pairs.map(|pair| (below(&pair[0], depth), below(&pair[1], depth))),
                )
            }
            got => match (value.as_str(), value.as_bytes()) {
                (Some(text), _) => serializer.serialize_str(text),
                (None, Some(bytes)) => serializer.serialize_bytes(bytes),
                (None, None) => Err(S::Error::custom(format_args!(
                    "a {} has no written form: write its fields one by one",
                    TypeName(got)
                ))),
            },
        }
    }
}

fn below(value: &Any, depth: u32) -> At<'_> {
    At { value: value.view(), depth: depth + 1 }
}

impl<'de> Deserialize<'de> for Str {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, "a string")
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Bytes::try_new(bytes).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Bytes, A::Error> {
                let mut bytes: Vec<u8> = Vec::new();
                while let Some(byte) = seq.next_element()? {
                    push(&mut bytes, byte)?;
                }
                Bytes::try_new(&bytes).map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_bytes(Read)
    }
}

impl<'de> Deserialize<'de> for Array {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, "a sequence")
    }
}

impl<'de> Deserialize<'de> for Map {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, "a map")
    }
}

impl<'de> Deserialize<'de> for List {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let array = Array::deserialize(deserializer)?;
        Self::try_from_values(array.iter().cloned()).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Dict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = Map::deserialize(deserializer)?;
        let pairs = map.iter().map(|(key, value)| (key.clone(), value.clone()));
        Self::try_from_pairs(pairs).map_err(D::Error::custom)
    }
}

/// Reads any value and takes it as a `T`.
fn read<'de, D: Deserializer<'de>, T>(deserializer: D, what: &str) -> Result<T, D::Error>
where
    T: for<'a> TryFrom<AnyView<'a>, Error = crate::error_kinds::CastError>,
{
    let value = Any::deserialize(deserializer)?;
    value
        .get::<T>()
        .map_err(|error| D::Error::custom(format_args!("expected {what}, got {}", TypeName(error.got()))))
}

fn push<T, E: serde::de::Error>(values: &mut Vec<T>, value: T) -> Result<(), E> {
    crate::room::push(values, value).map_err(|_| E::custom("out of memory"))
}

impl<'de> Deserialize<'de> for Any {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReadAny)
    }
}

/// Takes whatever the format has.
struct ReadAny;

impl<'de> Visitor<'de> for ReadAny {
    type Value = Any;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("none, a bool, a number, text, bytes, a sequence or a map")
    }

    fn visit_unit<E>(self) -> Result<Any, E> {
        Ok(Any::NONE)
    }

    fn visit_none<E>(self) -> Result<Any, E> {
        Ok(Any::NONE)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Any, D::Error> {
        Any::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Any, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Any, E> {
        Ok(value.into())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Any, E> {
        i64::try_from(value)
            .map(Any::from)
            .map_err(|_| E::custom(format_args!("{value} does not fit an int of 64 bits")))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Any, E> {
        Ok(value.into())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Any, E> {
        Str::try_new(text).map(Any::from).map_err(E::custom)
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Any, E> {
        Bytes::try_new(bytes).map(Any::from).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Any, A::Error> {
        let mut values: Vec<Any> = Vec::new();
        while let Some(value) = seq.next_element()? {
            push(&mut values, value)?;
        }
        Array::try_from_values(values).map(Any::from).map_err(A::Error::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Any, A::Error> {
        let mut flat: Vec<Any> = Vec::new();
        while let Some((key, value)) = map.next_entry::<Any, Any>()? {
            push(&mut flat, key)?;
            push(&mut flat, value)?;
        }
        Map::try_from_flat(flat).map(Any::from).map_err(|error| A::Error::custom(error.cause))
    }
}
