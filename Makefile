# Everything a person does here. A fresh machine needs Python >= 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Bytecode makes every command start seconds faster; some shells forbid it.
unexport PYTHONDONTWRITEBYTECODE
export MLFLOW_DISABLE_TELEMETRY := true
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help install repro test check format ui dashboard screenshots bench lock clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 13

install: $(INSTALLED) ## make .venv from requirements.lock

$(INSTALLED): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q -j 0 $(VENV)/lib src || true
	$(BIN)/python -c 'from segments.clustering.scores import compile_all; compile_all()'
	$(BIN)/python -c 'from segments.evidence.resample_fits import compile_all; compile_all()'
	@touch $@

repro: $(INSTALLED) ## fetch the data, run every stage that is not up to date, say what came out
	@started=$$(date +%s) && segments fetch && dvc repro && echo && segments summary && \
	echo "Took    $$(( $$(date +%s) - started )) s" && echo "Next    make dashboard, or make ui"

test: $(INSTALLED) ## the whole test suite
	python -m pytest

check: $(INSTALLED) ## lint, formatting, types, import directions
	ruff check .
	ruff format --check .
	mypy
	lint-imports

format: $(INSTALLED) ## put the code into shape
	ruff check --fix .
	ruff format .

ui: $(INSTALLED) ## MLflow's page, with links to the right views
	segments ui

dashboard: $(INSTALLED) ## champion, segments, customers, what-if and drift on one page
	segments dashboard

screenshots: $(INSTALLED) ## look at every page of the dashboard in a browser, and keep what was seen in docs/
	SEGMENTS_SCREENSHOTS=docs python -m pytest tests/test_dashboard_browser.py

bench: $(INSTALLED) ## measure speed and write benchmarks/results.md
	python benchmarks/run.py

lock: $(INSTALLED) ## compile requirements.lock anew (needs uv)
	python -m uv pip compile --universal --python-version 3.11 --extra dashboard --extra dev --extra server --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" pyproject.toml -o requirements.lock

clean: ## remove everything that was made, except the raw data, the venv and MLflow's record
	rm -rf artifacts multirun outputs .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
