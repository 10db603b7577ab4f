#!/usr/bin/env bash
# A test runner: what cargo hands over runs under valgrind, quietly unless it finds something.
# A test that single-steps itself cannot do so under valgrind: it runs as it is.
case "$1" in */interrupt-*) echo "SKIPPED valgrind of interrupt: it single-steps itself"; exec "$@" ;; esac
exec valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
    --show-leak-kinds=definite "$@" --test-threads=1
