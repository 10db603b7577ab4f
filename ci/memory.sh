#!/usr/bin/env bash
# Memory checkers over the tests: `memory.sh [address] [valgrind] [address-python]`; the first two if none is named.
#
# address: the nightly address sanitizer, with the leak sanitizer, over the Rust tests. Fast, and in CI.
# address-python: the same without leaks over the Python tests of shared life, cycles and the tie: the extension
#   module and the libraries are built with it, and its runtime comes before all else into an ordinary Python.
# valgrind: also sees reads of memory that nobody wrote. Slower, and needs no nightly toolchain.
#
# Chains and rounds are shortened (TIEBACK_CHAIN, TIEBACK_ROUNDS, TIEBACK_SMALL): the checkers look at
# each access, not at how many there are.
source "$(dirname "$0")/common.sh"
need
[ $# -gt 0 ] || set -- address valgrind
crates=(-p alloc-header -p object-core -p rust-binding)
host=$(rustc -vV | sed -n 's/^host: //p')
export TIEBACK_SMALL=1

# everything RUN...: RUN is cargo's `test`, with what it needs.
everything() {
    "$@" "${crates[@]}" --lib --tests
    "$@" -p crate-graph --lib --test graph
    # tie_ops leaks every object on purpose: it looks at them after their end.
    "$@" -p py-binding --no-default-features --lib --test deferred_gate --test settle_queue --test tie_table
    "$@" --manifest-path fuzz/Cargo.toml
}

address() {
    if ! cargo +nightly --version >/dev/null 2>&1; then
        skip "address sanitizer" "no nightly toolchain (rustup toolchain install nightly)"
        return
    fi
    say "address and leak sanitizer"
    export RUSTFLAGS="-Zsanitizer=address" CARGO_TARGET_DIR="$target/asan"
    export CARGO_PROFILE_DEV_OPT_LEVEL=1 CARGO_PROFILE_TEST_OPT_LEVEL=1
    export TIEBACK_CHAIN=1000000 TIEBACK_ROUNDS=5000
    everything cargo +nightly test --quiet --locked --target "$host"
    skip "address sanitizer of loaded libraries" "its runtime is in the program, where they do not find it; valgrind runs those tests"
}

address_python() {
    if ! cargo +nightly --version >/dev/null 2>&1; then
        skip "address sanitizer over Python tests" "no nightly toolchain (rustup toolchain install nightly)"
        return
    fi
    case "$host" in *-linux-gnu) ;; *) skip "address sanitizer over Python tests" "it is run on Linux, not on $host"; return ;; esac
    venv
    say "address sanitizer: the extension module, and what the tests load"
    local out=$target/asan/$host/debug room=$target/asan/python runtime real tests=py-binding/tests/py
    real="$PWD/$($python -c 'import sys; print(".venv/bin/python%d.%d" % sys.version_info[:2])')"
    RUSTFLAGS="-Zsanitizer=address" CARGO_TARGET_DIR="$target/asan" CARGO_PROFILE_DEV_OPT_LEVEL=1 \
        PYO3_PYTHON="$real" PYO3_BUILD_EXTENSION_MODULE=1 \
        cargo +nightly build --quiet --locked --target "$host" -p py-binding -p test-library -p broken-library \
        -p crate-graph -p early-host -p backings -p peer-library -p extension-module -p peer-extension
    make -s -C examples/c-library OUT="$out" all lies
    rm -rf "$room"
    mkdir "$room"
    cp -r py-binding/python/tieback "$room"
    rm -f "$room"/tieback/_core*.so
    cp "$out/libpy_binding.so" "$room/tieback/_core.so"
    # rustc links the runtime into programs only, and this program is Python. So it is made a library that is
    # loaded first: all of it, but for what would call it before libraries are there. (It takes one with
    # "libasan.so" in its name for another one, and stops.)
    runtime=$(rustc +nightly --print sysroot)/lib/rustlib/$host/lib/librustc-nightly_rt.asan.a
    cp "$runtime" "$room/runtime.a"
    ar d "$room/runtime.a" asan_preinit.cpp.o
    cc -shared -o "$room/asan-runtime.so" -Wl,--whole-archive "$room/runtime.a" -Wl,--no-whole-archive \
        -ldl -lpthread -lm -lrt
    checked() {
        LD_PRELOAD="$room/asan-runtime.so" ASAN_OPTIONS=detect_leaks=0:exitcode=99 PYTHONMALLOC=malloc \
            PYTHONPATH="$room" TIEBACK_TEST_LIBRARIES="$out" "$@"
    }
    say "it sees a wrapper that is given back twice"
    local found=0
    checked $python -c '
import ctypes, tieback, tieback.testing
with_attributes = type("Sub", (tieback.List,), {})([1])
ctypes.pythonapi.Py_DecRef.argtypes = [ctypes.py_object]
address = id(with_attributes)
ctypes.pythonapi.Py_DecRef(with_attributes)
del with_attributes
tieback.testing.use_count(ctypes.cast(address, ctypes.py_object).value)' >"$room/seen.log" 2>&1 || found=$?
    [ $found = 99 ] && grep -q "heap-use-after-free" "$room/seen.log" ||
        stop "no use after free was reported (exit code $found): $room/seen.log"
    # Two look at what Python's allocator has, which is not in use here.
    say "Python tests of shared life, cycles and the tie"
    export TIEBACK_GRAPH_EDITS=10000 TIEBACK_TIMEOUT=900
    checked $python -m pytest -p no:cacheprovider --numprocesses auto --dist worksteal \
        $tests/test_shared_life*.py $tests/test_cycles*.py $tests/test_trim.py $tests/test_tie*.py \
        $tests/test_deferred.py $tests/test_identity.py -k "not answers_how_many and not system_gets_it"
}

memcheck() {
    if ! command -v valgrind >/dev/null; then
        skip valgrind "not installed (Debian: apt install valgrind)"
        return
    fi
    say "valgrind"
    local name
    name=$(tr 'a-z-' 'A-Z_' <<<"$host")
    export "CARGO_TARGET_${name}_RUNNER=bash $PWD/ci/valgrind.sh"
    export TIEBACK_CHAIN=20000 TIEBACK_ROUNDS=500
    everything cargo test --quiet --locked
    cargo test --quiet --locked -p crate-graph -p test-library -p c-library -p peer-library --tests
}

for checker in "$@"; do
    case "$checker" in
        address) (address) ;;
        valgrind) (memcheck) ;;
        address-python) (address_python) ;;
        *) stop "unknown checker '$checker': address, valgrind or address-python" ;;
    esac
done
