#!/usr/bin/env bash
# The thread sanitizer (nightly) over the Rust tests that share things between threads. It does not
# model fences: `--cfg tieback_tsan` has the counts load with acquire instead.
#
# Without the standard library's sources it cannot be rebuilt for it, so what synchronises inside of std
# (a scope's own waiting, a contended Mutex, a Condvar) is not seen: the tests here join by hand, and
# rust-binding's handshake, which is a Mutex and a Condvar, is not among them.
#
# TIEBACK_ROUNDS: how often each thread does its part (20000).
source "$(dirname "$0")/common.sh"
command -v cargo >/dev/null || stop "cargo is missing: install Rust 1.85 or newer (https://rustup.rs)"
if ! cargo +nightly --version >/dev/null 2>&1; then
    skip "thread sanitizer" "no nightly toolchain (rustup toolchain install nightly)"
    exit 0
fi
host=$(rustc -vV | sed -n 's/^host: //p')
case "$host" in
    *-linux-gnu) ;;
    *) skip "thread sanitizer" "it is run on Linux, not on $host"; exit 0 ;;
esac
export RUSTFLAGS="-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer --cfg tieback_tsan"
export CARGO_TARGET_DIR="$target/tsan" CARGO_PROFILE_TEST_OPT_LEVEL=1 CARGO_PROFILE_DEV_OPT_LEVEL=1
export TIEBACK_ROUNDS="${TIEBACK_ROUNDS:-20000}" TSAN_OPTIONS="halt_on_error=1 suppressions=$PWD/ci/tsan.supp ${TSAN_OPTIONS:-}"
run() {
    say "thread sanitizer: $*"
    cargo +nightly test --quiet --locked --target "$host" "$@"
}
run -p alloc-header --test registry_stress
run -p object-core --test threads_stress --test slots_stress --test containers_stress --test types --test bit63
run -p rust-binding --test derive_stress
run -p py-binding --no-default-features --test deferred_gate
