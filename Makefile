# Everything runs in a private environment in this folder, made on first use and renewed when pyproject.toml changes.
# What is needed beforehand: make, and a Python from 3.11 on with pip.

PYTHON ?= $(shell tools/find-python)
VENV := .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=
BENCH_ARGS ?=
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= requests responses chunked sending conversations differential-requests differential-responses \
	websocket websocket-deflate websocket-handshake

# The tests start hundreds of processes that import the same modules: only the first compiles them.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test lint style types imports check test-all coverage fuzz bench clean
.DEFAULT_GOAL := help

help:  ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/ready-demo  ## Show a server and a client at work on asyncio and on trio
	@$(BIN)/python examples/demo.py

test: $(VENV)/ready-check  ## Run the test suite (PYTEST_ARGS="-k cookies" for a part)
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: style types imports  ## Run ruff, mypy and the import contracts

style: $(VENV)/ready-check
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check

types: $(VENV)/ready-check
	$(BIN)/python -m mypy

imports: $(VENV)/ready-check
	$(BIN)/lint-imports

check: lint test  ## Run every check, then the tests: what a change must pass

test-all:  ## Run the suite on each of Python 3.11, 3.12 and 3.13 that is installed
	@tools/test-all $(PYTEST_ARGS)

coverage: $(VENV)/ready-check  ## Measure the branches of the core that its own tests reach: at least 98 %
	@$(BIN)/python -m coverage run -m pytest -q -p no:cacheprovider $(MEASURED_TESTS) $(UNMEASURED_TESTS)
	@$(BIN)/python -m coverage report

fuzz: $(VENV)/ready-check  ## Fuzz each target for a minute (FUZZ_SECONDS=1800 for longer)
	@for target in $(FUZZ_TARGETS); do $(BIN)/python -m fuzz $$target --seconds $(FUZZ_SECONDS) || exit 1; done

bench: $(VENV)/ready-bench  ## Measure drywire beside its peers
	@$(BIN)/python -m benchmarks $(BENCH_ARGS)

clean:  ## Remove the environments and all that the tools left
	rm -rf .coverage .venv .venv-* build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment is ready for a purpose once this file is there: then the extras that the purpose needs are installed.
# Those of the packages that are measured (see [tool.coverage.run] in pyproject.toml)
MEASURED_TESTS := tests/sansio/http1 tests/sansio/websocket tests/sansio/test_fields.py tests/sansio/test_grammar.py \
	tests/security/test_framing_inbound.py tests/security/test_outbound.py tests/security/test_parser_pitfalls.py \
	tests/security/test_websocket_bombs.py tests/security/test_websocket_upgrade.py
# but those that turn millions of times in what the others reach, too: watched, that takes longer than all the rest.
UNMEASURED_TESTS := --ignore tests/sansio/http1/test_linear_time.py \
	$(addprefix --deselect tests/security/test_websocket_bombs.py::, \
	test_a_frame_that_is_never_finished_costs_its_bytes_and_linear_work_13352 \
	test_a_million_tiny_fragments_end_with_1008_13350 test_endless_pings_end_with_1008)

EXTRAS_demo := trio,uvloop
EXTRAS_test := test
EXTRAS_check := check
EXTRAS_bench := bench

$(VENV)/ready-%: pyproject.toml
	@tools/make-venv $(VENV) "$(PYTHON)" $(EXTRAS_$*)
	@touch $@
