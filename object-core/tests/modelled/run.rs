//! How models and their weakened twins are run. Also `py-binding`'s.
#![allow(dead_code)] // each model uses its own part

use std::panic::{catch_unwind, set_hook, take_hook};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use loom::model::Builder;

/// How far a model is looked through: as the environment says.
pub(crate) fn as_told() -> Builder {
    Builder::new()
}

/// For a model whose threads wait for one another: they hand each other the turn without end. Two forced
/// switches where the environment names no bound, and more steps than are usual.
pub(crate) fn waiting() -> Builder {
    let mut bounds = as_told();
    bounds.preemption_bound = bounds.preemption_bound.or(Some(2));
    bounds.max_branches = 20_000;
    bounds
}

/// Runs a model under every interleaving, and says how many there were.
pub(crate) fn holds(bounds: &Builder, name: &str, model: fn()) {
    let (runs, start) = (Arc::new(AtomicUsize::new(0)), Instant::now());
    let counted = runs.clone();
    bounds.check(move || {
        counted.fetch_add(1, Relaxed);
        model();
    });
    let (runs, seconds) = (runs.load(Relaxed), start.elapsed().as_secs_f32());
    println!("{name}: {runs} interleavings, {seconds:.1} s");
}

/// Runs a weakened model, in which loom must find a fault: a race, or an assertion that fails. That
/// it ran out of steps is no fault found.
///
/// Only one test of a program may call it: a panic hook is the process's.
pub(crate) fn is_caught(bounds: &Builder, name: &str, model: fn()) {
    let (runs, hook) = (Arc::new(AtomicUsize::new(0)), take_hook());
    let counted = runs.clone();
    set_hook(Box::new(|_| {}));
    let outcome = catch_unwind(move || {
        bounds.check(move || {
            counted.fetch_add(1, Relaxed);
            model();
        });
    });
    set_hook(hook);
    let runs = runs.load(Relaxed);
    let Err(payload) = outcome else {
        panic!("{name}: not caught in {runs} interleavings")
    };
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
    let text = text
        .unwrap_or("a panic")
        .trim()
        .lines()
        .next()
        .unwrap_or_default();
    assert!(!text.contains("exceeded"), "{name}: {text}");
    println!("{name}: caught in interleaving {runs}: {text}");
}

/// [`holds`] and [`is_caught`], named by their text; within the bounds at the top, or as the environment says.
macro_rules! models {
    (within $bounds:expr; $($verdict:ident $model:ident $(::<$($param:ty),+>)?;)*) => {
        let bounds = $bounds;
        $(run::$verdict(
            &bounds,
            concat!(stringify!($model) $(, " of ", $(stringify!($param), " "),+)?).trim_end(),
            $model $(::<$($param),+>)?,
        );)*
    };
    ($($all:tt)*) => { models! { within run::as_told(); $($all)* } };
}
