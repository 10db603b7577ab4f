//! Room in vectors and texts, asked for without panicking.
//!
//! `Vec::push` and its like make room by themselves, and panic where there is no memory; that room
//! was made before is nothing that the compiler knows. Here each looks once more, so that nothing of
//! this crate calls what panics for want of memory: `ci/no_std.sh` reads that from the machine code.

use alloc::string::String;
use alloc::vec::Vec;

/// There was no memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoMemory;

/// An empty vector with room for `len` items.
pub(crate) fn with_room<T>(len: usize) -> Result<Vec<T>, NoMemory> {
    let mut room = Vec::new();
    room.try_reserve_exact(len).map_err(|_| NoMemory)?;
    Ok(room)
}

/// Puts an item at the end, where room was made for it.
#[inline]
pub(crate) fn put<T>(to: &mut Vec<T>, item: T) {
    assert!(to.len() < to.capacity(), "no room was made");
    to.push(item);
}

/// Puts an item at the end; without memory for it, it is dropped.
#[inline]
pub(crate) fn push<T>(to: &mut Vec<T>, item: T) -> Result<(), NoMemory> {
    to.try_reserve(1).map_err(|_| NoMemory)?;
    put(to, item);
    Ok(())
}

/// An owned copy of items.
pub(crate) fn copied<T: Copy>(items: &[T]) -> Result<Vec<T>, NoMemory> {
    let mut copy = with_room(items.len())?;
    assert!(items.len() <= copy.capacity() - copy.len(), "room was made");
    copy.extend_from_slice(items);
    Ok(copy)
}

/// As many zeros.
pub(crate) fn zeros(len: usize) -> Result<Vec<u8>, NoMemory> {
    let mut zeros = with_room(len)?;
    assert!(len <= zeros.capacity() - zeros.len(), "room was made");
    zeros.extend(core::iter::repeat_n(0, len));
    Ok(zeros)
}

/// Puts text at the end of another.
pub(crate) fn append(to: &mut String, text: &str) -> Result<(), NoMemory> {
    to.try_reserve(text.len()).map_err(|_| NoMemory)?;
    assert!(text.len() <= to.capacity() - to.len(), "room was made");
    to.push_str(text);
    Ok(())
}

/// A value that is never freed.
pub(crate) fn leak<T>(value: T) -> Result<&'static T, NoMemory> {
    let mut one = with_room(1)?;
    put(&mut one, value);
    Ok(&one.leak()[0])
}
