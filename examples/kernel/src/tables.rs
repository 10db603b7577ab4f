//! The processor's tables: segments, stacks for interrupts, interrupt vectors.
//!
//! Each kind of interrupt has a stack of its own (IST): the prebuilt core keeps values below its
//! stack pointer (the red zone), which an interrupt on the same stack would overwrite.

use core::arch::asm;
use core::cell::UnsafeCell;

/// Which stack a vector runs on: faults, the timer, the single-step trap.
#[derive(Clone, Copy)]
pub(crate) enum Stack {
    Fault = 1,
    Timer = 2,
    Step = 3,
}

const STACK: usize = 16 << 10;

#[repr(C, align(16))]
struct Stacks([[u8; STACK]; 3]);

/// The task state segment: nothing but the stacks' ends matters in long mode.
#[repr(C, packed(4))]
struct TaskState {
    reserved: u32,
    rings: [u64; 3],
    reserved_2: u64,
    ist: [u64; 7],
    reserved_3: u64,
    reserved_4: u16,
    io_map: u16,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Gate {
    low: u16,
    selector: u16,
    ist: u8,
    kind: u8,
    middle: u16,
    high: u32,
    reserved: u32,
}

const NO_GATE: Gate = Gate {
    low: 0,
    selector: 0,
    ist: 0,
    kind: 0,
    middle: 0,
    high: 0,
    reserved: 0,
};

/// What `lgdt` and `lidt` read.
#[repr(C, packed)]
struct Pointer {
    limit: u16,
    base: u64,
}

/// Memory that the processor reads; written before interrupts are on.
struct Table<T>(UnsafeCell<T>);

// SAFETY: written by `load` and `set` only, which run once each before interrupts are on.
unsafe impl<T> Sync for Table<T> {}

static STACKS: Table<Stacks> = Table(UnsafeCell::new(Stacks([[0; STACK]; 3])));
static GDT: Table<[u64; 5]> = Table(UnsafeCell::new([
    0,
    0x00AF_9A00_0000_FFFF,
    0x00CF_9200_0000_FFFF,
    0,
    0,
]));
static TSS: Table<TaskState> = Table(UnsafeCell::new(TaskState {
    reserved: 0,
    rings: [0; 3],
    reserved_2: 0,
    ist: [0; 7],
    reserved_3: 0,
    reserved_4: 0,
    io_map: size_of::<TaskState>() as u16,
}));
static IDT: Table<[Gate; 48]> = Table(UnsafeCell::new([NO_GATE; 48]));

/// Sends `vector` to the code at `handler`.
///
/// # Safety
///
/// Before interrupts are on; `handler` is code that leaves by `iretq` or never.
pub(crate) unsafe fn set(vector: usize, handler: usize, stack: Stack) {
    let gate = Gate {
        low: handler as u16,
        selector: 0x08,
        ist: stack as u8,
        kind: 0x8E, // present, interrupt gate
        middle: (handler >> 16) as u16,
        high: (handler >> 32) as u32,
        reserved: 0,
    };
    // SAFETY: nobody else uses the table now.
    unsafe { (*IDT.0.get())[vector] = gate };
}

/// Makes the tables the processor's.
///
/// # Safety
///
/// Once, before interrupts are on.
pub(crate) unsafe fn load() {
    let tss = TSS.0.get().addr() as u64;
    let limit = size_of::<TaskState>() as u64 - 1;
    // SAFETY: nobody else uses the tables now, and they are statics; the code and data segments are
    // those in force already.
    unsafe {
        for kind in 0..3 {
            let end = (&raw const (*STACKS.0.get()).0[kind]).addr() + STACK;
            (&raw mut (*TSS.0.get()).ist[kind]).write_unaligned(end as u64);
        }
        (*GDT.0.get())[3] = limit | (tss & 0xFF_FFFF) << 16 | 0x89 << 40 | (tss >> 24 & 0xFF) << 56;
        (*GDT.0.get())[4] = tss >> 32;
        let gdt = Pointer {
            limit: size_of::<[u64; 5]>() as u16 - 1,
            base: GDT.0.get().addr() as u64,
        };
        let idt = Pointer {
            limit: size_of::<[Gate; 48]>() as u16 - 1,
            base: IDT.0.get().addr() as u64,
        };
        asm!("lgdt [{}]", "lidt [{}]", "ltr {:x}", in(reg) &raw const gdt, in(reg) &raw const idt,
            in(reg) 0x18u16, options(nostack));
    }
}
