# Everything a developer runs. `make help` lists it.

SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

PYTHON ?= python3
export PYTHON

# The virtual environment is rebuilt when the content of these files changes, not their dates.
VENV := .venv
BIN := $(VENV)/bin
LOCKED := requirements/uv.txt requirements/dev.txt pyproject.toml tools/make_venv.sh
INSTALLED := $(VENV)/.installed-$(firstword $(shell cat $(LOCKED) | cksum))

# Each of the many processes that are started would compile again what it imports.
unexport PYTHONDONTWRITEBYTECODE

PACKAGES := kernel chassis services cli deploy
IMAGE ?= tollbook:dev

# Each worker starts servers of its own, so more of them are not faster.
WORKERS ?= 2

.PHONY: help setup venv proto run test lint format lock k8s peers chaos bench soak image clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: setup ## Start every service with sample data, until Ctrl-C
	@$(BIN)/tollbook run

test: setup ## Run the tests, without peers, chaos and bench (ARGS=tests/unit for some)
	@$(BIN)/pytest --numprocesses $(WORKERS) --dist loadscope $(ARGS)

lint: setup ## Check style, types, layers, contracts and Kubernetes manifests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy $(wildcard $(PACKAGES)) tools tests
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/buf lint gen/tollbook.binpb
	@$(MAKE) k8s

format: setup ## Rewrite the code in the common style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

k8s: setup ## Render every Kubernetes overlay and validate it offline
	@$(BIN)/python tools/check_k8s.py

peers: setup ## Place calls with real switches, which this installs (Debian, as root)
	@tools/install_peers.sh
	@$(BIN)/pytest tests/peers $(ARGS)

chaos: setup ## Try 100,000 schedules, then kill processes and reconcile (CHAOS=short for CI; SEED=)
	@CHAOS=$(CHAOS) SEED=$(SEED) $(BIN)/python -m tests.support.simulation
	@$(if $(SEED),,CHAOS=$(CHAOS) $(BIN)/pytest tests/chaos $(ARGS))

bench: setup ## Measure the pipeline beside its floors (BENCH=short for CI)
	@BENCH=$(BENCH) $(BIN)/python -m tests.bench

soak: setup ## Price a million random calls beside the oracle (SOAK=short for CI; SEED=, CALLS=)
	@SOAK=$(SOAK) SEED=$(SEED) CALLS=$(CALLS) $(BIN)/python -m tests.soak

proto: venv ## Generate gen/ from proto/ (only when a contract has changed)
	@$(BIN)/python tools/build_proto.py

venv: $(INSTALLED) ## Create or update .venv from the lock

setup: venv proto

$(INSTALLED):
	@tools/make_venv.sh $@

# Constraining the smaller locks by the largest keeps one version of each package everywhere.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--only-binary :all: --no-emit-index-url --custom-compile-command 'make lock'

lock: venv ## Compile requirements/*.in to hashed locks (ARGS=--upgrade for newer versions)
	$(COMPILE) requirements/dev.in -o requirements/dev.txt $(ARGS)
	$(COMPILE) requirements/uv.in -c requirements/dev.txt -o requirements/uv.txt
	$(COMPILE) requirements/runtime.in -c requirements/dev.txt -o requirements/runtime.txt
	$(COMPILE) requirements/local.in -c requirements/dev.txt -o requirements/local.txt

image: ## Build the container image (needs docker)
	docker build --file deploy/image/Dockerfile --tag $(IMAGE) .

clean: ## Remove everything make has built (not the data)
	rm -rf $(VENV) gen dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
