#!/usr/bin/env bash
# The whole workspace on the oldest Rust it promises, 1.85: Debian trixie's, in a chroot. Optional:
# says why when it cannot.
source "$(dirname "$0")/common.sh"
source ci/trixie.sh
trixie amd64 "oldest Rust" || exit 0
inside cargo test --quiet --locked --workspace --exclude py-binding --exclude extension-module --exclude peer-extension --exclude c-library --exclude tidy --exclude header \
    -- --skip refusals_say_what_to_write_instead # the words of one rustc only
say "py-binding, and its tie without an interpreter"
inside cargo build --quiet --locked -p py-binding -p extension-module
inside cargo test --quiet --locked -p py-binding --no-default-features
say "examples/kernel"
inside sh -c 'cd examples/kernel && cargo build --quiet --locked --release'
