# Every habit has a name here. `make help` lists them.

SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

.PHONY: help env env-local run demo follow test check format lint types walls dead docs-check unit \
	integration e2e bench lock clean rotate-master-key screenshots

# Most of these tests wait for servers, so three share two cores. Each worker has servers of its own;
# the tests of one file stay together, because many share what they start. The order is that of
# tests/e2e/conftest.py: long ones first.
PARALLEL := -n 3 --dist loadfile --no-loadscope-reorder

help: ## List every habit
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

env-local:
	@$(PYTHON) local/bootstrap.py local

env: ## Create the development environment
	@$(PYTHON) local/bootstrap.py dev

WEBHOOK_PORT ?= 8080
CONSOLE_PORT ?= 8081
SIMULATOR_PORT ?= 8500
MANAGEMENT_PORT ?= 9090
PROVIDER ?= acs
STAGE := --provider $(PROVIDER) --webhook-port $(WEBHOOK_PORT) --console-port $(CONSOLE_PORT) \
	--simulator-port $(SIMULATOR_PORT) --management-port $(MANAGEMENT_PORT)

run: env-local ## Start everything on this machine (PROVIDER=acs), play one conversation, stay up until Ctrl-C
	@$(RUN) -m local run $(STAGE)

demo: env-local ## As run, ending by itself; fails if a step did not happen
	@$(RUN) -m local demo $(STAGE)

follow: env-local ## What became of one text (ID=message, trace or command): spans, log lines, metrics
	@$(RUN) -m local follow $(ID)

test: env ## Run every test: checks, unit, integration, end to end
	@$(MAKE) --no-print-directory check
	@$(RUN) -m pytest $(PARALLEL) tests/integration tests/e2e $(wildcard tests/deploy/.)

check: env format lint types walls dead docs-check unit ## What to run before each commit, in under a minute

format: ## Say what is not formatted (mend it with `make mend`)
	@$(RUN) -m ruff format --check --quiet .

lint: ## Lint
	@$(RUN) -m ruff check --quiet .

types: ## Strict type check
	@$(RUN) -m mypy

walls: ## Check who may import whom
	@$(VENV)/bin/lint-imports

dead: ## Look for dead code
	@$(RUN) -m vulture

docs-check: ## The generated pages match the code
	@$(RUN) -m local.configuration --check
	@$(RUN) -m local.metrics_page --check

.PHONY: alerts-check
alerts-check: env ## Judge alerts, their tests, dashboards and runbooks; fetches promtool where it is missing
	@$(RUN) -m deploy.checks.alerts

.PHONY: mend
mend: ## Format, mend what the linter can, write the generated pages anew
	@$(RUN) -m ruff format --quiet .
	@$(RUN) -m ruff check --fix --quiet .
	@$(RUN) -m local.configuration
	@$(RUN) -m local.metrics_page
	@$(RUN) -m deploy.checks.alerts --write

unit: ## Tests that need nothing but Python
	@$(RUN) -m pytest -n 2 tests/unit -q

integration: env ## Tests on the real RabbitMQ and MongoDB
	@$(RUN) -m pytest $(PARALLEL) tests/integration

e2e: env ## The whole house, with kill signals
	@$(RUN) -m pytest $(PARALLEL) tests/e2e

rotate-master-key: env-local ## Wrap every tenant's data key under the first of HELIOGRAPH_MASTER_KEY
	@$(RUN) -m health --rotate-master-key

.PHONY: console-scripts image-check compose-check
console-scripts: ## Get the console's scripts, which an image of health needs
	@$(PYTHON) local/bootstrap.py scripts

image-check: env ## Build the four images without an engine, look into them, start and stop them
	@$(RUN) -m deploy.checks.images

compose-check: env ## Hold deploy/compose against Compose itself and against the settings
	@$(RUN) -m deploy.checks.compose

.PHONY: k8s-check k8s-digests
k8s-check: env ## Hold deploy/k8s to its 37 points (RELEASED=1: images must have digests)
	@$(RUN) -m deploy.checks.k8s $(if $(RELEASED),,--allow-unreleased)

k8s-digests: env ## Pin production's images to the digests in DIGESTS=file, then check them
	@$(RUN) -m deploy.checks.k8s.release $(DIGESTS)
	@$(RUN) -m deploy.checks.k8s

screenshots: env ## Take the README's pictures of the console anew
	@$(RUN) -m local.screenshots

bench: env ## Ours and a rival in turn on the same servers; prints the ratios
	@$(RUN) -m bench

lock: env ## Write requirements/*.txt anew: versions and hashes, never an address
	@$(call compile,webhook,service webhook)
	@$(call compile,processor,service processor)
	@$(call compile,sender,service sender)
	@$(call compile,health,service health)
	@$(call compile,local,service webhook processor sender health cli local)
	@$(call compile,dev,service webhook processor sender health cli local dev)

define compile
$(RUN) -m piptools compile --quiet --strip-extras --generate-hashes --allow-unsafe --no-header \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	$(addprefix --extra ,$(2)) --output-file requirements/$(1).txt pyproject.toml
endef

clean: ## Remove the environment and the local nodes' data
	@rm -rf $(VENV) .local .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
