#!/usr/bin/env bash
# Everything: every means of proof, long, for every interpreter found. Takes hours on two cores. What had
# to be skipped is printed with its reason, and again at the end.
#   TIEBACK_DEEP_SECONDS=3600   how long each stress test goes on (60 unless told)
source "$(dirname "$0")/common.sh"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=""
step() {
    printf '\n######## %s\n' "$*"
    if ! "$@" 2>&1 | tee -a "$log"; then
        failed="$failed  $*"$'\n'
        echo "FAILED: $*"
    fi
}
missing() { echo "SKIPPED $1: $2" | tee -a "$log"; }

step make lint
step make test
for script in loom tsan memory fuzz; do
    if [ -f ci/$script.sh ]; then step bash ci/$script.sh; else missing "$script" "ci/$script.sh is not there"; fi
done

# The Python suite under each interpreter that is found; one build each, kept in target/deep.
python_tests() {
    local version=$1 found=$2 room="$target/deep/$1"
    [ -x "$room/bin/python" ] || "$found" -m venv "$room" || return 1
    "$room/bin/python" -m pip install --quiet --disable-pip-version-check -r ci/requirements.txt || return 1
    (cd py-binding && CARGO_TARGET_DIR="$target/deep/build-$version" VIRTUAL_ENV="$room" \
        "$room/bin/maturin" build --release --locked --quiet --interpreter "$room/bin/python" --out "$room/wheels") || return 1
    "$room/bin/python" -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps "$room"/wheels/*.whl || return 1
    TIEBACK_TEST_LIBRARIES="$target/debug" "$room/bin/python" -m pytest -q -p no:cacheprovider py-binding/tests/py
}
is_version() { "$1" -c "import sys, sysconfig, venv, ensurepip
sys.exit(sys.version_info[:2] != tuple(map(int, '$2'.split('.'))) or bool(sysconfig.get_config_var('Py_GIL_DISABLED')))" 2>/dev/null; }
build
cargo build --quiet --locked -p test-library -p broken-library -p crate-graph -p early-host
for version in 3.11 3.12 3.13 3.14; do
    found=""
    for candidate in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python "/usr/bin/python$version"; do
        if path=$(command -v "$candidate") && is_version "$path" $version; then found=$path; break; fi
    done
    if [ -n "$found" ]; then step python_tests $version "$found"; else missing "Python $version" "no such interpreter (with venv) is on PATH or in pyenv"; fi
done
if grep -q '^test-free-threaded:' Makefile; then
    step make test-free-threaded
else
    missing "free-threaded Python" "there is no make test-free-threaded yet"
fi

# The same tests as make test runs, for long.
long() { TIEBACK_TEST_LIBRARIES="$target/debug" $python -m pytest -q -s -p no:cacheprovider "$@"; }
export TIEBACK_MODEL_PROGRAMS=50000 TIEBACK_STRESS=10 TIEBACK_STRESS_SECONDS="${TIEBACK_DEEP_SECONDS:-60}"
step long py-binding/tests/py/test_model.py
step long py-binding/tests/py/test_stress.py
step long py-binding/tests/py/test_shutdown_at_work.py
unset TIEBACK_MODEL_PROGRAMS TIEBACK_STRESS TIEBACK_STRESS_SECONDS
step bash ci/valgrind-python.sh
for script in i686 msrv kernel; do step bash ci/$script.sh; done

printf '\n######## done\n'
grep '^SKIPPED' "$log" || echo "nothing was skipped"
[ -z "$failed" ] || { printf 'FAILED:\n%s' "$failed"; exit 1; }
