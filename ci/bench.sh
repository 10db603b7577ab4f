#!/usr/bin/env bash
# Measures Tieback beside its peers and writes docs/benchmarks.md. REPEATS=5 for a quick look;
# GROWTH=1e5 for smaller graphs. What a peer needs that is missing is said, and its column stays empty.
source "$(dirname "$0")/common.sh"
build
work=$target/bench
mkdir -p "$work/modules"
if ! [ -x "$work/venv/bin/python" ] || ! cmp -s bench/python/requirements.txt "$work/venv/requirements.txt"; then
    say "installing the peers (nanobind, pybind11, apache-tvm-ffi) into a venv of their own"
    rm -rf "$work/venv"
    $python -m venv "$work/venv"
    "$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check -r bench/python/requirements.txt
    cp bench/python/requirements.txt "$work/venv/requirements.txt"
fi
peers=$work/venv/bin/python
include=$($peers -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
suffix=$($peers -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))')
site=$($peers -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
link=(-shared -fPIC -O3 -DNDEBUG -I"$include")
[ "$(uname)" != Darwin ] || link+=(-undefined dynamic_lookup)
say "building the peers"
cc "${link[@]}" -o "$work/modules/limit$suffix" bench/python/limit.c
if command -v c++ >/dev/null; then
    c++ "${link[@]}" -std=c++17 -fvisibility=hidden -fno-stack-protector \
        -I"$site/nanobind/include" -I"$site/nanobind/ext/robin_map/include" \
        -o "$work/modules/peer_nanobind$suffix" bench/python/peer_nanobind.cpp "$site/nanobind/src/nb_combined.cpp"
    c++ "${link[@]}" -std=c++17 -fvisibility=hidden -I"$site/pybind11/include" \
        -o "$work/modules/peer_pybind11$suffix" bench/python/peer_pybind11.cpp
else
    skip "nanobind and pybind11" "no C++ compiler (Debian: apt install g++)"
fi
(cd bench/pyo3-peer && PYO3_PYTHON="$peers" PYO3_BUILD_EXTENSION_MODULE=1 \
    cargo build --quiet --release --locked --target-dir "$work/pyo3-peer")
for built in "$work"/pyo3-peer/release/libpeer_pyo3.{so,dylib}; do
    [ ! -f "$built" ] || cp "$built" "$work/modules/peer_pyo3$suffix"
done
export PYTHONPATH="$work/modules:$PWD/py-binding/python:$PWD/bench/python"
say "Python: six operations, every subject, one process, one core"
"$peers" bench/python/measure.py "$work/python.json"
say "growth: graphs of shared objects"
"$peers" bench/python/growth.py "$work/growth.json" "${GROWTH:-1e6}"
say "Rust: beside Arc and triomphe"
cargo bench --quiet --locked --manifest-path bench/rust/Cargo.toml --target-dir "$work/rust" --bench handles -- --noplot --warm-up-time 0.5 --measurement-time 1.5 >"$work/rust.txt" 2>&1 || { tail -20 "$work/rust.txt"; stop "the Rust benchmarks failed"; }
"$peers" bench/python/report.py "$work" docs
