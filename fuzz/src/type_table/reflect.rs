//! Types of fields alone, whose places the table chooses.

use object_core::abi::FieldKind;
use object_core::table::register_status as status;
use object_core::{FieldSpec, RegisterError, register_reflected, type_index as index};

use super::ops::{Description, Field, Pick};
use super::{World, key_of};
use crate::heap::{self, failing};

impl World {
    pub(super) fn reflect(&mut self, key: u8, parent: Pick, fields: &[Field], fail: usize) {
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
                value_kind: None,
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
            RegisterError::Conflict => status::CONFLICT,
            RegisterError::UnknownParent => status::UNKNOWN_PARENT,
            RegisterError::BadDescription => status::BAD_DESCRIPTION,
            RegisterError::OutOfMemory => status::OUT_OF_MEMORY,
            other => panic!("{other}"),
        });
        self.settle(answer, failed, taken, bytes, parent, &described, wanted);
    }
}
