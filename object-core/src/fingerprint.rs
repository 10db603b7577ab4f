//! One number for a layout: equal layouts have equal numbers, in every build of every library.

use crate::abi::{ByteSlice, TypeDesc};

/// FNV-1a, 64 bits: short, stable, the same everywhere.
struct Fnv(u64);

impl Fnv {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        // The length, so that ("ab", "c") and ("a", "bc") differ.
        self.number(bytes.len() as u64);
    }

    fn number(&mut self, number: u64) {
        for byte in number.to_le_bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

/// The fingerprint of a type: size, alignment, flags, fields (name, kind, offset, flags, and the key
/// of the type an object must be of), parent's key. Documentation and methods do not count: they may
/// improve without breaking anybody.
///
/// `key_of` answers a type's key by its number, which is another one in another process.
///
/// # Safety
///
/// The description's pointers are readable, and so are the keys.
pub(crate) unsafe fn fingerprint(
    desc: &TypeDesc,
    parent_key: ByteSlice,
    key_of: impl Fn(i32) -> ByteSlice,
) -> u64 {
    let mut hash = Fnv::new();
    hash.number(u64::from(desc.size));
    hash.number(u64::from(desc.align));
    hash.number(u64::from(desc.flags));
    // SAFETY: the caller's contract.
    hash.bytes(unsafe { parent_key.as_bytes() });
    for i in 0..desc.num_fields as usize {
        // SAFETY: the caller's contract: `num_fields` entries.
        let field = unsafe { &*desc.fields.add(i) };
        // SAFETY: as above.
        hash.bytes(unsafe { field.name.as_bytes() });
        hash.number(u64::from(field.kind));
        hash.number(u64::from(field.offset));
        hash.number(u64::from(field.flags));
        if field.value_kind != 0 {
            hash.number(u64::from(field.value_kind));
        }
        if field.names_type() {
            // SAFETY: as above.
            hash.bytes(unsafe { key_of(field.type_index).as_bytes() });
        }
    }
    hash.0
}
