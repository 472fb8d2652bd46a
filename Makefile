# Everything a checkout needs: `make up` runs a cluster, `make test` proves it.
# Each target builds .venv first; nothing but Python >= 3.11, pip and make is expected.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
# Arguments for the command behind a target: make up ARGS="--instances 2", make test ARGS="-k fence".
ARGS ?=

PACKAGES := runtime wire volume engine failover endpoints cluster
SOURCES := $(PACKAGES) tests benchmarks
PIP = $(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help up test lint types bench profile clean

help:
	@echo 'make up       run a cluster in the foreground (Ctrl-C stops it); ARGS="--port 3400 ..."'
	@echo 'make test     all tests, real processes included; ARGS goes to pytest'
	@echo 'make lint     ruff;  make types   mypy --strict'
	@echo 'make bench    sysbench beside MariaDB, into docs/; ARGS="--quick" for a short run'
	@echo 'make profile  where the time of one select and one commit goes, into docs/profile.md'
	@echo 'make clean    remove .venv and caches (never a data directory)'

# The virtual environment. Debian without python3-venv has no ensurepip: fall back to the host's pip.
$(BIN)/python:
	@test -n '$(PYTHON)' || { echo 'make: Python 3.11 or newer is needed; name it with PYTHON=/path/to/python3' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || $(PYTHON) -m venv --clear --without-pip $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo 'installing Sixfold into $(VENV)'
	@$(PIP) -e .
	@$(BIN)/python -m compileall -q $(PACKAGES)  # or eleven processes would do it at once
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/.installed
	@echo 'installing the test tools into $(VENV)'
	@$(PIP) -e '.[dev]'
	@touch $@

$(VENV)/.installed-bench: pyproject.toml | $(VENV)/.installed
	@echo 'installing the plotting tools into $(VENV)'
	@$(PIP) -e '.[bench]'
	@touch $@

up: $(VENV)/.installed
	@exec $(BIN)/sixfold up $(ARGS)

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check $(SOURCES)

types: $(VENV)/.installed-dev
	$(BIN)/mypy

bench: $(VENV)/.installed-bench
	$(BIN)/python -m benchmarks $(ARGS)

profile: $(VENV)/.installed
	$(BIN)/python -m benchmarks.profile $(ARGS)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
