//! What interrupts run: stubs that keep every register, and the two handlers behind them.
//!
//! Handlers run with interrupts off, on their own stacks, and may interrupt any instruction outside
//! of a `MaskedLock` (the single-step trap: any instruction at all).

use core::arch::global_asm;
use core::ptr::{self, null_mut};
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::stop::fail;
use crate::tables::{self, Stack};

global_asm!(
    r#"
    .macro interrupt_stub name, handler
    .globl \name
\name:
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %rbp
    movq %rsp, %rbp
    subq $512, %rsp
    andq $-16, %rsp
    fxsave64 (%rsp)
    cld
    call \handler
    fxrstor64 (%rsp)
    movq %rbp, %rsp
    popq %rbp
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rax
    iretq
    .endm

    .text
    interrupt_stub timer_stub, on_timer
    interrupt_stub step_stub, on_step

    .globl fault_stubs
    .set vector, 0
    .balign 16
fault_stubs:
    .rept 48
    .balign 16
    pushq $vector
    jmp fault_common
    .set vector, vector + 1
    .endr
fault_common:
    movq (%rsp), %rdi
    leaq 8(%rsp), %rsi
    movq %cr2, %rdx
    andq $-16, %rsp
    call on_fault
    "#,
    options(att_syntax)
);

unsafe extern "C" {
    fn timer_stub();
    fn step_stub();
    static fault_stubs: [[u8; 16]; VECTORS];
}

const VECTORS: usize = 48;
const STEP: usize = 1;
/// Where the interrupt controller's lines begin; the timer is its line 0.
pub(crate) const LINES: usize = 32;

/// A function to call at each interrupt of a kind, or none.
struct Hook(AtomicPtr<()>);

static TIMER: Hook = Hook(AtomicPtr::new(null_mut()));
static STEPPING: Hook = Hook(AtomicPtr::new(null_mut()));

impl Hook {
    fn set(&self, hook: fn()) {
        self.0.store(hook as *mut (), Ordering::Relaxed);
    }

    fn call(&self) {
        // SAFETY: null (None), or what `set` stored: an Option<fn()> has the layout of a pointer.
        let hook = unsafe {
            core::mem::transmute::<*mut (), Option<fn()>>(self.0.load(Ordering::Relaxed))
        };
        if let Some(hook) = hook {
            hook();
        }
    }
}

/// Calls `hook` at each timer interrupt from now on.
pub(crate) fn at_timer(hook: fn()) {
    TIMER.set(hook);
}

/// Calls `hook` after each instruction while the trap flag is set.
pub(crate) fn at_step(hook: fn()) {
    STEPPING.set(hook);
}

/// Loads the tables: every vector leads somewhere.
///
/// # Safety
///
/// Once, before interrupts are on.
pub(crate) unsafe fn install() {
    // SAFETY: by the caller; the stubs leave by `iretq`, or never.
    unsafe {
        for (vector, stub) in fault_stubs.iter().enumerate() {
            tables::set(vector, ptr::from_ref(stub).addr(), Stack::Fault);
        }
        tables::set(STEP, step_stub as *const () as usize, Stack::Step);
        tables::set(LINES, timer_stub as *const () as usize, Stack::Timer);
        tables::load();
    }
}

#[unsafe(no_mangle)]
extern "C" fn on_timer() {
    TIMER.call();
    done();
}

/// Tells the interrupt controller that its interrupt was served.
fn done() {
    // SAFETY: the controller's end-of-interrupt command.
    unsafe { crate::port::write(0x20, 0x20) };
}

#[unsafe(no_mangle)]
extern "C" fn on_step() {
    STEPPING.call();
}

/// # Safety
///
/// `frame` is the stack as the processor left it: at least four words.
#[unsafe(no_mangle)]
unsafe extern "C" fn on_fault(vector: usize, frame: *const [u64; 4], address: usize) -> ! {
    // SAFETY: by the caller.
    let frame = unsafe { *frame };
    fail(format_args!(
        "interrupt {vector}, stack {frame:#x?}, cr2 {address:#x}"
    ))
}
