# Everything a person calls. `make` alone prints this list.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEV := $(VENV)/.ready-dev
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help
help: ## print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# Remade when the lock or the project changes; a half-made environment has no .ready and is made anew.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version.split()[0]; sys.exit(0 if sys.version_info >= (3, 11) else f"error: Python 3.11 or newer is needed, this is {v}; try: make run PYTHON=python3.12")'
	@echo "making the environment in $(VENV) (a minute, once)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): $(READY) requirements-dev.lock
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

.PHONY: run
run: $(READY) ## start everything; the UI on http://127.0.0.1:3000 until Ctrl-C (ONCE=1: stop after the summary)
	@exec $(BIN)/python -m orchestration.cli run $(if $(ONCE),--once)

.PHONY: test
test: $(DEV) ## the whole test suite; starts what it needs
	@$(BIN)/python -m pytest $(ARGS)

.PHONY: doctor
doctor: $(READY) ## ask every dependency how it is
	@exec $(BIN)/python -m orchestration.cli doctor

.PHONY: check
check: $(DEV) ## all that CI does: format, lint, types, import contracts, SQL lint, tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/sqlfluff lint --disable-progress-bar resources/sql
	@$(BIN)/python -m pytest $(ARGS)

.PHONY: bench
bench: $(DEV) ## the measured comparisons, as tables (50 minutes)
	@$(BIN)/python -m benchmarks

.PHONY: golden
golden: $(DEV) ## rewrite the golden files after a change that is meant
	@$(BIN)/python -m tests.golden

.PHONY: lock
lock: ## resolve the dependencies anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url --no-annotate --no-header \
		--output-file requirements.lock pyproject.toml
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url --no-annotate --no-header \
		--group dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml

.PHONY: clean
clean: ## remove the environment; data in .holdfast stays
	@rm -rf $(VENV)
