#!/usr/bin/env bash
# Measures Tieback beside its peers and writes docs/benchmarks.md: about fifteen minutes on two cores the first
# time, when everything is built, and about eight afterwards. What a peer needs that is missing is said, and
# its column stays empty.
#   BUILD_ONLY=1          builds everything that will be measured, and stops
#   VERSIONS="3.11 3.13"  the interpreters; the first is the page's main one
#   REPEATS=20            a quick look at Python (300 unless told)
#   GROWTH=1e5            smaller graphs (1e7)
source "$(dirname "$0")/common.sh"
began=$SECONDS
work=$target/bench
mkdir -p "$work"
left_out=()
leave_out() { skip "$@"; left_out+=("Not measured: $1 ($2)."); }

# prepare VERSION INTERPRETER: the peers in a venv of their own, theirs and our extension modules for it.
prepare() {
    local version=$1 home="$work/peers-$1" modules="$work/modules-$1"
    mkdir -p "$modules"
    if ! [ -x "$home/bin/python" ] || ! cmp -s bench/python/requirements.txt "$home/requirements.txt"; then
        say "installing the peers (nanobind, pybind11, apache-tvm-ffi) for Python $version"
        rm -rf "$home"
        "$2" -m venv "$home"
        "$home/bin/python" -m pip install --quiet --disable-pip-version-check -r bench/python/requirements.txt
        cp bench/python/requirements.txt "$home/requirements.txt"
    fi
    local include suffix site link
    include=$("$home/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
    suffix=$("$home/bin/python" -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))')
    site=$("$home/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
    link=(-shared -fPIC -O3 -DNDEBUG -I"$include")
    [ "$(uname)" != Darwin ] || link+=(-undefined dynamic_lookup)
    say "building the peers for Python $version"
    cc "${link[@]}" -o "$modules/limit$suffix" bench/python/limit.c
    if command -v c++ >/dev/null; then
        peer nanobind "${link[@]}" -std=c++17 -fvisibility=hidden -fno-stack-protector \
            -I"$site/nanobind/include" -I"$site/nanobind/ext/robin_map/include" "$site/nanobind/src/nb_combined.cpp"
        peer pybind11 "${link[@]}" -std=c++17 -fvisibility=hidden -I"$site/pybind11/include"
    else
        leave_out "nanobind and pybind11 on Python $version" "no C++ compiler (Debian: apt install g++)"
    fi
    (cd bench/pyo3-peer && PYO3_PYTHON="$home/bin/python" PYO3_BUILD_EXTENSION_MODULE=1 \
        cargo build --quiet --release --locked --target-dir "$work/pyo3-peer-$version")
    for built in "$work/pyo3-peer-$version"/release/libpeer_pyo3.{so,dylib}; do
        [ ! -f "$built" ] || cp "$built" "$modules/peer_pyo3$suffix"
    done
    if [ "$version" != "$here" ]; then
        say "building tieback for Python $version"
        (cd py-binding && VIRTUAL_ENV="$home" CARGO_TARGET_DIR="$work/tieback-$version" \
            ../.venv/bin/maturin develop --release --locked --quiet)
    fi
}
# peer NAME FLAGS...: its module, unless it is there and newer than its source.
peer() {
    local source="bench/python/peer_$1.cpp" made="$modules/peer_$1$suffix"
    shift
    [ "$made" -nt "$source" ] || c++ "$source" "$@" -o "$made"
}
# A program of bench/python with an interpreter's peers and tieback.
with() {
    local version=$1
    shift
    BENCH_LIBRARY="$library" PYTHONPATH="$work/modules-$version:$PWD/py-binding/python:$PWD/bench/python" \
        "$work/peers-$version/bin/python" "$@"
}

build
here=$($python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
versions=()
for version in ${VERSIONS:-$here 3.13}; do
    [[ " ${versions[*]-} " != *" $version "* ]] || continue
    if [ "$version" = "$here" ]; then found=${PYTHON:-python3}; else found=$(find_python "$version") || found=; fi
    if [ -n "$found" ]; then
        prepare "$version" "$found"
        versions+=("$version")
    else
        leave_out "CPython $version" "no such interpreter (with venv) is on PATH or in pyenv"
    fi
done
first=${versions[0]-}
[ -n "$first" ] || stop "none of the interpreters was found"
say "building the Rust-defined classes and the Rust benchmarks"
cargo build --quiet --release --locked --manifest-path bench/library/Cargo.toml --target-dir "$work/library"
for library in "$work"/library/release/libbench_library.{so,dylib}; do [ ! -f "$library" ] || break; done
# The tvm-ffi crate links the library in its makers' Python package.
from=$(cd "$work" && pwd) # as cargo's programs see it, which run elsewhere
bins="$from/peers-$first/bin" samples="$from/samples"
features=()
if lib=$(PATH="$bins:$PATH" tvm-ffi-config --libdir 2>/dev/null); then
    features=(tvm-ffi)
    export LD_LIBRARY_PATH="$lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
else
    leave_out "the tvm-ffi crate" "tvm-ffi-config is missing"
fi
# rust FOLDER FEATURES ARGS...: the benchmarks from Rust, as built with these features.
rust() {
    local folder=$1 with=$2
    shift 2
    PATH="$bins:$PATH" cargo bench --quiet --locked --manifest-path bench/rust/Cargo.toml --target-dir "$work/$folder" \
        --bench handles --features "$with" "$@"
}
rust rust "${features[*]-}" --no-run
rust rust-mimalloc "mimalloc ${features[*]-}" --no-run
ft=
if said=$(bash ci/free-threaded-python.sh 2>&1 | tail -n 1) && [ -x "$said" ]; then
    BUILD_ONLY=1 bash ci/free-threaded.sh
    ft=$PWD/.venv-ft/bin/python
else
    leave_out "threads" "$said"
fi
[ -z "${BUILD_ONLY:-}" ] || { say "built in $((SECONDS - began)) s"; exit 0; }

load=$(cut -d' ' -f1 /proc/loadavg 2>/dev/null || echo unknown)
rm -rf "$work"/python-*.json "$work"/{growth,threads,about}.json "$samples"
for version in "${versions[@]}"; do
    say "Python $version: every operation, every subject, one process, one core"
    with "$version" bench/python/measure.py "$work/python-$version.json"
done
say "what holds: every promise of every subject, each in a process of its own (docs/comparison.md tells it)"
cargo build --quiet --locked -p test-library
TIEBACK_TEST_LIBRARY="$target/debug/libtest_library.so" with "$first" bench/python/holds.py "$work/holds.json"
if [ -n "$ft" ]; then
    say "threads, without a GIL"
    PYTHONPATH="$PWD/bench/python" "$ft" bench/python/threads.py "$work/threads.json"
fi
# In turns, of which the least counts, as with Python: what disturbs one subject for a while misses it the next time.
quick=(--noplot --warm-up-time 0.2 --measurement-time 0.5 --nresamples 2000)
turns=5
for ((turn = 1; turn <= turns; turn++)); do
    for allocator in rust rust-mimalloc; do
        say "Rust: beside Arc, triomphe and the tvm-ffi crate ($allocator, turn $turn of $turns)"
        with=${features[*]-}
        [ $allocator = rust ] || with="mimalloc $with"
        CRITERION_HOME="$samples/$allocator/$turn" TURN=$turn rust $allocator "$with" -- "${quick[@]}" >"$work/turn.txt" 2>&1 ||
            { tail -20 "$work/turn.txt"; stop "the Rust benchmarks failed"; }
    done
done
say "growth: graphs of a thousand to ${GROWTH:-1e7} objects"
with "$first" bench/python/growth.py "$work/growth.json" "${GROWTH:-1e7}"
commit=$(git describe --always --dirty --exclude '*' 2>/dev/null || echo unknown)
minutes=$(((SECONDS - began + 59) / 60)) turns=$turns load=$load commit=$commit rustc=$(rustc --version) with "$first" - "${left_out[@]}" >"$work/about.json" <<'END'
import json, os, platform, sys
print(json.dumps({
    "minutes": os.environ["minutes"],
    "turns": os.environ["turns"],
    "load_before": os.environ["load"],
    "commit": os.environ["commit"],
    "rustc": os.environ["rustc"],
    "cores": os.cpu_count(),
    "system": f"{platform.system()} {platform.release()}",
    "left_out": sys.argv[1:],
}))
END
with "$first" bench/python/report.py "$work" docs
say "measured in $((SECONDS - began)) s"
