# A contributor's day. Every target sets up what it needs and is what CI runs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Real processes on a crowded machine: a test has a second chance, and the summary names who took it (RERUN).
RERUNS := --reruns 1

.PHONY: help demo test fuzz servers-go lint types bench bench-peers wheel generate lock clean

help:            ## this list
	@grep -E '^[a-z-]+: .*##|^[a-z-]+:  *##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

demo: $(VENV)/.demo          ## watch the loop close, in under a minute
	@$(BIN)/genmon demo

test: $(VENV)/.dev           ## every test (slow and server-backed ones included)
	@scripts/servers
	$(BIN)/pytest -n auto --dist loadgroup $(RERUNS) $(ARGS)

fuzz: $(VENV)/.dev           ## the property tests on examples that were never tried before
	$(BIN)/pytest -n auto -m hypothesis --hypothesis-profile fresh $(ARGS)

servers-go:      ## build the newest Prometheus, a Collector and Jaeger with Go, for the tests of what is pushed
	tests/servers/go_programs.sh "$${XDG_CACHE_HOME:-$$HOME/.cache}/genmon-otel/go_programs"

lint: $(VENV)/.dev           ## style, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.dev          ## the tables of docs/performance.md
	$(BIN)/python -m benchmarks $(ARGS)

bench-peers: $(VENV)/.dev    ## the same call under other products, each in its own environment
	$(BIN)/python -m benchmarks peers $(ARGS)

wheel: $(VENV)/.dev          ## build the distribution into dist/
	$(BIN)/python -m build --wheel --outdir dist .

generate: $(VENV)/.dev       ## rules, dashboards and help texts from their sources
	$(BIN)/python -m scripts.generate

lock: $(VENV)/.dev           ## lock the development versions anew
	$(BIN)/pip install -q uv
	$(BIN)/uv pip compile -q --upgrade --python-version 3.11 --universal --all-extras \
	  --no-header --no-annotate pyproject.toml requirements/dev.in -o requirements/dev.txt
	$(BIN)/uv pip compile -q --python-version 3.11 --universal --extra demo -c requirements/dev.txt \
	  --no-header --no-annotate pyproject.toml -o requirements/demo.txt

clean:           ## remove what the targets made
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .genmon

$(VENV)/.venv:
	@PYTHON=$(PYTHON) scripts/venv $(VENV)
	@touch $@

$(VENV)/.demo: $(VENV)/.venv requirements/demo.txt pyproject.toml
	@echo "installing what the demo needs ..."
	@test -e $(VENV)/.dev || $(BIN)/python -m pip install -q -r requirements/demo.txt
	@$(BIN)/python -m pip install -q --no-deps -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.venv requirements/dev.txt pyproject.toml
	@echo "installing what the tests need (a minute or two) ..."
	@$(BIN)/python -m pip install -q -r requirements/dev.txt
	@$(BIN)/python -m pip install -q --no-deps -e .
	@touch $@
