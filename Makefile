# Every command of the project. `make` alone lists them.
PYTHON ?= python3
UV_VERSION := 0.13.8
TOOLS := .tools
UV := $(TOOLS)/bin/uv
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ASSETS := src/ingufu/web/static/vendor/manifest.json
export UV_PROJECT_ENVIRONMENT := $(VENV)
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
export UV_PYTHON_DOWNLOADS := never

.DEFAULT_GOAL := help
.PHONY: help setup demo test check fix bench faults simulate fuzz conformance docs migrate generate lock assets clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit("Ingufu needs Python 3.11 or newer; %s is %s. Try: make PYTHON=python3.12 ..." % (sys.executable, sys.version.split()[0]) if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(STAMP): $(UV) locks/dev.txt pyproject.toml
	test -x $(BIN)/python || $(UV) venv --quiet --python $(PYTHON) $(VENV)
	$(UV) pip sync --quiet --require-hashes locks/dev.txt
	$(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

$(ASSETS): $(STAMP) tools/build_assets.py $(wildcard tools/assets/*)
	$(BIN)/python tools/build_assets.py

setup: $(STAMP) $(ASSETS) ## Install everything into the project's own folder

demo: setup ## Start the server with a simulated network and print where to look
	$(BIN)/ingufu demo

test: export PYTEST_XDIST_AUTO_NUM_WORKERS ?= $(shell $(PYTHON) -c "import os; print((os.cpu_count() or 1) + 1)")
test: setup ## Run all tests, one more at a time than there are cores: many wait for servers and browsers
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

check: setup ## Format, lint, types, imports, spelling, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/python tools/generate_types.py --check
	$(BIN)/python tools/openapi.py --check
	$(BIN)/python tools/reference.py --check
	$(BIN)/python tools/reference_words.py --check

fix: setup ## Format and repair what can be repaired
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## Measure speed beside the plain alternatives; WRITE=1 puts the tables into docs/benchmarks.md
	$(BIN)/python tools/bench $(if $(WRITE),--write)

faults: setup ## Kill and hurt a real server, KILLS=n times (100), and run the long fault tests
	$(BIN)/python tools/fault_runs.py $(if $(KILLS),--kills $(KILLS))

simulate: setup ## Simulate crashes and broken lines: SEEDS=n of them, or SEED=n with all that happens
	$(BIN)/python tools/simulate.py $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),1000) --first $(or $(FIRST),0))

fuzz: setup ## Feed INPUTS=n odd inputs (1,000,000) to all that reads the bytes of stations, guided by coverage
	$(UV) pip install --quiet --require-hashes --no-deps --target $(TOOLS)/fuzz --requirement locks/fuzz.txt
	PYTHONPATH=$(TOOLS)/fuzz $(BIN)/python tools/fuzz --inputs $(or $(INPUTS),1000000) --seed $(or $(SEED),1)

conformance: setup ## Run the scenarios of the alliance's test cases, and write docs/conformance.md
	$(BIN)/python tools/conformance_page.py

docs: setup ## Build the documentation into site/
	$(UV) pip install --quiet --require-hashes --requirement locks/docs.txt
	$(BIN)/zensical build

migrate: setup ## Bring the database of the default data folder up to date
	$(BIN)/ingufu migrate

generate: setup ## Make anew what is made from something else: OCPP types, API document, reference pages
	$(BIN)/python tools/generate_types.py
	$(BIN)/python tools/openapi.py
	$(BIN)/python tools/reference.py
	$(BIN)/python tools/reference_words.py

assets: $(ASSETS) ## Fetch and bundle the console's scripts and styles

lock: $(UV) ## Resolve dependencies anew (a week's cool-down)
	tools/lock.sh

clean: ## Remove everything that make created
	rm -rf $(VENV) $(TOOLS) .demo build dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis src/ingufu/web/static/vendor
