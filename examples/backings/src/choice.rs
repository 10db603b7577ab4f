//! Which backing is in force, by name.

use std::sync::OnceLock;

use rust_binding::Backing;
use rust_binding::prelude::*;

use crate::arena::Arena;
use crate::counting::{Balance, Counting};
use crate::general::General;

static ARENA: Counting<Arena> = Counting::over(Arena::new());
static GENERAL: Counting<General> = Counting::over(General);

/// The three, made once.
struct Choices {
    default: Backing,
    arena: Backing,
    general: Backing,
}

fn choices() -> &'static Choices {
    static CHOICES: OnceLock<Choices> = OnceLock::new();
    CHOICES.get_or_init(|| Choices {
        default: Backing::current(),
        arena: Backing::new(&ARENA),
        general: Backing::new(&GENERAL),
    })
}

/// Takes new blocks from the backing of that name; the name of the one before.
///
/// # Errors
///
/// `KeyError` for another name.
#[function(name = "backings.use")]
pub fn use_backing(name: &str) -> Result<&'static str, Error> {
    let choices = choices();
    let backing = match name {
        "default" => choices.default,
        "arena" => choices.arena,
        "general" => choices.general,
        _ => return Err(unknown(name)),
    };
    let before = backing.set();
    Ok(if before == choices.arena {
        "arena"
    } else if before == choices.general {
        "general"
    } else {
        "default"
    })
}

fn unknown(name: &str) -> Error {
    Error::format(
        "KeyError",
        format_args!("no backing is called '{name}': there are default, arena and general"),
    )
}

/// What a backing has handed out: a snapshot.
#[derive(Object, Debug)]
#[object(key = "backings.Counts")]
#[repr(C)]
pub struct Counts {
    header: ObjectHeader,
    /// Blocks ever made.
    pub made: u64,
    /// Blocks not given back.
    pub alive: u64,
    /// Their bytes, headers and all.
    pub bytes: u64,
    /// Blocks that came back with another size or alignment than they were asked for with, or twice.
    pub wrong: u64,
}

/// What the arena or mimalloc has handed out. (The answer itself may be one of its blocks: it is counted
/// before that is made.)
///
/// # Errors
///
/// `KeyError` for another name, `MemoryError`.
#[function(name = "backings.counts")]
pub fn counts(name: &str) -> Result<ObjectArc<Counts>, Error> {
    let Balance {
        made,
        alive,
        bytes,
        wrong,
    } = match name {
        "arena" => ARENA.balance(),
        "general" => GENERAL.balance(),
        _ => return Err(unknown(name)),
    };
    let header = ObjectHeader::new();
    let counts = Counts {
        header,
        made,
        alive,
        bytes,
        wrong,
    };
    ObjectArc::try_new(counts).map_err(|error| error.cause.into())
}
