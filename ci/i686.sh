#!/usr/bin/env bash
# The two lowest crates' tests, and the fuzzers' corpus, on a real 32-bit target: Debian's i686 Rust, in a
# chroot. Optional: says why when it cannot.
source "$(dirname "$0")/common.sh"
source ci/trixie.sh
trixie i386 "32-bit tests" || exit 0
for features in "-p alloc-header" "-p alloc-header --no-default-features" "-p object-core" \
    "-p object-core --no-default-features --features infallible,default-backing" \
    "-p object-core --features allocator-api2 --test fault_sweep" "--manifest-path fuzz/Cargo.toml"; do
    say "$features"
    # shellcheck disable=SC2086
    inside cargo test --quiet --locked $features
done
