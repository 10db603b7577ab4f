#!/usr/bin/env bash
# Every example, built, run and checked: in this checkout, copied out of it, and the same binaries under
# every Python that is found.
source "$(dirname "$0")/common.sh"
for example in examples/*/; do
    # The kernel by `make kernel`; the libraries of tests by `libraries` and the Python tests.
    grep -q "$(basename "$example")" ci/examples.sh ci/common.sh ci/kernel.sh ||
        stop "nothing builds and runs $example: add it to ci/examples.sh"
done
build
libraries
suffix=so
[ "$(uname -s)" != Darwin ] || suffix=dylib

say "crate-graph: a Rust library that Python walks"
cargo build --quiet --release --locked -p crate-graph
$python examples/crate-graph/crate_graph.py Cargo.lock --library "$target/release" >/dev/null

say "rust-app: the same library file, in a program without Python"
cargo run --quiet --locked -p rust-app -- "$target/release/libcrate_graph.$suffix" Cargo.lock

say "scene-graph: changed and drawn from both sides"
cargo build --quiet --release --locked -p scene-graph
$python examples/scene-graph/scene_graph.py --svg "$target/scene.svg"
grep -q '</svg>' "$target/scene.svg" || stop "the picture of the scene is not whole"

say "c-library: in a Rust program, as C11 and as C++17"
for name in c_library cpp_library; do
    told=$(cargo run --quiet --locked -p c-library -- "$target/debug/lib$name.$suffix")
    grep -q 'accounts alive: 0' <<<"$told" || stop "the program with lib$name did not end well: $told"
    echo "$told"
done

say "one runtime: two Rust libraries, C, two extension modules, Python classes, on $($python --version)"
tests=(py-binding/tests/py/test_one_runtime.py py-binding/tests/py/test_c_library.py)
# What is asked of every version: the table of shared life, and what sees it.
life=(py-binding/tests/py/test_shared_life{,_classes,_processes}.py py-binding/tests/py/test_{ordinary_python,seeing,why_alive}.py)
export TIEBACK_TEST_LIBRARIES="$target/debug"
$python -m pytest "${tests[@]}"

# The plain libraries are the files from above: not built again, only loaded.
plain=()
for name in c_library test_library peer_library crate_graph; do plain+=("$target/debug/lib$name.$suffix"); done
before=$(cat "${plain[@]}" | cksum)
for version in 3.11 3.12 3.13; do
    other=$(find_python $version) || { skip "libraries under Python $version" "no python$version was found"; continue; }
    [ "$($python -c 'import sys; print("%d.%d" % sys.version_info[:2])')" != $version ] || continue
    say "the same binaries under $("$other" --version)"
    home="$target/python-$version"
    [ -x "$home/bin/python" ] || "$other" -m venv "$home"
    "$home/bin/python" -m pip install --quiet --disable-pip-version-check "$(grep '^pytest>' ci/requirements.txt)"
    rm -rf "$home/wheels"
    (cd py-binding && ../.venv/bin/maturin build --quiet --locked --profile dev --target-dir "$home/build" \
        --interpreter "$home/bin/python" --out "$home/wheels")
    "$home/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall "$home"/wheels/*.whl
    TIEBACK_WITHOUT_EXTENSIONS=1 "$home/bin/python" -m pytest "${tests[@]}" "${life[@]}"
    "$home/bin/python" examples/crate-graph/crate_graph.py Cargo.lock --library "$target/debug" >/dev/null
done
[ "$before" = "$(cat "${plain[@]}" | cksum)" ] || stop "a library was built again between two versions of Python"

say "extension-template: copied to an empty folder, its own make test"
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z examples/extension-template | tar -c --null -T - | tar -x -C "$copy" --strip-components=2
make -C "$copy" test TIEBACK_ROOT="$PWD" PYTHON="${PYTHON:-python3}"
# A second wheel from the same library would have the same name: it is of no Python version.
ls "$copy"/dist/my_library-*-py3-none-*.whl
