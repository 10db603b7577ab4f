//! [`Near`], the hasher of what is found by an address: neighbours in memory are neighbours in the table.

use core::hash::Hasher;

/// Hashes addresses of objects, or the numbers of regions of memory, so that they stay in their order: what
/// comes by in about the order in which it was made finds at hand what it needs next.
///
/// The low 4 bits do not count: an address has none, and of regions those with the same stand in one table.
#[derive(Default)]
pub(crate) struct Near(u64);

impl Hasher for Near {
    fn finish(&self) -> u64 {
        // A table begins to look by the low bits, and tells entries apart by the seven highest.
        let apart = self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) & (0x7F << 57);
        (self.0 >> 4 & !(0x7F << 57)) | apart
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_usize(usize::from(byte));
        }
    }

    fn write_usize(&mut self, number: usize) {
        self.0 = self.0.rotate_left(8) ^ number as u64;
    }
}
