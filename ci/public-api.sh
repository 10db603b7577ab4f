#!/usr/bin/env bash
# The public surface of each crate against its frozen listing in docs/public-api; what differs is printed
# and fails. A change that is meant: `ci/public-api.sh --bless`, and the listing's difference is reviewed
# with the commit.
#
# Every feature is on, but for py-binding's `python`: what is public in it is the extension module's
# table. Send and Sync are listed, derived traits too; what the compiler adds to every type is not, nor
# is what is `doc(hidden)`. The listing is rustdoc's own JSON (nightly), put into lines by cargo-public-api.
source "$(dirname "$0")/common.sh"
case "${1-}" in
    "" | --bless) ;;
    *) stop "usage: ci/public-api.sh [--bless]" ;;
esac
command -v cargo >/dev/null || stop "cargo is missing: install Rust 1.85 or newer (https://rustup.rs)"
if ! cargo +nightly --version >/dev/null 2>&1; then
    skip "public API" "no nightly toolchain (rustup toolchain install nightly)"
    exit 0
fi
if ! cargo public-api --version >/dev/null 2>&1; then
    skip "public API" "no cargo-public-api (cargo install --locked cargo-public-api)"
    exit 0
fi
# PyO3 asks an interpreter, any of them: nothing listed depends on which.
export PYO3_PYTHON="${PYO3_PYTHON:-$(command -v "${PYTHON:-python3}")}"
lists=docs/public-api
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT

surface() {
    local crate=$1
    shift
    say "public API of $crate"
    cargo +nightly public-api --package "$crate" --target-dir "$target/public-api" --color never \
        --omit blanket-impls "$@" 2>"$fresh/errors" >"$fresh/$crate" || {
        cat "$fresh/errors" >&2
        stop "no listing of $crate could be made; is $(cargo public-api --version) of this nightly's age?"
    }
    # Of the traits that the compiler gives by itself, those that say which threads may have a value.
    sed -E '/^impl.* !?core::(marker::(Freeze|Unpin|UnsafeUnpin)|panic::unwind_safe::(RefUnwindSafe|UnwindSafe)) for /d' \
        "$fresh/$crate" >"$fresh/$crate.txt"
    [ -s "$fresh/$crate.txt" ] || stop "the listing of $crate is empty"
    if [ "$bless" ]; then
        cp "$fresh/$crate.txt" "$lists/$crate.txt"
    elif ! diff -u --label "$lists/$crate.txt (frozen)" --label "$crate (now)" "$lists/$crate.txt" "$fresh/$crate.txt"; then
        changed="$changed $crate"
    fi
}

bless=${1-} changed=
mkdir -p $lists
surface alloc-header --all-features
surface object-core --all-features
surface rust-binding --all-features
surface py-binding --no-default-features --features api
[ -z "$changed" ] || stop "the public API changed:$changed. If that is meant, run ci/public-api.sh --bless and commit the listings"
