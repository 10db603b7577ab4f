#!/usr/bin/env bash
# The Python tests on a free-threaded CPython: `.venv-ft` in the root, with tieback built for it.
# PYTHON_FT=/path/to/python3.14t names the interpreter; else one is looked for, or 3.13 is built
# (ci/free-threaded-python.sh). Arguments go to pytest; TESTS="file ...": those only.
# BUILD_ONLY=1: no tests.
source "$(dirname "$0")/common.sh"
need
ft=$(bash ci/free-threaded-python.sh)
version=$("$ft" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
if ! [ -x .venv-ft/bin/python ] || ! [ "$(cat .venv-ft/interpreter 2>/dev/null)" = "$ft" ]; then
    say "making .venv-ft with $("$ft" --version)"
    rm -rf .venv-ft
    "$ft" -m venv .venv-ft
    echo "$ft" >.venv-ft/interpreter
fi
if ! cmp -s ci/requirements.txt .venv-ft/requirements.txt; then
    say "installing the tools of ci/requirements.txt into .venv-ft"
    # hypothesis has an extension of its own by now, which is not built for 3.13t: the newest without.
    .venv-ft/bin/python -m pip install --quiet --disable-pip-version-check --only-binary hypothesis -r ci/requirements.txt
    cp ci/requirements.txt .venv-ft/requirements.txt
fi
root=$PWD
tree=$root
if [ "$version" = 3.13 ]; then
    # PyO3 0.28.3 is the last for free-threaded 3.13; the lock names a newer one, which begins at 3.14.
    tree=$target/free-threaded-tree
    mkdir -p "$tree"
    git ls-files -z --cached --others --exclude-standard | tar -c --null --ignore-failed-read -T - 2>/dev/null | tar -x -C "$tree"
    (
        cd "$tree"
        locked=$(grep -A1 '^name = "pyo3-build-config"' Cargo.lock | sed -n 's/^version = "\(.*\)"/\1/p')
        cargo update --quiet -p pyo3 --precise 0.28.3
        cargo update --quiet -p "pyo3-build-config@$locked" --precise 0.28.3
    )
fi
say "building tieback into .venv-ft"
(cd "$tree/py-binding" && VIRTUAL_ENV="$root/.venv-ft" CARGO_TARGET_DIR="$target/free-threaded" \
    "$root/.venv-ft/bin/maturin" develop --release --quiet)
.venv-ft/bin/python - <<'EOF'
import sys
import tieback
assert not sys._is_gil_enabled(), "importing tieback switched the GIL on"
EOF
[ -z "${BUILD_ONLY:-}" ] || exit 0
plain_libraries
say "Python tests on $(.venv-ft/bin/python -VV)"
TIEBACK_WITHOUT_EXTENSIONS=1 TIEBACK_TEST_LIBRARIES="$target/debug" run_tests .venv-ft/bin/python ${TESTS:-py-binding/tests/py} "$@"
