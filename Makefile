# Everything a person does here. A fresh machine needs Python >= 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TESTING := $(VENV)/.testing
SPARK := $(VENV)/.spark
DOCS := $(VENV)/.docs
# Bytecode makes every command start seconds faster; some shells forbid it.
unexport PYTHONDONTWRITEBYTECODE
export MLFLOW_DISABLE_TELEMETRY := true
# DVC unpickles what it remembers of files, and by default lets every user of the machine write there.
export DVC_SITE_CACHE_DIR ?= $(CURDIR)/.dvc/tmp/site-cache
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help install spark repro test test-fast fuzz mutants portable audit system check format ui dashboard screenshots docs notebook bench lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 13

install: $(INSTALLED) ## make .venv with what the pipeline runs on

# uv installs side by side what pip would install one after another; pip does it where uv does not reach the registry that pip is set up for.
# $(call lay,LOCK): what a lock names, every file compared with its hash, compiled so that commands start in a third of the time.
define lay
$(BIN)/python -m uv pip install --quiet --require-hashes --compile-bytecode -r $(1) || \
$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1)
endef

$(INSTALLED): requirements.lock uv.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r uv.lock
	$(call lay,requirements.lock)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q -j 0 src || true
	$(BIN)/python -c 'from segments.clustering.scores import compile_scores; compile_scores()'
	$(BIN)/python -c 'from segments.evidence.resample_fits import compile_fits; compile_fits()'
	@touch $@

$(TESTING): $(INSTALLED) requirements-test.lock
	$(call lay,requirements-test.lock)
	@touch $@

spark: $(SPARK) ## add PySpark, for sources whose log is too large for one machine (docs/scale.md); needs Java 17, which `make system` installs

$(SPARK): $(INSTALLED) requirements-spark.lock
	$(call lay,requirements-spark.lock)
	@touch $@

$(DOCS): $(INSTALLED) requirements-docs.lock
	$(call lay,requirements-docs.lock)
	@touch $@

repro: $(INSTALLED) ## fetch the data, run every stage that is not up to date, say what came out
	@started=$$(date +%s) && segments fetch && dvc repro && echo && segments summary && \
	echo "Took    $$(( $$(date +%s) - started )) s" && echo "Next    make dashboard, or make ui"

# Two workers (a third made the whole longer); tests/dealing.py says which tests stay together and which go first.
test: $(TESTING) ## the whole test suite, on two cores
	python -m pytest -n 2

test-fast: $(TESTING) ## the tests for while you work: no whole pipelines, browsers or servers
	python -m pytest -n 2 -m "not slow and not browser and not server"

fuzz: $(TESTING) ## thousands of strange files and overrides: no command may end in a traceback, no number be read wrong without a word (a quarter of an hour)
	python tests/fuzz_files.py

mutants: $(TESTING) ## do the tests bite? small faults in the nouns that decide, a sample of which must be found (ten minutes)
	python tests/mutants.py

system: ## Debian's packages that some tests need: a browser with a font, a database, Java for Spark (as root)
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core postgresql openjdk-17-jre-headless >/dev/null

check: $(TESTING) ## lint, formatting, types, import directions
	ruff check .
	ruff format --check .
	mypy
	lint-imports

format: $(TESTING) ## put the code into shape
	ruff check --fix .
	ruff format .

ui: $(INSTALLED) ## MLflow's page, with links to the right views
	segments ui

dashboard: $(INSTALLED) ## champion, segments, customers, what-if and drift on one page
	segments dashboard

screenshots: $(TESTING) ## look at every page of the dashboard in a browser, and keep what was seen in docs/
	SEGMENTS_SCREENSHOTS=docs python -m pytest tests/app/dashboard/test_dashboard_browser.py

# -W: a page that nobody finds, or a name that is not there, is an error. The last step refuses a page that loads from the network.
docs: $(DOCS) ## the site: tutorial, how-to, reference from the code, reasons; in site/, needs no network
	python -m sphinx -q -W --keep-going -j auto -d .sphinx -b html docs site && echo "site/index.html"

notebook: $(DOCS) ## run docs/notebook.ipynb in this project, after make repro, and keep what it shows
	python docs/execute.py

portable: $(TESTING) ## is the result the same on other processors, numbers of threads and Pythons? (an hour on two cores)
	python tests/portable.py

# A package that cannot be looked up is a failure, not a pass. pip-audit has a venv of its own, as it brings another pip.
audit: $(INSTALLED) ## is anything known against the locked versions? (asks the advisories of PyPI)
	$(BIN)/python -m venv $(VENV)/audit
	$(VENV)/audit/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r audit.lock
	@for lock in requirements.lock requirements-test.lock requirements-spark.lock requirements-docs.lock; do \
	  $(VENV)/audit/bin/python -m pip_audit --strict --require-hashes --disable-pip --progress-spinner off -r $$lock || \
	  { echo "$$lock: advisories found, or nobody could be asked (offline): this says nothing good of it"; exit 1; }; done

bench: $(TESTING) ## measure speed and write benchmarks/results.md
	python benchmarks/run.py

COMPILE := python -m uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock"
lock: $(TESTING) ## compile the locks anew
	echo uv | $(COMPILE) - -o uv.lock
	echo pip-audit | $(COMPILE) - -o audit.lock
	$(COMPILE) --extra dashboard --extra build pyproject.toml -o requirements.lock
	$(COMPILE) --extra dashboard --extra build --extra dev --extra server -c requirements.lock pyproject.toml -o requirements-test.lock
	$(COMPILE) --extra spark -c requirements.lock pyproject.toml -o requirements-spark.lock
	$(COMPILE) --group docs -c requirements-test.lock -o requirements-docs.lock

clean: ## remove everything that was made, except the raw data, the venv and MLflow's record
	rm -rf artifacts multirun outputs dvc_plots site jupyter_execute .sphinx docs/made .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
