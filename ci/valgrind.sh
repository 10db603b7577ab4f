#!/usr/bin/env bash
# A test runner: what cargo hands over runs under valgrind, quietly unless it finds something.
exec valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
    --show-leak-kinds=definite "$@" --test-threads=1
