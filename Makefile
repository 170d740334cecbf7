.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
# what a company laptop needs: uv asks the system which certificates it trusts
export UV_NATIVE_TLS := 1
export UV_SYSTEM_CERTS := 1

EXAMPLE := examples/sklearn
ARGS ?=

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

.PHONY: debug-score
debug-score: $(READY) ## serve the example with debugger and hot reload on
	$(BIN)/aml-emu serve $(EXAMPLE)/score.py --env $(EXAMPLE)/env.yml --model $(EXAMPLE)/model --debug --watch $(ARGS)

.PHONY: setup
setup: $(READY) ## make the virtual environment

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("aml-emu needs Python 3.10 or newer, this is " + sys.version) if sys.version_info < (3, 10) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --editable . --group dev
	$(BIN)/python -m compileall -q toolkit
	@touch $@

.PHONY: test
test: $(READY) ## run all tests; those for Docker only where it answers (ARGS="-k name" to choose)
	$(BIN)/python -m pytest $(ARGS)

.PHONY: check
check: lint ## lint and unit tests: before every commit
	$(BIN)/python -m pytest -q tests/unit tests/golden

.PHONY: lint
lint: $(READY) ## format, rules, types and imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: $(READY) ## rewrite the sources in the house style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: golden
golden: $(READY) ## rewrite the golden files; review the diff
	$(BIN)/python -m pytest -q tests/golden --update-golden

.PHONY: bench-build
bench-build: $(READY) ## measure builds beside an Azure-like one (ARGS="--quick" to try)
	$(BIN)/python -m benchmarks.build $(ARGS)

.PHONY: bench-reload
bench-reload: $(READY) ## measure reloads beside other servers' (ARGS="--quick" to try)
	$(BIN)/python -m benchmarks.reload $(ARGS)

.PHONY: bench-debug-overhead
bench-debug-overhead: $(READY) ## measure what debugging costs in memory and throughput
	$(BIN)/python -m benchmarks.reload overhead $(ARGS)

.PHONY: bench-router
bench-router: $(READY) ## measure what an endpoint's router costs (ARGS="--quick", ARGS="soak")
	$(BIN)/python -m benchmarks.router $(ARGS)

.PHONY: bench-engines
bench-engines: $(READY) ## measure the process engine beside Docker (ARGS="--quick" to try)
	$(BIN)/python -m benchmarks.engines $(ARGS)

.PHONY: bench-runs
bench-runs: $(READY) ## measure what a run costs beside running it by hand (ARGS="--quick" to try)
	$(BIN)/python -m benchmarks.runs $(ARGS)

.PHONY: bench-pipelines
bench-pipelines: $(READY) ## measure pipeline steps beside Kubeflow's runner (ARGS="--quick" to try)
	$(BIN)/python -m benchmarks.pipelines $(ARGS)

.PHONY: wheel
wheel: $(READY) ## build the wheel into dist/
	$(BIN)/uv build --wheel --out-dir dist

.PHONY: clean
clean: ## remove what make made
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
