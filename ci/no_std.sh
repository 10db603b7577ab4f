#!/usr/bin/env bash
# alloc-header pulls in neither std nor alloc, object-core no std, when their features are off.
# The proof is examples/kernel's link: no std symbol, nothing undefined, although both are in it.
source "$(dirname "$0")/common.sh"
for crate in "alloc-header" "alloc-header --features allocator-api2" "object-core" \
    "object-core --features allocator-api2"; do
    # shellcheck disable=SC2086
    cargo build --quiet --locked --no-default-features -p $crate
    # Whatever a dependency's manifest says, no feature named std is on anywhere below.
    # shellcheck disable=SC2086
    if cargo tree --locked --edges normal --no-default-features --format '{p} [{f}]' -p $crate |
        grep -E '\[([^]]*,)?std(,[^]]*)?\]'; then
        stop "$crate without its default features pulls in std (see the line above)"
    fi
done
grep -q '^extern crate alloc' alloc-header/src/lib.rs &&
    ! grep -B1 '^extern crate alloc' alloc-header/src/lib.rs | grep -q 'default-backing' &&
    stop "alloc-header uses alloc without its feature default-backing"

# Without the feature `infallible` no function of object-core calls one of alloc's that panics when there
# is no memory: Vec::push and its like, Box::new, format!. Read from the calls in the optimised code.
if ! command -v objdump >/dev/null; then
    skip "calls that panic without memory" "objdump is missing (Debian: apt install binutils)"
else
    panicking='grow_one|do_reserve_and_handle|Vec<.*>::(resize|reserve|extend)|format_inner|raw_vec::handle_error'
    panicking+='|handle_alloc_error|capacity_overflow'
    for features in allocator-api2 std,serde; do
        CARGO_PROFILE_RELEASE_LTO=off cargo build --quiet --release --locked -p object-core \
            --no-default-features --features "$features" --target-dir "$target/no-alloc"
        calls=$(objdump --disassemble --reloc --demangle "$target/no-alloc/release/libobject_core.rlib" 2>/dev/null |
            awk -v panicking="$panicking" '/^[0-9a-f]+ <.*>:$/ { $1 = ""; name = $0 }
                / R_[A-Z0-9_]+\t/ { seen++; if (name !~ /^ <(alloc|hashbrown)::/ && $0 ~ panicking) print name, $NF }
                END { print seen + 0 }')
        [ "$(tail -n 1 <<<"$calls")" -gt 1000 ] || stop "no calls found in libobject_core.rlib: is objdump another one?"
        ! grep ' <' <<<"$calls" || stop "object-core calls what panics without memory (above), features: $features"
    done
    echo "nothing in object-core panics for want of memory"
fi

if [ "$(uname -sm)" != "Linux x86_64" ]; then
    skip "std symbols in examples/kernel" "it is built with the x86-64 Linux target's core"
elif ! command -v nm >/dev/null; then
    skip "std symbols in examples/kernel" "nm is missing (Debian: apt install binutils)"
else
    # RUSTFLAGS would replace the flags of its .cargo/config.toml.
    (cd examples/kernel && env -u RUSTFLAGS cargo build --quiet --locked --target-dir "$target/kernel")
    kernel="$target/kernel/x86_64-unknown-linux-gnu/debug/kernel"
    symbols=$(nm -C "$kernel")
    ! grep -E '[ <&](std|libc|libloading)::' <<<"$symbols" || stop "symbols of std are in the kernel (above)"
    ! nm -u "$kernel" | grep . || stop "the kernel needs symbols from elsewhere (above)"
    for crate in alloc_header object_core; do
        [ "$(grep -c "$crate::" <<<"$symbols")" -gt 5 ] || stop "$crate is not in the kernel: the wrong file?"
    done
    if (cd examples/kernel && cargo tree --quiet --locked --edges normal --format '{p} [{f}]') |
        grep -E '\[([^]]*,)?(std|infallible|default-backing)(,[^]]*)?\]'; then
        stop "the kernel has a feature that it must not have (see the line above)"
    fi
    # alloc-header by itself asks for no global allocator.
    cargo build --quiet --locked --no-default-features -p alloc-header --target-dir "$target/no-alloc"
    ! nm "$target/no-alloc/debug/liballoc_header.rlib" 2>/dev/null | grep -E '__(rust|rg|rdl)_(alloc|dealloc)' ||
        stop "alloc-header without features names the global allocator (above)"
    echo "examples/kernel links both crates without a symbol of std"
fi
echo "alloc-header and object-core build without std"
