#!/usr/bin/env bash
# Formatting, clippy on every crate and feature set, documentation, the house rules, Python style.
source "$(dirname "$0")/common.sh"
venv
export PYO3_PYTHON="$PWD/$python" PYO3_BUILD_EXTENSION_MODULE=1
say "cargo fmt"
cargo fmt --all --check
(cd examples/kernel && cargo fmt --check)
cargo fmt --manifest-path fuzz/Cargo.toml --check
say "clippy"
cargo clippy --quiet --locked --workspace --all-targets -- -D warnings
cargo clippy --quiet --locked -p alloc-header --no-default-features --all-targets -- -D warnings
cargo clippy --quiet --locked -p object-core --no-default-features -- -D warnings
cargo clippy --quiet --locked -p object-core --no-default-features --features infallible,default-backing --all-targets -- -D warnings
cargo clippy --quiet --locked -p object-core --no-default-features --features default-backing --all-targets -- -D warnings
cargo clippy --quiet --locked -p object-core --features allocator-api2,serde --all-targets -- -D warnings
cargo clippy --quiet --locked -p rust-binding --features serde --all-targets -- -D warnings
cargo clippy --quiet --locked --manifest-path fuzz/Cargo.toml --all-targets -- -D warnings
cargo clippy --quiet --locked -p py-binding --no-default-features --all-targets -- -D warnings
# What only a free-threaded 3.14 compiles, described in a file, since there may be none here.
PYO3_CONFIG_FILE="$PWD/ci/pyo3-cp314t.txt" cargo clippy --quiet --locked -p py-binding --all-targets --target-dir "$target/cp314t" -- -D warnings
if [ "$(uname -sm)" = "Linux x86_64" ]; then
    (cd examples/kernel && cargo clippy --quiet --locked --target-dir "$target/kernel" -- -D warnings)
else
    skip "clippy of examples/kernel" "it is built with the x86-64 Linux target's core"
fi
say "cargo doc"
RUSTDOCFLAGS="-D warnings" cargo doc --quiet --locked --workspace --no-deps
say "include/tieback.h is in step with the Rust definitions and with docs/abi.md"
cargo test --quiet --locked -p header
say "house rules (ci/tidy)"
cargo test --quiet --locked -p tidy
say "ruff"
.venv/bin/ruff check --quiet py-binding/python py-binding/tests examples bench
.venv/bin/ruff format --quiet --check py-binding/python examples bench
