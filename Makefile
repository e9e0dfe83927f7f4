# Everything starts here: `make run` for a hub, `make test` for the tests, `make` for the list.
# ARGS reaches the command behind a target: make test ARGS="tests/accord -x"

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install --quiet --constraint constraints.txt

# A stamp is as new as the last install; make compares it with the files that decide what is installed.
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev

.DEFAULT_GOAL := help
.PHONY: help setup run demo test check bench lock

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(DEV) ## install everything into .venv; nothing to do when nothing changed

run: $(RUNTIME) ## start a hub (installs only what it needs to run)
	@$(BIN)/python manage.py migrate --verbosity 0
	@exec $(BIN)/python manage.py hub $(ARGS)

demo: $(RUNTIME) ## show three linked hubs becoming equal (ARGS="--logs FOLDER" for your own chat logs)
	@$(BIN)/python -m demo $(ARGS)

test: $(DEV) ## run the tests
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(DEV) ## format, lint, types, import contracts
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(DEV) ## run the benchmarks
	@$(BIN)/python -m benchmarks $(ARGS)

lock: ## rewrite constraints.txt from the requirement files, in a fresh environment
	@rm -rf $(VENV)-lock
	@$(PYTHON) -m venv $(VENV)-lock
	@$(VENV)-lock/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	@{ echo '# Every package, direct or not, at the version that was tested. Written by `make lock`.'; \
	   $(VENV)-lock/bin/python -m pip freeze --disable-pip-version-check; } > constraints.txt.new
	@mv constraints.txt.new constraints.txt
	@rm -rf $(VENV)-lock

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo 'Accord Hub needs Python 3.11 or newer; name one with: make $(MAKECMDGOALS) PYTHON=/path/to/python3' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(RUNTIME): requirements.txt constraints.txt pyproject.toml | $(BIN)/python
	@echo 'Installing what a hub needs into $(VENV) ...'
	@$(INSTALL) --requirement requirements.txt
	@$(INSTALL) --no-deps --editable .
	@touch $@

$(DEV): requirements-dev.txt $(RUNTIME)
	@echo 'Installing what tests and checks need ...'
	@$(INSTALL) --requirement requirements-dev.txt
	@touch $@
