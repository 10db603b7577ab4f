//! Memory that lives as long as the process, asked for without panicking.

use alloc::boxed::Box;
use alloc::vec::Vec;

/// There was no memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoMemory;

/// A copy of `items` that is never freed.
pub(crate) fn leak_slice<T: Copy>(items: &[T]) -> Result<&'static [T], NoMemory> {
    let mut copy: Vec<T> = Vec::new();
    copy.try_reserve_exact(items.len()).map_err(|_| NoMemory)?;
    copy.extend_from_slice(items);
    Ok(copy.leak())
}

/// A value that is never freed.
pub(crate) fn leak<T>(value: T) -> Result<&'static T, NoMemory> {
    let mut one: Vec<T> = Vec::new();
    one.try_reserve_exact(1).map_err(|_| NoMemory)?;
    one.push(value);
    Ok(&one.leak()[0])
}

/// An owned copy of bytes.
pub(crate) fn boxed(bytes: &[u8]) -> Result<Box<[u8]>, NoMemory> {
    let mut copy: Vec<u8> = Vec::new();
    copy.try_reserve_exact(bytes.len()).map_err(|_| NoMemory)?;
    copy.extend_from_slice(bytes);
    Ok(copy.into_boxed_slice())
}
