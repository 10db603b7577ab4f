#!/usr/bin/env bash
# examples/kernel: builds it, boots it under QEMU, and wants every page back; boots it again with a
# leak, which must be noticed; and proves from its link that nothing of std is in it.
source "$(dirname "$0")/common.sh"
command -v cargo >/dev/null || stop "cargo is missing: install Rust 1.85 or newer (https://rustup.rs)"
command -v cc >/dev/null || stop "cc is missing: install a C compiler (Debian: apt install gcc)"
command -v qemu-system-x86_64 >/dev/null ||
    stop "qemu-system-x86_64 is missing: install QEMU (Debian: apt install qemu-system-x86)"
rustc --print target-libdir --target x86_64-unknown-linux-gnu | xargs test -d ||
    stop "Rust's core for x86_64-unknown-linux-gnu is missing (rustup target add x86_64-unknown-linux-gnu)"
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# boot KERNEL COMMAND-LINE: the report goes to $log, QEMU's exit code to $code.
boot() {
    code=0
    timeout "${KERNEL_TIMEOUT:-120}" qemu-system-x86_64 -machine pc -accel tcg -m 64 -display none \
        -serial stdio -monitor none -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=4 \
        -kernel "$1" -append "$2" </dev/null >"$log" 2>&1 || code=$?
}

for profile in release dev; do
    say "kernel, $profile"
    # RUSTFLAGS would replace the flags of its .cargo/config.toml.
    (cd examples/kernel && env -u RUSTFLAGS cargo build --quiet --locked --profile "$profile" --target-dir "$target/kernel")
    kernel="$target/kernel/x86_64-unknown-linux-gnu/${profile/dev/debug}/kernel"
    if [ "$profile" = release ] && command -v nm >/dev/null; then
        ! nm -C "$kernel" | grep -E 'RawVec.*(grow_one|do_reserve)|raw_vec::(handle_error|capacity_overflow)' ||
            stop "the kernel links a form of Vec that panics without memory (above)"
    fi
    began=$(date +%s%N)
    boot "$kernel" ""
    cat "$log"
    echo "QEMU ended with $code after $((($(date +%s%N) - began) / 1000000)) ms"
    [ "$code" != 124 ] || stop "the kernel did not come to an end"
    [ "$code" = 33 ] || stop "the kernel failed: QEMU ended with $code, 33 is the code of a pass"
    grep -q '^every page is back' "$log" || stop "the report does not say that every page is back"

    # The table in docs/embedding.md is what this kernel counted, with the compiler that the page names.
    # Any change may cost an instruction more: said, not refused.
    compiler=$(rustc --version | cut -d' ' -f2)
    [ "$(grep -c '^| ' "$log")" = 5 ] || stop "the kernel does not print its costs"
    if [ "$profile" = release ] && grep -q "release, Rust ${compiler%.*}[,)]" docs/embedding.md; then
        tr -d '\r' <"$log" | grep '^| ' | while read -r row; do
            grep -qxF "$row" docs/embedding.md || echo "STALE docs/embedding.md, which should say: $row"
        done
    fi

    boot "$kernel" break=leak
    [ "$code" = 35 ] || stop "the kernel leaked an object on purpose and did not notice (QEMU ended with $code)"
    ! grep -q '^every page is back' "$log" || stop "every page is said to be back although one is not"
    echo "an object leaked on purpose is noticed: $(grep -m1 ' hold ' "$log")"
done

say "nothing of std in its link (ci/no_std.sh)"
bash ci/no_std.sh
