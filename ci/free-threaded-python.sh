#!/usr/bin/env bash
# Prints the path of a free-threaded CPython; builds 3.13 from Debian's source package if none is
# found. It is kept outside the checkout, in the user's cache, so that it is built once (about eight
# minutes on two cores). PYTHON_FT=/path/to/python3.14t names another one.
set -euo pipefail
home="${TIEBACK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tieback}/python-free-threaded"

free_threaded() {
    "$1" -c 'import sys, sysconfig
sys.exit(not (sysconfig.get_config_var("Py_GIL_DISABLED") and sys.version_info >= (3, 13)))' 2>/dev/null
}

for candidate in "${PYTHON_FT:-}" python3.15t python3.14t python3.13t "$home/bin/python3.13t"; do
    if [ -n "$candidate" ] && path=$(command -v "$candidate") && free_threaded "$path"; then
        echo "$path"
        exit 0
    fi
done
[ "${1:-}" = --find ] && exit 1

stop() { printf 'tieback: %s\n' "$*" >&2; exit 1; }
command -v apt-get >/dev/null || stop "no free-threaded Python was found, and it is built from Debian's source package: set PYTHON_FT=/path/to/python3.14t"
for tool in cc make dpkg-source; do
    command -v $tool >/dev/null || stop "$tool is missing (Debian: apt install gcc make dpkg-dev)"
done
echo "building a free-threaded CPython 3.13 into $home (about eight minutes, once)" >&2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The host's own mirror, asked for the sources of the release that has 3.13, in a private apt state:
# nothing of the system's is changed.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep -v security | head -1)
[ -n "$mirror" ] || stop "apt knows no Debian mirror"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
mkdir -p "$work"/{lists/partial,cache/archives/partial,etc,source}
printf 'Types: deb-src\nURIs: %s\nSuites: trixie\nComponents: main\nSigned-By: %s\n' "$mirror" "$keyring" >"$work/etc/trixie.sources"
private=(-o Dir::Etc::sourcelist="$work/etc/trixie.sources" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root)
apt-get "${private[@]}" -qq update >&2 || {
    # An older keyring does not know the newer release's key; dpkg-source still checks the sums.
    printf 'deb-src [trusted=yes] %s trixie main\n' "$mirror" >"$work/etc/trixie.sources.list"
    private[1]="Dir::Etc::sourcelist=$work/etc/trixie.sources.list"
    apt-get "${private[@]}" -qq update >&2
}
(cd "$work/source" && apt-get "${private[@]}" -qq source --download-only python3.13 >&2 && dpkg-source --no-check --skip-patches -x ./*.dsc python >&2)
cd "$work/source/python"
log="$work/build.log"
{
    ./configure --prefix="$home" --disable-gil --with-ensurepip=install
    make -j"$(nproc)"
    make install
} >"$log" 2>&1 || { tail -30 "$log" >&2; stop "the build failed"; }
[ -x "$home/bin/python3.13t" ] || ln -s python3.13 "$home/bin/python3.13t"
free_threaded "$home/bin/python3.13t" || stop "the interpreter that was built has a GIL"
echo "$home/bin/python3.13t"
