#!/usr/bin/env bash
# Which lines of the crates the fuzzers' corpus reaches, and the crates' own tests together with it:
# per file, then in all. The corpus is replayed on stable Rust (fuzz/tests/replay.rs), without the
# random programs; what libFuzzer kept in fuzz/corpus-work counts as well, where there is some.
source "$(dirname "$0")/common.sh"
command -v cargo >/dev/null || stop "cargo is missing: install Rust 1.85 or newer (https://rustup.rs)"
# LLVM's tools: rustup's component, or the distribution's newest.
sysroot=$(rustc --print sysroot)
tools=$(find "$sysroot/lib/rustlib" -name llvm-cov -printf '%h\n' 2>/dev/null | head -1)
suffix=
if [ -z "$tools" ]; then
    newest=$(compgen -c llvm-cov- | grep -E '^llvm-cov-[0-9]+$' | sort -t- -k3 -n | tail -1)
    [ -n "$newest" ] || stop "llvm-cov is missing (rustup component add llvm-tools, or Debian: apt install llvm-19)"
    suffix="-${newest##*-}"
fi
profdata="${tools:+$tools/}llvm-profdata$suffix" cov="${tools:+$tools/}llvm-cov$suffix"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export RUSTFLAGS="-C instrument-coverage" CARGO_TARGET_DIR="$target/coverage"

# measure NAME PATTERN CARGO-TEST-ARGUMENTS...: the lines that these tests reach, of the files that match.
programs=()
measure() {
    local name=$1 files=$2
    shift 2
    say "$name"
    # The profiles of programs that these start and kill are not wanted.
    LLVM_PROFILE_FILE="$folder/%m-%p.profraw" cargo test --quiet --locked "$@" >"$folder/log" 2>&1 ||
        { tail -n 40 "$folder/log"; stop "the tests failed"; }
    while read -r program; do programs+=(--object "$program"); done < <(
        cargo test --quiet --locked "$@" --no-run --message-format=json 2>/dev/null |
            grep -o '"executable":"[^"]*"' | cut -d'"' -f4)
    "$profdata" merge --sparse --failure-mode=all "$folder"/*.profraw -o "$folder/all.profdata"
    "$cov" report "${programs[@]}" --instr-profile="$folder/all.profdata" 2>/dev/null |
        awk -v files="$files" -v root="${PWD#/}/" '
            { sub(root, "", $1) }
            $1 ~ files { printf "%7.2f%% of %5d lines  %s\n", 100 - 100 * $9 / ($8 ? $8 : 1), $8, $1; all += $8; missed += $9
                split($1, parts, "/src/"); crate[parts[1]] += $8; left[parts[1]] += $9 }
            END { for (name in crate) printf "%7.2f%% of %5d lines  %s, all of it\n", 100 - 100 * left[name] / crate[name], crate[name], name }'
}

export TIEBACK_FUZZ_PROGRAMS=0
measure "the corpus" '(alloc-header|object-core|py-binding/src/tie)/?.*[.]rs$' --manifest-path fuzz/Cargo.toml --test replay
measure "the corpus and the tests of alloc-header and object-core" '(alloc-header|object-core)/src' \
    -p alloc-header -p object-core --lib --tests
