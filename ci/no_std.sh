#!/usr/bin/env bash
# alloc-header pulls in neither std nor alloc, object-core no std, when their features are off.
# The proof: a program without std, and for alloc-header without an allocator, links them.
source "$(dirname "$0")/common.sh"
for crate in alloc-header object-core; do
    cargo build --quiet --locked -p "$crate" --no-default-features
    # Whatever a dependency's manifest says, no feature named std is on anywhere below.
    if cargo tree --locked --edges normal -p "$crate" --no-default-features --format '{p} [{f}]' |
        grep -E '\[([^]]*,)?std(,[^]]*)?\]'; then
        stop "$crate without features pulls in std (see the line above)"
    fi
done
grep -q '^extern crate alloc' alloc-header/src/lib.rs &&
    ! grep -B1 '^extern crate alloc' alloc-header/src/lib.rs | grep -q 'default-backing' &&
    stop "alloc-header uses alloc without its feature default-backing"
echo "alloc-header and object-core build without std"
