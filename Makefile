# Thin verbs. Everything happens in .venv; `make run` and `make test` need only Python 3.11 with venv.

VENV   ?= .venv
BIN    := $(VENV)/bin
# The distribution's own Python is built with optimisations that others often lack; any from 3.11 on will do.
PYTHON ?= $(shell for p in /usr/bin/python3 python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)

.PHONY: help setup setup-bench run test check lint type cov bench docs fuzz cluster-tools cluster clean

help:
	@echo "make run | test | check | lint | type | cov | bench | docs | fuzz | cluster-tools | cluster | clean"

$(VENV)/.installed: setup.cfg pyproject.toml noderouter/http1/_head.c noderouter/http1/_scan.h noderouter/http1/_grammar.h
	@test -n "$(PYTHON)" || { echo "noderouter needs Python 3.11 or later with venv (Debian: apt-get install python3-venv)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade pip setuptools wheel
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	@$(BIN)/noderouter version
	@touch $@

setup: $(VENV)/.installed

run: setup
	$(BIN)/noderouter demo

test: setup
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	@$(BIN)/coverage combine --quiet && $(BIN)/coverage report --skip-covered --sort=cover

check: lint type test

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

type: setup
	$(BIN)/mypy

bench: setup
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[bench]'
	$(BIN)/python -m benchmarks --update-docs

docs: setup
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[docs]'
	$(BIN)/sphinx-build -W -q -b html docs docs/_build

fuzz: setup
	$(BIN)/python tests/noderouter/http1/fuzz/run.py --seconds $${FUZZ_SECONDS:-60}

# The Kubernetes of the tests, built once into a cache outside the tree; needs Go.
cluster-tools: setup
	$(BIN)/python -m tests.cluster.binaries

# A shell with kubectl, helm and a cluster of two nodes; needs root.
cluster: cluster-tools
	@$(BIN)/python -m tests.cluster

clean:
	rm -rf $(VENV) build dist *.egg-info .coverage* .mypy_cache .ruff_cache .import_linter_cache docs/_build
	find . -name __pycache__ -prune -exec rm -rf {} + ; find . -name '*.so' -delete
