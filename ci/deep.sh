#!/usr/bin/env bash
# Everything: every means of proof, for every interpreter found; an hour or more on two idle cores. Ends with
# a table of the steps, how long each took and what came of it; what was skipped is said with its reason.
# What uses one core only and takes long (the model, valgrind) runs beside the rest.
#   TIEBACK_DEEP_SECONDS=3600   how long each stress test goes on (60 unless told)
#   TIEBACK_MODEL_PROGRAMS=N    how many random programs the reference model runs (20000)
#   TIEBACK_STRESS=N            how many times as often the programs at exit run (3)
#   SECONDS_EACH=N              how long each fuzz target goes on (20)
#   STEPS="loom tsan"           these steps only, by the names of the table
# What each step printed is kept in target/deep/NAME.log.
source "$(dirname "$0")/common.sh"
need
deep=$target/deep
mkdir -p "$deep"
results=$deep/results
[ -n "${STEPS:-}" ] || : >"$results" # one by one, they come to one table
# Built once and not again: what makes a second build quick only fills the disk.
export CARGO_INCREMENTAL=0
spent() { # What no later step uses, below the folder of what is built.
    [ -z "${STEPS:-}" ] || return 0
    (cd "$target" && for name; do rm -rf $name; done)
}
wanted() { [ -z "${STEPS:-}" ] || [[ " $STEPS " == *" $1 "* ]]; }
row() { printf '%-20s %9s  %s\n' "$@" | tee -a "$results"; }

# step NAME COMMAND...: in a shell of its own, so that what one exports no other sees; its last line of
# numbers goes into the table.
step() {
    local name=$1 log=$deep/$1.log began=$SECONDS code=0 result
    shift
    wanted "$name" || return 0
    printf '\n######## %s: %s\n' "$name" "$*"
    # Not behind an `||`, where a failure in the middle would not end it.
    set +e
    (set -e; "$@") >"$log" 2>&1
    code=$?
    set -e
    result=passed
    ! grep -q '^SKIPPED' "$log" || result="passed but for $(grep '^SKIPPED' "$log" | sed 's/^SKIPPED //' | paste -sd';')"
    if [ $code != 0 ]; then
        result="FAILED with $code: see $log"
        tail -n 40 "$log"
    fi
    row "$name" $((SECONDS - began))s "$result$(grep -aoE '[0-9]+ passed.* in [0-9.]+s' "$log" | tail -n 1 | sed 's/^/; /')"
}
missing() { ! wanted "$1" || row "$1" - "SKIPPED: $2"; }

# Every Python test under another interpreter: its own environment, its own build of tieback and of the
# extension modules; the plain libraries are those of all.
suite() {
    local version=$1 found=$2 room=$deep/python-$1
    rm -rf "$room"
    "$found" -m venv "$room"
    "$room/bin/python" -m pip install --quiet --disable-pip-version-check -r ci/requirements.txt
    export CARGO_TARGET_DIR=$room/build
    (cd py-binding && VIRTUAL_ENV=$room "$room/bin/maturin" develop --release --locked --quiet)
    PYO3_PYTHON="$room/bin/python" PYO3_BUILD_EXTENSION_MODULE=1 \
        cargo build --quiet --locked -p extension-module -p peer-extension
    mkdir "$room/libraries"
    cp "$target"/debug/lib*.so "$room/libraries"
    cp "$room/build"/debug/lib{extension_module,peer_extension}.so "$room/libraries"
    rm -rf "$room/build"
    TIEBACK_TEST_LIBRARIES="$room/libraries" run_tests "$room/bin/python" py-binding/tests/py
    rm -rf "$room"
}
# Some of the tests that make test runs, for longer.
long() { TIEBACK_TEST_LIBRARIES="$target/debug" $python -m pytest -s -p no:cacheprovider "$@"; }
everywhere() { TIEBACK_TEST_LIBRARIES="$target/debug" run_tests $python "$@"; }

here=$("${PYTHON:-python3}" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
step lint make lint
spent cp314t no-alloc
step api make api
spent public-api
step "python-$here" make test
build
libraries
tests=py-binding/tests/py
(
    export TIEBACK_MODEL_PROGRAMS="${TIEBACK_MODEL_PROGRAMS:-20000}"
    step model long $tests/test_model.py
    unset TIEBACK_MODEL_PROGRAMS
    step valgrind-python bash ci/valgrind-python.sh
    step valgrind bash ci/memory.sh valgrind
) &
beside=$!
for version in 3.11 3.12 3.13 3.14; do
    [ $version != "$here" ] || continue
    if found=$(find_python $version); then step "python-$version" suite $version "$found"
    else missing "python-$version" "no such interpreter (with venv) is on PATH or in pyenv"; fi
done
step free-threaded make test-free-threaded
spent free-threaded free-threaded-tree
export TIEBACK_STRESS="${TIEBACK_STRESS:-3}" TIEBACK_STRESS_SECONDS="${TIEBACK_DEEP_SECONDS:-60}"
step stress long $tests/test_stress.py
step shutdown long $tests/test_shutdown_at_work.py
unset TIEBACK_STRESS TIEBACK_STRESS_SECONDS
# The collector at (nearly) every allocation; stress under it would only be slow.
export TIEBACK_COLLECT=1
step collector everywhere $tests --ignore $tests/test_stress.py --ignore $tests/test_shutdown_at_work.py
unset TIEBACK_COLLECT
step demo make demo
step examples make examples
spent "python-*" release
step loom make loom
spent loom
step tsan make tsan
spent tsan
step address bash ci/memory.sh address
spent asan
step fuzz make fuzz
spent "fuzz-*"
step kernel make kernel
spent kernel
step i686 bash ci/i686.sh
step msrv bash ci/msrv.sh
spent "trixie-*"
wait $beside

printf '\n######## done\n%-20s %9s  %s\n' step time result
cat "$results"
! grep -q FAILED "$results"
