# Every target makes the shared .venv when it is missing or no longer fits the lock.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PACKAGES := src/rtp server/rtp_server commands/rtp_commands
# Tests wait for servers and processes a good deal: one more than the two cores keeps those busy.
JOBS ?= 3

# Without bytecode every start of every process costs double.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo test prove check bench docs lock venv

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-10s %s\n", $$1, $$2 }'

venv:
	@$(PYTHON) tools/venv.py

install: venv ## Make .venv with everything in it; then .venv/bin/rtp runs
	@$(BIN)/rtp --version

demo: venv ## Run an operator's day on real input (ARGS="--seed 7" for other members)
	$(BIN)/rtp demo $(ARGS)

test: venv ## Run the tests with coverage (ARGS="tests/users -k email" narrows)
	$(BIN)/python -m tools.measure $(if $(ARGS),,--fail-under 80) \
		-n $(JOBS) --dist loadfile --no-loadscope-reorder --durations=30 --durations-min=3 $(ARGS)

prove: venv ## Run the long proofs (SUITE=races|kills|mutants|experiments|install|fuzz)
	$(BIN)/python -m pytest --prove $(or $(SUITE),all) $(ARGS)

check: venv ## Lint, types, import contracts, documentation
	@failed=0; \
	for step in "ruff check" "ruff format --check" "mypy" "mypy plugins/rtp-stripe/tests" "lint-imports --no-cache" "python -m pytest -q tests/docs"; do \
		echo "== $$step"; $(BIN)/$$step || failed=1; \
	done; exit $$failed

docs: venv ## Write the generated pages of docs/reference
	$(BIN)/python -m tools.reference

bench: venv ## Measure; every figure is a ratio of one run (QUICK=1, CASE=name)
	@$(BIN)/python -m compileall -q $(PACKAGES) $(wildcard .venv/lib/python3*/site-packages) || true
	$(BIN)/python -m bench $(if $(QUICK),--quick) $(if $(CASE),--case $(CASE))

lock: ## Write both locks anew from pyproject.toml
	$(PYTHON) tools/lock.py
