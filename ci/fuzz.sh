#!/usr/bin/env bash
# The fuzz targets: the corpus and random programs on stable Rust, then libFuzzer with the address
# sanitizer, SECONDS_EACH for each target (20), or as many programs as RUNS says. TARGETS="a b": those only.
# SANITIZER=none: without it, five times as fast; models, heap counts and overflow checks stay.
# What libFuzzer finds on the way is kept in fuzz/corpus-work, a failing program in fuzz/artifacts.
source "$(dirname "$0")/common.sh"
command -v cargo >/dev/null || stop "cargo is missing: install Rust 1.85 or newer (https://rustup.rs)"
say "the corpus and random programs"
cargo test --quiet --locked --manifest-path fuzz/Cargo.toml
if ! cargo +nightly --version >/dev/null 2>&1; then
    skip fuzzing "no nightly toolchain (rustup toolchain install nightly)"
elif ! cargo +nightly fuzz --version >/dev/null 2>&1; then
    skip fuzzing "no cargo-fuzz (cargo install cargo-fuzz --locked)"
elif ! command -v c++ >/dev/null; then
    skip fuzzing "no C++ compiler for libFuzzer (Debian: apt install g++)"
else
    limit="-max_total_time=${SECONDS_EACH:-20}"
    [ -z "${RUNS:-}" ] || limit="-runs=$RUNS"
    sanitizer="${SANITIZER:-address}"
    for one in ${TARGETS:-$(ls fuzz/corpus)}; do
        say "$one, $limit"
        mkdir -p "fuzz/corpus-work/$one"
        log=$(mktemp)
        cargo +nightly fuzz run --fuzz-dir fuzz --features libfuzzer --sanitizer "$sanitizer" \
            --target-dir "$target/fuzz-$sanitizer" "$one" \
            "fuzz/corpus-work/$one" "fuzz/corpus/$one" -- "$limit" -max_len=256 -timeout=60 -print_final_stats=1 \
            >"$log" 2>&1 || { tail -n 60 "$log"; stop "$one failed: see fuzz/artifacts/$one"; }
        grep -E '^#[0-9]+.DONE|^Done' "$log"
        rm -f "$log"
    done
fi
