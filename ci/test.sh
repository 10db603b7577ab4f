#!/usr/bin/env bash
# Every Rust and Python test.
source "$(dirname "$0")/common.sh"
build
say "Rust tests, all features"
cargo test --quiet --locked --workspace --exclude py-binding --exclude extension-module --exclude peer-extension
say "Rust tests without std"
cargo test --quiet --locked -p alloc-header --no-default-features
cargo test --quiet --locked -p alloc-header --no-default-features --features allocator-api2
cargo test --quiet --locked -p object-core --no-default-features --lib --tests
cargo test --quiet --locked -p object-core --no-default-features --features infallible,default-backing
cargo test --quiet --locked -p object-core --no-default-features --features default-backing
say "every constructor without memory, over every backing"
cargo test --quiet --locked -p object-core --features allocator-api2 --test fault_sweep
say "values in and out of serde's formats"
cargo test --quiet --locked -p object-core --features serde --test formats --test fault_formats
cargo test --quiet --locked -p rust-binding --features serde --test formats
say "the tie without an interpreter"
cargo test --quiet --locked -p py-binding --no-default-features
say "the fuzzers' corpus and random programs"
cargo test --quiet --locked --manifest-path fuzz/Cargo.toml
say "nothing hidden: no std, no alloc"
bash ci/no_std.sh
libraries
say "Python tests on $($python --version)"
TIEBACK_TEST_LIBRARIES="$target/debug" run_tests $python py-binding/tests/py "$@"
