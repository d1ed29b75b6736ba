# Everything runs in .venv, which is made from $(PYTHON), and made again when pyproject.toml or PYTHON changes.
#
#   make demo PYTHON=python3.12
#   make test ARGS="-k packaging -x"

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --quiet --disable-pip-version-check
ARGS   ?=

# What is installed, and from which Python. `venv --clear` removes both.
RUNTIME := $(VENV)/.runtime-$(subst /,-,$(PYTHON))
DEV     := $(VENV)/.dev-$(subst /,-,$(PYTHON))

.DEFAULT_GOAL := help
.PHONY: help demo test lint format types bench docs clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(RUNTIME)  ## install, scan the demo directory, and leave demo.html: what a recorded cluster costs
	@echo '$$ mlaudit scan fixtures/demo --exit-zero'
	@$(BIN)/mlaudit scan fixtures/demo --exit-zero
	@echo '$$ mlaudit cost --snapshot fixtures/cluster.tar.gz -f html -o demo.html'
	@$(BIN)/mlaudit cost --snapshot fixtures/cluster.tar.gz -f html -o demo.html
	@echo 'demo.html: what a recorded cluster costs, and what of it stands idle'

test: $(DEV)  ## install, then pass the tests; ARGS goes to pytest
	@$(BIN)/python -m pytest $(ARGS)

lint: $(DEV)  ## ruff: rules and format
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

format: $(DEV)  ## let ruff fix what it can
	@$(BIN)/ruff check --fix-only
	@$(BIN)/ruff format

types: $(DEV)  ## mypy, strict
	@$(BIN)/mypy

bench: $(DEV)  ## speed and memory; ARGS goes to the benchmarks
	@$(BIN)/python -m benchmarks $(ARGS)

docs: $(DEV)  ## print the generated pages again
	@$(BIN)/python -m tests.regenerate

clean:  ## remove the environment, the caches and what was built
	@rm -rf $(VENV) demo.html build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUNTIME): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo '$(PYTHON) is missing or older than Python 3.11: name a newer one, as in "make demo PYTHON=python3.12"' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo '$(PYTHON) cannot make virtual environments: install its venv package (Debian, Ubuntu: apt install python3-venv)' >&2; exit 1; }
	@echo 'Making $(VENV) with $(PYTHON)'
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install --editable .
	@touch $@

$(DEV): $(RUNTIME)
	@echo 'Adding the development tools to $(VENV)'
	@$(PIP) install --editable '.[dev]'
	@touch $@
