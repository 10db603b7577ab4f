#!/usr/bin/env bash
# The main job: a Rust library reads a real Cargo.lock, Python walks its graph.
# LOCK=path/to/Cargo.lock for another file than this repository's.
source "$(dirname "$0")/common.sh"
build
say "building the crate-graph library (plain Rust, no Python in it)"
cargo build --quiet --release --locked -p crate-graph
say "crate_graph.py"
exec $python examples/crate-graph/crate_graph.py "${LOCK:-Cargo.lock}" --library "$target/release"
