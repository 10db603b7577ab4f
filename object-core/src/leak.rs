//! Memory that lives as long as the process, asked for without panicking.

use alloc::boxed::Box;
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

/// A value that is never freed.
pub(crate) fn leak<T>(value: T) -> Result<&'static T, NoMemory> {
    let mut one = with_room(1)?;
    one.push(value);
    Ok(&one.leak()[0])
}

/// An owned copy of bytes.
pub(crate) fn boxed(bytes: &[u8]) -> Result<Box<[u8]>, NoMemory> {
    let mut copy = with_room(bytes.len())?;
    copy.extend_from_slice(bytes);
    Ok(copy.into_boxed_slice())
}
