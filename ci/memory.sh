#!/usr/bin/env bash
# Memory checkers over the Rust tests: valgrind, and the nightly address sanitizer where there is one.
source "$(dirname "$0")/common.sh"
need
crates=(-p alloc-header -p object-core -p rust-binding -p crate-graph -p test-library)
if command -v valgrind >/dev/null; then
    say "valgrind"
    export CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="bash $PWD/ci/valgrind.sh"
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="$CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER"
    TIEBACK_SMALL=1 cargo test --quiet --locked "${crates[@]}" --lib --tests
    TIEBACK_SMALL=1 cargo test --quiet --locked -p py-binding --no-default-features --lib --tests
    TIEBACK_SMALL=1 cargo test --quiet --locked --manifest-path fuzz/Cargo.toml
    unset CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER
else
    skip valgrind "not installed (Debian: apt install valgrind)"
fi
if cargo +nightly --version >/dev/null 2>&1; then
    say "address sanitizer"
    host=$(rustc -vV | sed -n 's/^host: //p')
    RUSTFLAGS="-Zsanitizer=address" TIEBACK_SMALL=1 CARGO_TARGET_DIR="$target/asan" \
        cargo +nightly test --quiet --locked --target "$host" "${crates[@]}" --lib --tests
else
    skip "address sanitizer" "no nightly toolchain (rustup toolchain install nightly)"
fi
