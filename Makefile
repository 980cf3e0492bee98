# Needs python3 (3.11 or newer, with pip and venv) and make; no compiler.
# Every target makes .venv first where it is missing or older than what it is made from.

.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.made-from-constraints
WORKERS ?= 2

# One process a core is enough: without this each test worker would start a thread pool of its own on every core.
test quick test-pandas2 wheel: export OMP_NUM_THREADS ?= 1

.PHONY: help install neural demo test quick lint format types contracts docs examples wheel test-pandas2 check constraints clean

help:
	@echo "make install     the environment in .venv"
	@echo "make neural      torch and Opacus too (the extras neural and private)"
	@echo "make demo        the main job on simulated data, in under a minute"
	@echo "make test        the whole suite        make quick      without the slow tests"
	@echo "make check       lint, types, contracts, docs, examples, wheel, both test runs"
	@echo "make format      rewrite the code as the linter wants it"

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tsynth needs Python 3.11 or newer, but $(PYTHON) is " + sys.version.split()[0] + "; run make with PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable . --group dev
	@touch $@

install: $(STAMP)

demo: $(STAMP)
	$(BIN)/tsynth demo

test: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS)

# The extras `neural` and `private`: without them the tests that train networks are skipped.
neural: $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[neural,private]'

quick: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) -m "not slow"

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(STAMP)
	$(BIN)/mypy

contracts: $(STAMP)
	$(BIN)/lint-imports

docs: $(STAMP)
	$(BIN)/python -m sphinx -W --keep-going --quiet -b html docs docs/_build/html

examples: $(STAMP)
	$(BIN)/python tools/run_examples.py

# The data and contract tests again, under the last pandas before strings had a dtype of their own.
PANDAS2 := build/pandas2
PANDAS2_STAMP := $(PANDAS2)/.made-from-constraints
PANDAS2_TESTS := tests/data tests/contract

$(PANDAS2_STAMP): $(STAMP)
	mkdir -p build
	grep -v '^pandas==' constraints.txt > build/constraints-pandas2.txt
	$(BIN)/python -m venv --without-pip $(PANDAS2)
	$(BIN)/python -m pip --python $(PANDAS2)/bin/python install --quiet --constraint build/constraints-pandas2.txt \
		--editable . --group test 'pandas==2.3.*'
	@touch $@

test-pandas2: $(PANDAS2_STAMP)
	$(PANDAS2)/bin/python -m pytest -n $(WORKERS) $(PANDAS2_TESTS)

wheel: $(STAMP)
	$(BIN)/python tools/test_wheel.py

check: lint types contracts docs examples wheel test-pandas2 test

# The set that resolves today, from the environment as it stands (see the head of constraints.txt).
constraints: $(STAMP)
	$(BIN)/python tools/freeze.py

clean:
	rm -rf build dist docs/_build docs/reference/generated
