# Sourced by every script here: where things are, what is missing, and `.venv` with tieback in it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CARGO_TERM_PROGRESS_WHEN="${CARGO_TERM_PROGRESS_WHEN:-auto}"
target="${CARGO_TARGET_DIR:-$PWD/target}"
python=.venv/bin/python

say() { printf '\n== %s\n' "$*"; }
stop() { printf 'tieback: %s\n' "$*" >&2; exit 1; }
skip() { printf 'SKIPPED %s: %s\n' "$1" "$2"; skipped="${skipped:-}$1: $2"$'\n'; }

need() {
    local python3="${PYTHON:-python3}" found
    command -v cargo >/dev/null || stop "cargo is missing: install Rust 1.85 or newer (https://rustup.rs)"
    found=$(cargo --version 2>&1) || stop "cargo does not run: ${found%%$'\n'*}"
    found=${found#cargo }
    [ "$(printf '%s\n' 1.85 "${found%% *}" | sort -V | head -n 1)" = 1.85 ] ||
        stop "Rust 1.85 or newer is needed, ${found%% *} was found (rustup update)"
    command -v cc >/dev/null || stop "cc is missing: install a C compiler (Debian: apt install gcc)"
    command -v "$python3" >/dev/null || stop "$python3 is missing: install Python 3.11 or newer, or set PYTHON=/path/to/python"
    "$python3" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        stop "Python 3.11 or newer is needed, $("$python3" --version 2>&1) was found; set PYTHON=/path/to/python"
    "$python3" -c 'import venv, ensurepip' 2>/dev/null ||
        stop "Python's venv module is missing (Debian: apt install python3-venv)"
}

# .venv with the tools of ci/requirements.txt; done again only when those change.
venv() {
    need
    if ! [ -x $python ]; then
        say "making .venv"
        rm -rf .venv
        "${PYTHON:-python3}" -m venv .venv
    fi
    if ! cmp -s ci/requirements.txt .venv/requirements.txt; then
        say "installing the tools of ci/requirements.txt into .venv"
        $python -m pip install --quiet --disable-pip-version-check -r ci/requirements.txt
        cp ci/requirements.txt .venv/requirements.txt
    fi
}

# tieback in .venv, built in release; cargo does nothing when nothing has changed.
build() {
    venv
    local sources
    sources=$(find Cargo.toml Cargo.lock alloc-header object-core py-binding -type f \
        \( -name '*.rs' -o -name '*.toml' -o -name 'Cargo.lock' \) -newer .venv/tieback 2>/dev/null | head -1 || true)
    if [ -f .venv/tieback ] && [ -z "$sources" ] && $python -c 'import tieback' 2>/dev/null; then
        return
    fi
    say "building tieback into .venv (about a minute the first time)"
    (cd py-binding && VIRTUAL_ENV="$PWD/../.venv" ../.venv/bin/maturin develop --release --locked --quiet)
    touch .venv/tieback
}

# What the Python tests load, into target/debug: plain libraries, which know no Python.
plain_libraries() {
    say "libraries that the Python tests load"
    cargo build --quiet --locked -p test-library -p broken-library -p crate-graph -p early-host -p backings \
        -p peer-library
    command -v c++ >/dev/null || skip "the C library as C++17" "no C++ compiler (Debian: apt install g++)"
    make -s -C examples/c-library OUT="$target/debug" all lies
}

# The same, and extension modules for the Python of .venv.
libraries() {
    plain_libraries
    # By a name that has the version in it: cargo builds again for another Python when this changes only.
    PYO3_PYTHON="$PWD/$($python -c 'import sys; print(".venv/bin/python%d.%d" % sys.version_info[:2])')" \
        PYO3_BUILD_EXTENSION_MODULE=1 \
        cargo build --quiet --locked -p extension-module -p peer-extension
}

# Python tests, on every core; which failed and why some were skipped, at the end: run_tests PYTHON ARGUMENT...
run_tests() { "$1" -m pytest -rfEs -p no:cacheprovider --numprocesses auto --dist worksteal "${@:2}"; }

# find_python 3.12: an interpreter of that version, on the PATH or among pyenv's.
find_python() {
    local candidate
    for candidate in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/"python$1"; do
        if "$candidate" -c 'import venv, ensurepip' 2>/dev/null; then echo "$candidate"; return; fi
    done
    return 1
}
