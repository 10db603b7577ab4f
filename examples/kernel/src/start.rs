//! From the boot code to the report: sets memory up, runs every check, counts the pages.

use object_core::{NewError, ObjectArc, RuntimeState, runtime_state};

use crate::objects::Node;
use crate::print::say;
use crate::report::{in_use, leaves_nothing};
use crate::{
    arena, chain, costs, every_instruction, failures, frames, handles, heap, machine, owner,
    places, race,
};

/// A check that every allocation may fail in.
type Check = fn() -> Result<(), NewError>;

/// The first Rust code that runs.
///
/// # Safety
///
/// Called once, by the boot code, with the start info's address.
#[unsafe(no_mangle)]
unsafe extern "C" fn kernel_main(info: u64) -> ! {
    // SAFETY: first, and once.
    let machine = unsafe { machine::set_up(info) };
    // SAFETY: mapped by the boot code, free by the start info, and behind the kernel.
    unsafe { frames::give_memory(machine.free) };
    say!(
        "tieback kernel: {} frames of {} bytes",
        frames::counts().0,
        frames::FRAME
    );
    if let Err(error) = run(machine.command_line) {
        crate::stop::fail(format_args!("{error}"));
    }
    crate::stop::pass()
}

fn run(command_line: &str) -> Result<(), NewError> {
    owner::install();
    assert!(
        runtime_state() == RuntimeState::Unset,
        "the runtime was used before it was set up"
    );
    failures::of_registration()?;
    assert!(runtime_state() == RuntimeState::Own);
    // The type table stays for as long as the kernel; everything after this comes back.
    let (table, start) = (heap::counts(), in_use());
    assert!((start.frames, start.object_frames) == (table.0, 0));
    say!(
        "types: the table keeps {} frames ({} blocks) for good",
        table.0,
        table.1
    );

    let quiet: [(&str, Check); 5] = [
        (
            "handles: strong, weak, unique; a dead object is not upgraded",
            handles::counts,
        ),
        (
            "types: numbers, parents, fields by name, casts",
            handles::types,
        ),
        (
            "owners: the header's word names a task, and is handed on",
            handles::owners,
        ),
        ("places: bodies at 64 and at 4096", places::aligned),
        (
            "places: items behind the body, plain, at 64, owning, half-made",
            places::arrays,
        ),
    ];
    for (what, check) in quiet {
        leaves_nothing(what, check)?;
        say!("{what}");
    }
    leaves_nothing("failing allocations", || {
        failures::each_in_turn(quiet.map(|(_, check)| check))
    });
    leaves_nothing("full memory", failures::all_of_it);
    leaves_nothing("the chain", chain::dropped_in_a_scope)?;
    leaves_nothing("the timer's race", race::with_the_timer)?;
    leaves_nothing("counting, stepped", every_instruction::counting)?;
    leaves_nothing("upgrading, stepped", every_instruction::upgrading)?;
    leaves_nothing("costs", costs::print)?;

    if command_line.contains("break=leak") {
        // For `make kernel`, which sees that this is noticed.
        core::mem::forget(ObjectArc::try_new(Node::new(0, None)).map_err(|error| error.cause)?);
    }
    for owner in 0..owner::OWNERS {
        let (live, made) = owner::counts(owner);
        if made > 0 {
            say!("owner {owner}: {made} objects made, {live} left");
        }
    }
    let (all, used) = frames::counts();
    let (heap_frames, heap_blocks) = heap::counts();
    let objects = arena::ARENA.allocator().counts();
    say!("pages: {all} in all, {used} in use, {heap_frames} of them the type table's");
    assert!(
        in_use() == start && objects == (0, 0),
        "{} pages hold {} objects",
        objects.0,
        objects.1
    );
    assert!((heap_frames, heap_blocks) == table && used == heap_frames);
    say!("every page is back");
    Ok(())
}
