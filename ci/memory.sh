#!/usr/bin/env bash
# Memory checkers over the Rust tests: `memory.sh [address] [valgrind]`; both if none is named.
#
# address: the nightly address sanitizer, with the leak sanitizer. Fast, and in CI.
# valgrind: also sees reads of memory that nobody wrote. Slower, and needs no nightly toolchain.
#
# Chains and rounds are shortened (TIEBACK_CHAIN, TIEBACK_ROUNDS, TIEBACK_SMALL): the checkers look at
# each access, not at how many there are.
source "$(dirname "$0")/common.sh"
need
[ $# -gt 0 ] || set -- address valgrind
crates=(-p alloc-header -p object-core -p rust-binding)
host=$(rustc -vV | sed -n 's/^host: //p')
export TIEBACK_SMALL=1

# everything RUN...: RUN is cargo's `test`, with what it needs.
everything() {
    "$@" "${crates[@]}" --lib --tests
    "$@" -p crate-graph --lib --test graph
    # tie_ops leaks every object on purpose: it looks at them after their end.
    "$@" -p py-binding --no-default-features --lib --test deferred_gate --test settle_queue --test tie_table
    "$@" --manifest-path fuzz/Cargo.toml
}

address() {
    if ! cargo +nightly --version >/dev/null 2>&1; then
        skip "address sanitizer" "no nightly toolchain (rustup toolchain install nightly)"
        return
    fi
    say "address and leak sanitizer"
    export RUSTFLAGS="-Zsanitizer=address" CARGO_TARGET_DIR="$target/asan"
    export CARGO_PROFILE_DEV_OPT_LEVEL=1 CARGO_PROFILE_TEST_OPT_LEVEL=1
    export TIEBACK_CHAIN=1000000 TIEBACK_ROUNDS=5000
    everything cargo +nightly test --quiet --locked --target "$host"
    skip "address sanitizer of loaded libraries" "its runtime is in the program, where they do not find it; valgrind runs those tests"
}

memcheck() {
    if ! command -v valgrind >/dev/null; then
        skip valgrind "not installed (Debian: apt install valgrind)"
        return
    fi
    say "valgrind"
    local name
    name=$(tr 'a-z-' 'A-Z_' <<<"$host")
    export "CARGO_TARGET_${name}_RUNNER=bash $PWD/ci/valgrind.sh"
    export TIEBACK_CHAIN=20000 TIEBACK_ROUNDS=500
    everything cargo test --quiet --locked
    cargo test --quiet --locked -p crate-graph -p test-library -p c-library -p peer-library --tests
}

for checker in "$@"; do
    case "$checker" in
        address) (address) ;;
        valgrind) (memcheck) ;;
        *) stop "unknown checker '$checker': address or valgrind" ;;
    esac
done
