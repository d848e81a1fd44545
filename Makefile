# Each target does its own set-up on a bare machine with Python >= 3.11 and make.
.POSIX:
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: help setup run test check bench lock clean

help: ## Show the targets
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*## /\t/'

setup: .stamps/runtime ## Install what running needs

.stamps/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed; set PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "venv is missing: install your system's python3-venv package" >&2; exit 1; }
	@mkdir -p .stamps && touch $@

.stamps/runtime: .stamps/venv requirements.lock pyproject.toml
	@echo "installing"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.stamps/dev: .stamps/runtime requirements-dev.lock
	@echo "installing test tools"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

run: .stamps/runtime ## Run the demo: broker, simulated exchange and every service
	@exec $(BIN)/breakout up $(ARGS)

test: check ## Run every check and every test
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(ARGS)

check: .stamps/dev ## Format, lint, types, imports, schemas
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy research services shared tests benchmarks
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m shared.contracts.schema --check

bench: .stamps/dev ## Run the benchmarks that stand behind the README's figures
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script $(ARGS) || exit 1; done

lock: .stamps/dev ## Resolve the dependencies anew
	@$(BIN)/uv pip compile --quiet pyproject.toml --group build --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o requirements.lock
	@$(BIN)/uv pip compile --quiet pyproject.toml --group build --group dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -c requirements.lock -o requirements-dev.lock

clean: ## Remove what was built and installed here
	@rm -rf $(VENV) .stamps .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
