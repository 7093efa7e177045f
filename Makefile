SHELL := /bin/bash
PYTHON := .venv/bin/python
SNAKEMAKE := .venv/bin/snakemake
CORES ?= all
CONFIG ?= config/config.yaml
DEMO ?= demo
REAL_DATA_DIR ?= ../shared/data
export REAL_DATA_DIR
BUILDERS := PYTHONPATH=workflow:tests $(PYTHON) -m builders

.PHONY: help setup setup-tests demo demo-real demo-scene demo-orthophoto serve review stop test bench cost cost-rates accuracy transition-plot screenshots docs config-reference rulegraph lint lock plan catalogue run run-bounded

help:
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 14

setup: ## install system packages (root or sudo) and the Python packages into .venv
	@bash scripts/setup.sh

setup-tests: ## the same, with the browser, QGIS and SLURM that only the tests and the screenshots need
	@bash scripts/setup.sh tests

demo: setup ## build the demo country, run the whole chain on it and compare with its truth
	@$(BUILDERS).demo run demo

demo-real: setup ## the same, staged with real imagery from REAL_DATA_DIR
	@$(BUILDERS).demo run demo-real --real "$(REAL_DATA_DIR)"

demo-scene: setup ## add one scene to the demo's catalogue, refresh the inventory and show what would run
	@$(BUILDERS).demo add-scene $(DEMO)

demo-orthophoto: setup ## add one flight of two sheets to the demo's index, flag anew and show what would run
	@$(BUILDERS).demo add-orthophoto $(DEMO)

serve: setup ## start the database, WFS, WMS and OGC API of a demo and leave them running (DEMO=demo-real)
	@$(BUILDERS).demo serve $(DEMO)

review: setup ## open the review desk of a demo and print how to sign in, until Ctrl-C (DEMO=demo-real)
	@$(BUILDERS).demo desk $(DEMO)

stop: ## stop the demo's services
	@$(BUILDERS).demo stop demo
	@$(BUILDERS).demo stop demo-real

catalogue: ## refresh the inventory of scenes (CONFIG=my.yaml)
	@$(SNAKEMAKE) catalogue --cores 1 --configfile $(CONFIG)

plan: ## show what a run would do, why, and how long it will take (CONFIG=my.yaml)
	@PYTHONPATH=workflow $(PYTHON) -m sealwatch.plan --configfile $(CONFIG)

run: ## run the workflow on this machine
	@$(SNAKEMAKE) --cores $(CORES) --configfile $(CONFIG)

run-bounded: ## the same in batches, scenes on disk within storage.max_acquisitions_gb
	@PYTHONPATH=workflow $(PYTHON) -m sealwatch.storage --cores $(CORES) --configfile $(CONFIG)

test: setup-tests ## all tests, on the real components
	@$(PYTHON) -m pytest --numprocesses auto --maxprocesses 4 --dist loadscope --no-loadscope-reorder

bench: setup ## measure against rivals into docs/benchmarks.md (ONLY=name for rows that begin with it)
	@PYTHONPATH=workflow:tests $(PYTHON) -m benchmarks $(ONLY)

cost: ## work out docs/cost.md, what a country costs, from docs/benchmarks.json
	@PYTHONPATH=workflow:tests $(PYTHON) -m benchmarks.cost

cost-rates: ## the rates of it that a finished demo gives (DEMO=demo-real), then the page
	@PYTHONPATH=workflow:tests $(PYTHON) -m benchmarks.demo_rates $(DEMO)/results
	@$(MAKE) --no-print-directory cost

accuracy: setup ## measure against truth and real labels into docs/accuracy.md (ONLY=name)
	@PYTHONPATH=workflow:tests $(PYTHON) -m accuracy $(ONLY)

transition-plot: ## draw the example plot of docs/change.md
	@$(BUILDERS).transition_plot

screenshots: setup-tests ## take the pictures of docs/review.md and docs/tutorial.md from a demo that has run (DEMO=demo-real)
	@$(BUILDERS).screenshots $(DEMO)
	@$(BUILDERS).review_project $(DEMO)
	@$(BUILDERS).walkthrough $(DEMO)

docs: setup ## build the site of the documentation into site/
	@$(BUILDERS).site

config-reference: ## make docs/configuration.md from the schema and the defaults
	@$(BUILDERS).config_reference

rulegraph: ## draw docs/rulegraph.svg from a finished demo (DEMO=demo-real)
	@$(BUILDERS).rulegraph $(DEMO)

lint: setup ## formatting, style, types and Snakemake's own checks
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/snakefmt --check workflow
	.venv/bin/mypy
	$(SNAKEMAKE) --lint --configfile config/demo.yaml

lock: ## resolve pyproject.toml into requirements.lock
	.venv/bin/uv pip compile -q pyproject.toml --extra cpu --extra web --extra dev --no-header --no-emit-find-links \
	  $${PIP_FIND_LINKS:+--find-links "$$PIP_FIND_LINKS"} -o requirements.lock
	sed -i 's/^\(torch==[0-9.]*\)+cpu/\1/' requirements.lock
