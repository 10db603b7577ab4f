//! The first instructions: from QEMU's 32-bit PVH entry to Rust in long mode.
//!
//! In: protected mode, no paging, interrupts off, the start info's address in `ebx`. The first GiB is
//! mapped to itself by pages of 2 MiB, and SSE is switched on, because the prebuilt core uses it.

use core::arch::global_asm;

/// The stack of everything that is no interrupt, in bytes.
pub(crate) const STACK: usize = 64 << 10;

global_asm!(
    r#"
    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 8, 18              // name's size, value's size, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad pvh_start

    .section .bss.boot, "aw", @nobits
    .balign 4096
boot_pml4:  .skip 4096
boot_pdpt:  .skip 4096
boot_pd:    .skip 4096
    .globl stack_bottom, stack_top
stack_bottom:
    .skip {stack}
stack_top:

    .section .data.boot, "aw"
    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00af9a000000ffff    // 0x08: 64-bit code
    .quad 0x00cf92000000ffff    // 0x10: data
boot_gdt_pointer:
    .word 23
    .quad boot_gdt

    .section .text.boot, "ax"
    .code32
    .globl pvh_start
pvh_start:
    cli
    cld
    movl $stack_top, %esp
    movl $boot_pdpt + 3, boot_pml4      // present, writable
    movl $boot_pd + 3, boot_pdpt
    movl $boot_pd, %edi
    movl $0x83, %eax                    // present, writable, 2 MiB
    movl $512, %ecx
1:  movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    decl %ecx
    jnz 1b
    movl %cr4, %eax
    orl $0x620, %eax                    // PAE, OSFXSR, OSXMMEXCPT
    movl %eax, %cr4
    movl $boot_pml4, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx              // EFER
    rdmsr
    orl $0x100, %eax                    // long mode
    wrmsr
    movl %cr0, %eax
    andl $~0x4, %eax                    // no x87 emulation
    orl $0x80000003, %eax               // paging, MP, PE
    movl %eax, %cr0
    lgdt boot_gdt_pointer
    ljmp $0x08, $2f
    .code64
2:  movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    xorl %eax, %eax
    movw %ax, %fs
    movw %ax, %gs
    movq $stack_top, %rsp
    movl %ebx, %edi                     // the start info
    xorl %ebp, %ebp
    call kernel_main
3:  hlt
    jmp 3b
    "#,
    stack = const STACK,
    options(att_syntax)
);

unsafe extern "C" {
    static mut stack_bottom: [u64; STACK / 8];
    static mut kernel_end: u8;
}

/// Where the kernel ends and free memory begins.
pub(crate) fn end_of_kernel() -> usize {
    (&raw const kernel_end).addr()
}

const UNTOUCHED: u64 = 0x5747_u64 << 40 | 0xCAFE;

/// Paints the unused part of the stack, so that [`deepest`] can tell how far it was used.
pub(crate) fn paint_stack() {
    let now = 0u64;
    let bottom = &raw mut stack_bottom;
    let used_from = ((&raw const now).addr() - bottom.addr()) / 8;
    for at in 0..used_from.saturating_sub(64) {
        // SAFETY: below the frames in use, with room for this function's own; nobody else writes
        // the stack.
        unsafe { (&raw mut (*bottom)[at]).write_volatile(UNTOUCHED) };
    }
}

/// How many bytes of the stack were used at most since [`paint_stack`].
pub(crate) fn deepest() -> usize {
    let bottom = &raw const stack_bottom;
    let mut at = 0;
    // SAFETY: inside the stack; words in use are only read.
    while at < STACK / 8 && unsafe { (&raw const (*bottom)[at]).read_volatile() } == UNTOUCHED {
        at += 1;
    }
    STACK - at * 8
}
