//! Every program of the corpus, and random ones, on whatever toolchain there is.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tieback_fuzz::{TARGETS, Target};

/// The process's registry, type table and functions belong to one program at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn play(target: &Target, bytes: &[u8], what: &str) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(bytes))) {
        eprintln!("{} fails on {what}:\n{}", target.name, (target.show)(bytes));
        resume_unwind(panic);
    }
}

/// A number's successor, SplitMix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn target(name: &str) -> &'static Target {
    TARGETS
        .iter()
        .find(|target| target.name == name)
        .expect("a target of that name")
}

fn corpus(name: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name);
    let files = std::fs::read_dir(&folder).expect("the target's corpus");
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

/// How many random programs: `TIEBACK_FUZZ_PROGRAMS`, or few under a memory checker.
fn programs() -> u64 {
    let asked = std::env::var("TIEBACK_FUZZ_PROGRAMS")
        .ok()
        .and_then(|text| text.parse().ok());
    let small = std::env::var_os("TIEBACK_SMALL").is_some();
    asked.unwrap_or(if small { 50 } else { 5000 })
}

fn replay(name: &str) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let target = target(name);
    let files = corpus(name);
    assert!(!files.is_empty(), "{name} has no corpus");
    for file in &files {
        let bytes = std::fs::read(file).unwrap();
        play(target, &bytes, &file.display().to_string());
    }
    for seed in 0..programs() {
        let mut state = seed;
        let len = next(&mut state) % 400;
        let bytes: Vec<u8> = (0..len).map(|_| next(&mut state) as u8).collect();
        play(target, &bytes, &format!("the random program {seed}"));
    }
    println!(
        "{name}: {} programs of the corpus, {} random ones",
        files.len(),
        programs()
    );
}

macro_rules! replays {
    ($($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            replay(stringify!($name));
        })*

        #[test]
        fn every_target_is_replayed() {
            let replayed = [$(stringify!($name)),*];
            assert_eq!(TARGETS.iter().map(|target| target.name).collect::<Vec<_>>(), replayed);
        }
    };
}
replays!(
    block_layout,
    object_ops,
    type_table,
    any_round_trip,
    packed_calls,
    handshake,
    tie_ops
);
