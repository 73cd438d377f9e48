# The commands of this repository. `make demo` and `make test` work on a fresh machine.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: catalogue install demo dev check test test-chaos test-hostile fuzz bench bench-agent bench-agent-soak bench-prediction proto pictures clean

$(VENV)/.server: pyproject.toml
	@echo "installing into $(VENV): about a minute"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[server]'
	@touch $@

$(VENV)/.dev: $(VENV)/.server
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

install: $(VENV)/.server

demo: install
	@$(BIN)/sereno demo $(ARGS)

dev: $(VENV)/.dev

check: dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest -q -m 'not slow and not browser and not chaos and not hostile' -n 2 $(ARGS)

test: dev
	@$(BIN)/python -m pytest -m 'not chaos and not hostile' -n 2 $(ARGS)

test-chaos: dev
	@$(BIN)/python -m pytest -m chaos $(ARGS)

test-hostile: dev
	@$(BIN)/python -m pytest tests/hostile tests/agent/executor/test_forged.py tests/installer/test_install.py $(ARGS)

fuzz: dev
	@$(BIN)/python -m tests.fuzz.command $(ARGS)

bench: dev
	@$(BIN)/python -m tests.bench $(ARGS)

bench-agent: dev
	@$(BIN)/python -m tests.bench agent $(ARGS)

bench-agent-soak: dev
	@$(BIN)/python -m tests.bench agent_soak $(ARGS)

bench-prediction: dev
	@$(BIN)/python -m tests.bench prediction $(ARGS)

pictures: dev
	@$(BIN)/python -m tests.pictures $(or $(ARGS),docs/pictures)

catalogue: dev
	@$(BIN)/python -m sereno_server.runs.catalogue

proto: dev
	@$(BIN)/python proto/generate.py

clean:
	rm -rf $(VENV) build dist
