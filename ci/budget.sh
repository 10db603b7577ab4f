#!/usr/bin/env bash
# Instructions per operation, counted by callgrind, against ci/budget.txt: seven operations from Python and
# four from Rust may cost 3 % more than is written there. UPDATE=1 writes what was measured.
source "$(dirname "$0")/common.sh"
for tool in valgrind setarch; do
    if ! command -v "$tool" >/dev/null; then
        skip "instruction budget" "$tool is missing (Debian: apt install valgrind util-linux)"
        exit 0
    fi
done
if [ "$(uname -sm)" != "Linux x86_64" ]; then
    skip "instruction budget" "it is that of x86-64 Linux, not of $(uname -sm)"
    exit 0
fi
build
say "building the Rust operations"
cargo build --quiet --release --locked --manifest-path bench/rust/Cargo.toml --target-dir "$target/budget" --bin operations
say "counting instructions"
$python ci/budget.py "$target/budget/release/operations" ci/budget.txt ${UPDATE:+--update}
