# Each target does all of its own set-up in a fresh checkout. `.venv` in the root is what they use.
.PHONY: demo test test-free-threaded lint api loom tsan examples bench budget memory kernel fuzz coverage clean

demo:      ; @bash ci/demo.sh
test:      ; @bash ci/test.sh
test-free-threaded: ; @bash ci/free-threaded.sh
lint:      ; @bash ci/lint.sh
api:       ; @bash ci/public-api.sh
loom:      ; @bash ci/loom.sh
tsan:      ; @bash ci/tsan.sh
examples:  ; @bash ci/examples.sh
bench:     ; @bash ci/bench.sh
budget:    ; @bash ci/budget.sh
memory:    ; @bash ci/memory.sh
kernel:    ; @bash ci/kernel.sh
fuzz:      ; @bash ci/fuzz.sh
coverage:  ; @bash ci/coverage.sh
clean:     ; cargo clean; rm -rf .venv .venv-ft

# Everything, for every interpreter found: three quarters of an hour on two idle cores.
.PHONY: check-deep
check-deep: ; @bash ci/deep.sh
