#!/usr/bin/env bash
# The model checker over every `*_loom` test of the workspace: each interleaving with at most
# LOOM_MAX_PREEMPTIONS forced switches (3, or what the environment says), the real code and its
# weakened twins alike. Prints how many interleavings each model had.
source "$(dirname "$0")/common.sh"
command -v cargo >/dev/null || stop "cargo is missing: install Rust 1.85 or newer (https://rustup.rs)"
export RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR="$target/loom"
export LOOM_MAX_PREEMPTIONS="${LOOM_MAX_PREEMPTIONS:-3}"
# Fast enough to run, quick to build.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=0
found=0
for test in */tests/*_loom.rs; do
    crate=${test%%/*} name=$(basename "$test" .rs)
    say "$crate: $name, at most $LOOM_MAX_PREEMPTIONS preemptions"
    features=()
    [ "$crate" = py-binding ] && features=(--no-default-features)
    cargo test --quiet --locked --release -p "$crate" "${features[@]}" --test "$name" -- --nocapture
    found=$((found + 1))
done
[ "$found" -gt 0 ] || stop "no model was found: */tests/*_loom.rs"
say "$found files of models passed"
