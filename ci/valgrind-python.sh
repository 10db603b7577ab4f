#!/usr/bin/env bash
# The core Python tests under valgrind, every allocation of Python's by malloc: no invalid access, also
# while the interpreter finalizes and after. First proves that a read of freed memory is seen.
# Leaks are what the tests' own exact counts are for: CPython keeps memory on purpose.
source "$(dirname "$0")/common.sh"
command -v valgrind >/dev/null || { skip "valgrind over Python tests" "not installed (Debian: apt install valgrind)"; exit 0; }
build
[ -n "${TIEBACK_TEST_LIBRARIES:-}" ] || plain_libraries
export PYTHONMALLOC=malloc TIEBACK_TEST_LIBRARIES="${TIEBACK_TEST_LIBRARIES:-$target/debug}"
# Under valgrind one thread runs at a time and everything is thirty times slower: few rounds find as much.
export TIEBACK_MODEL_PROGRAMS=20 TIEBACK_GRAPH_EDITS=1000 TIEBACK_STRESS_ROUNDS=10 TIEBACK_FIELD_ROUNDS=100
export TIEBACK_TIMEOUT=900
real=$($python -c 'import os, sys; print(os.path.realpath(sys.executable))')
checked() {
    valgrind --quiet --error-exitcode=99 --leak-check=no --undef-value-errors=no --num-callers=30 \
        --fair-sched=try --suppressions=ci/valgrind-python.supp "$@"
}

say "valgrind sees a read of freed memory"
found=0
checked $python -c '
import ctypes
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
place = libc.malloc(16)
libc.free(place)
ctypes.string_at(place, 16)' >/dev/null 2>&1 || found=$?
[ $found = 99 ] || stop "valgrind did not report a read of freed memory (exit code $found)"

# What touches the tie: where a wrapper or its object dies, comes back, is taken, moves, or is looked at by
# the collector, and the threads and random programs that do all of it at once. Not here is what only
# converts values or builds classes, which goes through the same few doors; nor the trimming of kept storage,
# of which there is none with Python's own allocator off; nor long chains and thousands of collections, which
# are one access many times.
tests=py-binding/tests/py
core=($tests/test_{tie,tie_del,tie_reentry,tie_hazards,deferred,identity,moves,field_races,containers_threads,model}.py
    $tests/test_shared_life*.py $tests/test_cycles*.py)
# Programs of their own, which fork and come to their ends: each under a valgrind of its own.
ends=($tests/test_{tie_shutdown,shared_life_processes}.py)
pytest=("$python" -m pytest -q -p no:cacheprovider -p no:faulthandler)
log=$(mktemp)
trap 'rm -f "$log"' EXIT

say "programs that end, each under valgrind of its own (beside what follows)"
checked --trace-children=yes "${pytest[@]}" "${ends[@]}" \
    -k "(kept_until_the_end and (rust or thread or cycles or atexit)) or TestProcesses" "$@" >"$log" 2>&1 &
beside=$!
result=0
say "core tests on $($python --version) ($real) under valgrind"
checked "${pytest[@]}" "${core[@]}" \
    -k "not very_long and not thousands and not 500 and not subprocess and not TestProcesses" "$@" || result=$?
say "the programs that end"
wait $beside || result=$?
cat "$log"
exit $result
