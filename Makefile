# A contributor's day. Every target sets up what it needs and is what CI runs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The frameworks that genmon is tried with need each other's versions: an environment of their own.
FRAMEWORKS := .venv-frameworks
OPTIONS := -n logical --dist loadgroup --durations 20
PYTEST := $(BIN)/pytest $(OPTIONS) --ignore tests/frameworks

.PHONY: compiled help demo test-unit test test-long one-cell-each test-frameworks test-all servers fuzz servers-go lint types bench bench-peers wheel generate docs lock pin-images clean

help:            ## this list
	@grep -E '^[a-z-]+: .*##|^[a-z-]+:  *##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

demo: $(VENV)/.demo          ## watch the loop close, in under a minute
	@$(BIN)/genmon demo

test-unit: $(VENV)/.dev      ## what needs no other process and no server: one minute
	$(PYTEST) -m "not long and not exhaustive" $(if $(filter tests/%,$(ARGS)),,tests/unit) $(ARGS)

test: $(VENV)/.dev servers compiled  ## all that a change can break, on real databases and servers
	$(PYTEST) -m "not long and not exhaustive" $(ARGS)
	$(if $(filter tests/%,$(ARGS)),,@$(MAKE) -s one-cell-each)

# Tests start a thousand processes; where PYTHONDONTWRITEBYTECODE is set, each would compile the sources again.
compiled: $(VENV)/.dev
	@$(BIN)/python -m compileall -q -j 0 src

one-cell-each:
	@$(MAKE) -s $(FRAMEWORKS)/.dev || true
	@if test -e $(FRAMEWORKS)/.dev; then $(FRAMEWORKS)/bin/pytest $(OPTIONS) tests/frameworks -m "not long"; \
	else echo "SKIPPED tests/frameworks: their environment could not be installed. Try: make $(FRAMEWORKS)/.dev"; fi

test-long: $(VENV)/.dev servers compiled  ## what `make test` leaves out; each says why
	$(PYTEST) -m long $(ARGS)

test-frameworks: $(FRAMEWORKS)/.dev  ## every framework with every fault, each replayed; hours
	$(FRAMEWORKS)/bin/pytest $(OPTIONS) --timeout 3600 $(if $(filter tests/%,$(ARGS)),,tests/frameworks) $(ARGS)

test-all: $(VENV)/.dev servers compiled  ## every test
	$(PYTEST) $(ARGS)
	$(if $(filter tests/%,$(ARGS)),,@$(MAKE) -s test-frameworks)

servers:         ## install the servers that tests talk to, where that is allowed
	@scripts/servers

fuzz: $(VENV)/.dev           ## the property tests on examples that were never tried before
	$(PYTEST) -m hypothesis --hypothesis-profile fresh $(ARGS)

servers-go:      ## build the newest Prometheus, a Collector and Jaeger with Go, for the tests of what is pushed
	tests/servers/go_programs.sh "$${XDG_CACHE_HOME:-$$HOME/.cache}/genmon-otel/go_programs"

lint: $(VENV)/.dev           ## style, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

types: $(VENV)/.types        ## the public names by pyright, beside mypy
	$(BIN)/basedpyright -p pyproject.toml --pythonpath $(BIN)/python
	$(BIN)/mypy --strict tests/typing/api.py

bench: $(VENV)/.dev          ## the tables of docs/performance.md
	$(BIN)/python -m benchmarks $(ARGS)

bench-peers: $(VENV)/.dev    ## the same call under other products, each in its own environment
	$(BIN)/python -m benchmarks peers $(ARGS)

wheel: $(VENV)/.dev          ## build the distribution into dist/
	$(BIN)/python -m build --wheel --no-isolation --outdir dist .

generate: $(VENV)/.dev       ## rules, dashboards and help texts from their sources
	$(BIN)/python -m scripts.generate

LOCK = $(BIN)/uv pip compile -q --python-version 3.11 --universal --generate-hashes \
  --no-header --no-annotate --no-emit-index-url
lock: $(VENV)/.dev           ## lock every version anew, with hashes
	$(LOCK) --upgrade --all-extras pyproject.toml requirements/dev.in -o requirements/dev.txt
	$(LOCK) --upgrade -c requirements/dev.txt --extra pytest pyproject.toml requirements/frameworks.in requirements/build.in -o requirements/frameworks.txt
	$(LOCK) -c requirements/dev.txt requirements/build.in -o requirements/build.txt
	$(LOCK) -c requirements/dev.txt requirements/docs.in -o requirements/docs.txt
	$(LOCK) -c requirements/dev.txt requirements/types.in -o requirements/types.txt
	$(LOCK) -c requirements/dev.txt --extra demo pyproject.toml -o requirements/demo.txt
	$(LOCK) -c requirements/dev.txt --extra demo --extra postgres --extra ui pyproject.toml -o deploy/app/requirements.txt

docs: $(VENV)/.docs         ## the documentation site, into build/site; every link of it is checked
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "build/site/index.html"

pin-images:      ## renew the digests of the images in deploy/ (asks their registries)
	$(PYTHON) -m scripts.pin_images

clean:           ## remove what the targets made
	rm -rf $(VENV) $(FRAMEWORKS) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .genmon

$(VENV)/.venv:
	@PYTHON=$(PYTHON) scripts/venv $(VENV)
	@touch $@

# Only what a lock names by its hash is installed; the package itself is built with the locked hatchling.
# A lock is complete: nothing is resolved, which older pips cannot do for an extra of a locked package.
INSTALL = $(BIN)/python -m pip install -q --no-deps --require-hashes
ITSELF = $(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .

$(VENV)/.demo: $(VENV)/.venv requirements/demo.txt requirements/build.txt pyproject.toml
	@echo "installing what the demo needs ..."
	@test -e $(VENV)/.dev || $(INSTALL) -r requirements/demo.txt -r requirements/build.txt
	@$(ITSELF)
	@touch $@

$(VENV)/.dev: $(VENV)/.venv requirements/dev.txt pyproject.toml
	@echo "installing what the tests need (a minute or two) ..."
	@$(INSTALL) -r requirements/dev.txt
	@$(ITSELF)
	@touch $@

$(VENV)/.docs: $(VENV)/.dev requirements/docs.txt
	@$(INSTALL) -r requirements/docs.txt
	@touch $@

$(VENV)/.types: $(VENV)/.dev requirements/types.txt
	@$(INSTALL) -r requirements/types.txt
	@touch $@

# uv fetches what is missing at once, which halves the minutes that pip takes.
$(FRAMEWORKS)/.dev: $(VENV)/.dev requirements/frameworks.txt
	@echo "installing the frameworks that genmon is tried with (a minute or two) ..."
	@PYTHON=$(PYTHON) scripts/venv $(FRAMEWORKS)
	@$(BIN)/uv pip install -q --python $(FRAMEWORKS)/bin/python --no-deps --require-hashes -r requirements/frameworks.txt
	@$(FRAMEWORKS)/bin/python -m pip install -q --no-deps --no-build-isolation -e .
	@touch $@
