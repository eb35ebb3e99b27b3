PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO_STAMP := $(VENV)/.installed-demo
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

define CHECK_PYTHON
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || { \
	  echo "dspy_gepa needs Python 3.10 or newer; $(PYTHON) is '$$($(PYTHON) --version 2>&1)'."; \
	  echo "Name another one: make PYTHON=python3.12"; exit 1; }
endef

.DEFAULT_GOAL := help
.PHONY: help venv test slow coverage lint types demo docs images notebooks format clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(STAMP) ## Create .venv with everything that all targets need (PYTHON=python3.12 picks the Python)
	@echo "$(VENV) is ready"

test: lint types ## Lint, types, then all tests that take at most a few seconds (WORKERS=2 processes)
	@echo "tests: pytest in $(WORKERS) processes; 'make slow' runs those of clusters, MLflow, notebooks, kills and the site"
	@$(BIN)/pytest -n $(WORKERS) -m "not slow"

slow: $(STAMP) ## Run the slow tests: clusters, MLflow, notebooks, killed runs, the documentation's site
	@echo "slow tests: pytest in $(WORKERS) processes"
	@$(BIN)/pytest -n $(WORKERS) -m slow

coverage: $(STAMP) ## Run all tests with branch coverage and list the lines that no test runs
	@$(BIN)/pytest -n $(WORKERS) --cov --cov-report=term-missing:skip-covered

lint: $(STAMP) ## Check style and formatting with ruff
	@echo "lint: ruff check and ruff format --check"
	@$(BIN)/ruff check --quiet --output-format concise
	@$(BIN)/ruff format --check --quiet --output-format concise || { echo "not formatted: run 'make format'"; exit 1; }

types: $(STAMP) ## Check the types with mypy --strict
	@echo "types: mypy --strict (the first time takes a while)"
	@$(BIN)/mypy --strict dspy_gepa benchmarks notebooks/build.py

demo: $(or $(wildcard $(STAMP)),$(DEMO_STAMP)) ## Optimize the bundled program against simulated LMs: offline, under a minute
	@$(BIN)/python -m benchmarks.commands.demo

docs: $(STAMP) ## Build the documentation into site/, to be opened at site/index.html; no network needed
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "the documentation is in site/index.html"

images: $(STAMP) ## Draw the pictures in docs/images anew; those of the report need a Chromium
	@LITELLM_LOCAL_MODEL_COST_MAP=True $(BIN)/python -m tools.live_images
	@LITELLM_LOCAL_MODEL_COST_MAP=True $(BIN)/python -m tools.report_images

notebooks: $(STAMP) ## Run the notebooks in a kernel and write them anew from notebooks/sources
	@$(BIN)/python -m notebooks.build

format: $(STAMP) ## Format the code and apply ruff's safe fixes
	@$(BIN)/ruff check --quiet --fix --exit-zero
	@$(BIN)/ruff format --quiet
	@$(BIN)/ruff check

clean: ## Remove .venv, caches and build output (results/ stays)
	@rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache .hypothesis .coverage .coverage.* dist build site
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A new pip resolves faster, and --no-compile leaves out the packages' many modules nobody imports: half the time.
$(STAMP): pyproject.toml constraints.txt
	@$(CHECK_PYTHON)
	@echo "creating $(VENV) with $$($(PYTHON) --version) and the packages of pyproject.toml: a minute or two, once"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install --upgrade pip
	@$(PIP) install --no-compile --constraint constraints.txt --editable '.[benchmarks,report,dev,docs]'
	@touch $@

# The demo's packages alone: a fraction of the others' time.
$(DEMO_STAMP): pyproject.toml constraints.txt
	@$(CHECK_PYTHON)
	@echo "creating $(VENV) with $$($(PYTHON) --version) and the demo's packages: half a minute, once"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install --no-compile --constraint constraints.txt --editable '.[demo]'
	@touch $@
