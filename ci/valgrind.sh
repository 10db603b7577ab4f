#!/usr/bin/env bash
# A test runner: what cargo hands over runs under valgrind, quietly unless it finds something.
leaks=full
case "$1" in
    # It single-steps itself, and cannot do so under valgrind.
    */interrupt-*) echo "SKIPPED valgrind of interrupt: it single-steps itself"; exec "$@" ;;
    # A forked child has lost what other threads had in hand.
    */fork-*) leaks=no ;;
esac
exec valgrind --quiet --error-exitcode=99 --leak-check=$leaks --errors-for-leak-kinds=definite \
    --show-leak-kinds=definite "$@" --test-threads=1
