# The few commands of this project. `make demo` and `make test` set up whatever they need.

PYTHON ?= $(shell scripts/find_python)
BIN := .venv/bin

# Where no compiled modules may be kept, each of the hundreds of processes of the tests compiles all of them again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench soak screenshots lock clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: .venv/ready .venv/kernels web/static/index.html ## .venv with the `sightline` command, the compiled kernels, the built page

demo: ## four simulated cameras and a gateway; prints where to look and the password
	@scripts/bootstrap run
	@$(MAKE) --no-print-directory setup
	@exec $(BIN)/sightline demo

test: ## every test but the long ones
	@scripts/bootstrap test
	@$(MAKE) --no-print-directory setup
	scripts/run_tests

check: ## format, lint, types, layers; of the page too
	@scripts/bootstrap run
	@$(MAKE) --no-print-directory setup
	scripts/check

bench: ## speed, as ratios against named baselines
	@scripts/bootstrap test
	@$(MAKE) --no-print-directory setup
	$(BIN)/python -m benchmarks

soak: ## the long tests: kill -9, load, leaks
	@scripts/bootstrap test
	@$(MAKE) --no-print-directory setup
	$(BIN)/pytest -q -m soak --timeout 1800

screenshots: ## the pictures in docs/pictures, from the real page
	@scripts/bootstrap test
	@$(MAKE) --no-print-directory setup
	$(BIN)/python scripts/screenshots.py

lock: ## pin the dependencies again
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock

clean: ## everything that was made, but no data
	rm -rf .venv web/static web/ui/node_modules dist

.venv/ready: pyproject.toml requirements-dev.lock scripts/build_hook.py
	@scripts/bootstrap run
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: set PYTHON=…"; exit 1; }
	@echo "Setting up .venv …"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/kernels: .venv/ready scripts/build_kernel.py $(shell find gateway -name '*.[ch]')
	@$(BIN)/python scripts/build_kernel.py
	@touch $@

web/static/index.html: .venv/ready $(shell find web/ui -type f -not -path '*/node_modules/*' 2>/dev/null)
	@echo "Building the page …"
	@$(BIN)/python scripts/build_page.py
	@touch $@
