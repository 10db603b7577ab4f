//! What the machine was started with: free memory and the command line, from the PVH start info.

use core::ptr::with_exposed_provenance;

use crate::boot::end_of_kernel;
use crate::vectors;

/// As QEMU fills it in: version 1 of `hvm_start_info`.
#[repr(C)]
struct StartInfo {
    magic: u32,
    version: u32,
    flags: u32,
    num_modules: u32,
    modules: u64,
    command_line: u64,
    rsdp: u64,
    map: u64,
    map_len: u32,
    reserved: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Region {
    start: u64,
    size: u64,
    kind: u32,
    reserved: u32,
}

const MAGIC: u32 = 0x336E_C578;
const RAM: u32 = 1;
/// What the page tables of `boot` map.
const MAPPED: u64 = 1 << 30;

/// What was found.
pub(crate) struct Machine {
    /// The largest free region: its first and last-but-one address.
    pub(crate) free: core::ops::Range<usize>,
    /// The command line.
    pub(crate) command_line: &'static str,
}

/// Sets the processor up and reads the start info.
///
/// # Safety
///
/// Once, first; `info` is the address that `kernel_main` was given.
pub(crate) unsafe fn set_up(info: u64) -> Machine {
    // SAFETY: by the caller: interrupts were never on.
    unsafe { vectors::install() };
    // SAFETY: QEMU put the structure, the map and the line into low memory, mapped, and nothing of
    // the kernel's is there.
    unsafe {
        let info = &*with_exposed_provenance::<StartInfo>(info as usize);
        assert!(
            info.magic == MAGIC && info.version >= 1,
            "no PVH start info with a memory map"
        );
        let map = with_exposed_provenance::<Region>(info.map as usize);
        let regions = core::slice::from_raw_parts(map, info.map_len as usize);
        let text = with_exposed_provenance::<i8>(info.command_line as usize);
        let command_line = if info.command_line == 0 {
            c""
        } else {
            core::ffi::CStr::from_ptr(text)
        };
        Machine {
            free: largest(regions),
            command_line: command_line.to_str().unwrap_or(""),
        }
    }
}

fn largest(regions: &[Region]) -> core::ops::Range<usize> {
    let kernel = end_of_kernel() as u64;
    let mut best = 0..0;
    for region in regions.iter().filter(|region| region.kind == RAM) {
        let start = region.start.max(kernel);
        let end = region.start.saturating_add(region.size).min(MAPPED);
        if end.saturating_sub(start) > best.end - best.start {
            best = start..end;
        }
    }
    best.start as usize..best.end as usize
}
