#!/usr/bin/env bash
# The core Python tests under valgrind, every allocation of Python's by malloc: no invalid access, also
# while the interpreter finalizes and after. First proves that a read of freed memory is seen.
# Leaks are what the tests' own exact counts are for: CPython keeps memory on purpose.
source "$(dirname "$0")/common.sh"
command -v valgrind >/dev/null || { skip "valgrind over Python tests" "not installed (Debian: apt install valgrind)"; exit 0; }
build
say "libraries that the Python tests load"
cargo build --quiet --locked -p test-library -p broken-library -p crate-graph -p early-host
export PYTHONMALLOC=malloc TIEBACK_TEST_LIBRARIES="$target/debug"
# Under valgrind one thread runs at a time and everything is thirty times slower: few rounds find as much.
export TIEBACK_MODEL_PROGRAMS=20 TIEBACK_STRESS_ROUNDS=10 TIEBACK_FIELD_ROUNDS=100 TIEBACK_TIMEOUT=900
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

tests=py-binding/tests/py
say "programs that end, each under valgrind of its own (beside what follows)"
ends=$(mktemp)
trap 'rm -f "$ends"' EXIT
checked --trace-children=yes $python -m pytest -q -p no:cacheprovider -p no:faulthandler \
    $tests/test_tie_shutdown.py -k "kept_until_the_end and (rust or thread or cycles or atexit)" "$@" >"$ends" 2>&1 &
beside=$!
say "core tests on $($python --version) ($real) under valgrind"
checked $python -m pytest -q -p no:cacheprovider -p no:faulthandler \
    $tests/test_tie.py $tests/test_tie_del.py $tests/test_tie_reentry.py $tests/test_tie_hazards.py \
    $tests/test_deferred.py $tests/test_identity.py $tests/test_field_races.py $tests/test_model.py \
    -k "not very_long and not 500 and not subprocess" "$@"
say "the programs that end"
result=0
wait $beside || result=$?
cat "$ends"
exit $result
