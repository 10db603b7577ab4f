#!/usr/bin/env bash
# Everything: every means of proof, for every interpreter found; three quarters of an hour on two idle cores. Ends with a
# table of the steps, how long each took, by the clock and of a core, and what came of it; what was skipped is
# said with its reason. Two lanes run beside each other, since most steps need one core most of the time.
#   TIEBACK_DEEP_SECONDS=3600   how long each stress test goes on (60 unless told)
#   TIEBACK_MODEL_PROGRAMS=N    how many random programs the reference model runs (20000)
#   TIEBACK_GRAPH_EDITS=N       how many random edits of a graph are checked against Python's (1000000)
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
programs=${TIEBACK_MODEL_PROGRAMS:-20000} times=${TIEBACK_STRESS:-3} seconds=${TIEBACK_DEEP_SECONDS:-60}
edits=${TIEBACK_GRAPH_EDITS:-1000000}
unset TIEBACK_MODEL_PROGRAMS TIEBACK_GRAPH_EDITS TIEBACK_STRESS # of one step each, not of every suite
spent() { # What no later step of either lane uses, below the folder of what is built.
    [ -z "${STEPS:-}" ] || return 0
    (cd "$target" && for name; do rm -rf $name; done)
}
wanted() { [ -z "${STEPS:-}" ] || [[ " $STEPS " == *" $1 "* ]]; }
row() { printf '%-16s %7s %7s  %s\n' "$@" | tee -a "$results"; }

alone() { (set -e; "$@"); }

# step NAME COMMAND...: in a shell of its own, so that what one exports no other sees; its last line of
# numbers goes into the table.
step() {
    local name=$1 log=$deep/$1.log began=$SECONDS code=0 result used TIMEFORMAT='%0U + %0S'
    shift
    wanted "$name" || return 0
    printf '\n######## %s: %s\n' "$name" "$*"
    # Not behind an `||`, where a failure in the middle would not end it.
    set +e
    { time alone "$@" >"$log" 2>&1; } 2>"$log.cpu"
    code=$?
    set -e
    used=$(($(tail -n 1 "$log.cpu")))
    rm -f "$log.cpu"
    result=passed
    # Tests that were skipped are counted in pytest's last line, and said with their reasons in the log.
    ! grep -q '^SKIPPED [^[]' "$log" || result="passed but for $(grep '^SKIPPED [^[]' "$log" | sed 's/^SKIPPED //' | paste -sd';')"
    if [ $code != 0 ]; then
        result="FAILED with $code: see $log"
        tail -n 40 "$log"
    fi
    row "$name" $((SECONDS - began))s ${used}s "$result$(grep -aoE '[0-9]+ passed.* in [0-9.]+s' "$log" | tail -n 1 | sed 's/^/; /')"
}
missing() { ! wanted "$1" || row "$1" - - "SKIPPED: $2"; }

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
    cp -r "$TIEBACK_TEST_LIBRARIES" "$room/libraries"
    cp "$room/build"/debug/lib{extension_module,peer_extension}.so "$room/libraries"
    rm -rf "$room/build"
    TIEBACK_TEST_LIBRARIES="$room/libraries" run_tests "$room/bin/python" $tests
    rm -rf "$room"
}
# Some of the tests that make test runs, for longer.
long() { $python -m pytest -s -p no:cacheprovider "$@"; }
model() { TIEBACK_MODEL_PROGRAMS=$programs long $tests/test_model.py; }
stress() { TIEBACK_STRESS_SECONDS=$seconds long $tests/test_stress.py; }
shutdown() { TIEBACK_STRESS=$times long $tests/test_shutdown_at_work.py; }
edits() { TIEBACK_GRAPH_EDITS=$edits long $tests/test_cycles_edits.py $tests/test_cycles_weak.py -k random_edits; }
# The collector at (nearly) every allocation; stress under it would only be slow.
collector() {
    TIEBACK_COLLECT=1 run_tests $python $tests --ignore $tests/test_stress.py --ignore $tests/test_shutdown_at_work.py
}

tests=py-binding/tests/py
here=$("${PYTHON:-python3}" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
build
libraries
# What the long steps load: no step beside them that builds libraries takes these away.
export TIEBACK_TEST_LIBRARIES=$deep/libraries
rm -rf "$TIEBACK_TEST_LIBRARIES"
mkdir "$TIEBACK_TEST_LIBRARIES"
cp "$target"/debug/lib*.so "$TIEBACK_TEST_LIBRARIES"

# One lane: what keeps one core busy for minutes, and builds nothing into `target` itself, which would take
# away what the other lane uses. The other: everything else, each building and testing on every core.
(
    step model model
    step valgrind-python bash ci/valgrind-python.sh
    step edits edits
    step stress stress
    step shutdown shutdown
    step valgrind env CARGO_TARGET_DIR="$target/valgrind" bash ci/memory.sh valgrind
    spent valgrind
    step i686 bash ci/i686.sh
    step msrv bash ci/msrv.sh
    spent "trixie-*"
) &
beside=$!
trap 'trap - INT; kill 0' INT # what runs in the background does not hear it

step lint make lint
spent cp314t
step api make api
spent public-api
step "python-$here" make test
for version in 3.11 3.12 3.13 3.14; do
    [ $version != "$here" ] || continue
    if found=$(find_python $version); then step "python-$version" suite $version "$found"
    else missing "python-$version" "no such interpreter (with venv) is on PATH or in pyenv"; fi
done
step free-threaded make test-free-threaded
spent free-threaded free-threaded-tree
step collector collector
step demo make demo
step examples make examples
spent "python-*" release
step loom make loom
spent loom
step tsan make tsan
spent tsan
step address bash ci/memory.sh address
step address-python bash ci/memory.sh address-python
spent asan
step fuzz make fuzz
spent "fuzz-*"
step kernel make kernel
wait $beside || row beside - - "FAILED: it ended before its last step"
spent kernel no-alloc

# Of a step that ran again (STEPS) the last time counts.
table=$(awk '!($1 in last) { order[++steps] = $1 } { last[$1] = $0 } END { for (n = 1; n <= steps; n++) print last[order[n]] }' "$results")
printf '\n######## done\n%-16s %7s %7s  %s\n%s\n' step time "of core" result "$table"
[[ $table != *FAILED* ]]
