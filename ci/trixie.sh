# Sourced by i686.sh and msrv.sh: Debian trixie in a folder, whose rustc is 1.85, the oldest release
# that this workspace promises to build with. Nothing outside of target/ is touched.

# trixie ARCH NAME: makes the folder $root, or says why not (false).
trixie() {
    root="$target/trixie-$1"
    if [ "$(uname -sm)" != "Linux x86_64" ]; then skip "$2" "needs an x86-64 Linux"; return 1; fi
    if [ "$(id -u)" != 0 ]; then skip "$2" "needs root, for chroot"; return 1; fi
    if ! command -v debootstrap >/dev/null; then
        skip "$2" "debootstrap is missing (Debian: apt install debootstrap)"; return 1
    fi
    if ! [ -e "$root/.complete" ]; then
        say "Debian trixie ($1) into $root"
        rm -rf "$root"
        mkdir -p "$root"
        if ! debootstrap --arch="$1" --variant=minbase --include=rustc,cargo,gcc,libc6-dev,python3-dev \
            trixie "$root" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" >"$root.log" 2>&1; then
            skip "$2" "debootstrap failed: $(tail -n 1 "$root.log" | cut -c 1-200), see $root.log"; return 1
        fi
        touch "$root/.complete"
    fi
    if ! chroot "$root" /usr/bin/rustc --version >/dev/null 2>&1; then
        skip "$2" "this kernel does not run its programs"; return 1
    fi
    # The sources, with every dependency beside them: the chroot needs no network.
    rm -rf "$root/src"
    mkdir -p "$root/src/.cargo"
    git ls-files -z --cached --others --exclude-standard | tar -c --null -T - | tar -x -C "$root/src"
    rm "$root/src/rust-toolchain.toml" # its channel is rustup's
    cargo vendor --locked --quiet --sync fuzz/Cargo.toml "$root/vendor" >/dev/null
    printf '[source.crates-io]\nreplace-with = "vendored"\n[source.vendored]\ndirectory = "/vendor"\n' \
        >"$root/src/.cargo/config.toml"
    mount -t proc proc "$root/proc"
    trap 'umount "$root/proc"' EXIT
    say "$2: $(inside rustc --version), $(inside rustc -vV | sed -n 's/^host: //p')"
}

# Runs a command in the sources inside of $root.
inside() {
    chroot "$root" /usr/bin/env -i PATH=/usr/bin:/bin HOME=/root CARGO_TARGET_DIR=/target \
        CARGO_NET_OFFLINE=true sh -c 'cd /src && exec "$@"' sh "$@"
}
