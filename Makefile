# The verbs of this project. `make` alone tells them; each makes .venv first when it is missing or out of date.
#
#   PYTHON=/path/to/python   which interpreter makes .venv (default: python3.12, else python3.11, else python3)
#   COUNT SIZE SEED OUT      for make demo: how many portraits, their side in pixels, the first seed, the folder
#   ARGS="-k storage"        further arguments for make test
#   JOBS=4                   how many tests at a time (default 2; 0 is one, in this process)

SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?=
COUNT ?= 4
SIZE ?= 1024
SEED ?= 0
OUT ?= portraits
ARGS ?=
JOBS ?= 2

bin := .venv/bin
stamp := .venv/installed
candidates := $(if $(PYTHON),$(PYTHON),python3.12 python3.11 python3)
cpu_wheels := https://download.pytorch.org/whl/cpu

.PHONY: help demo test check bench clean install pins

help: ## tell the verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(stamp) ## start a whole farm, paint four portraits into ./portraits, stop it again
	@$(bin)/farm demo --count $(COUNT) --size $(SIZE) --seed $(SEED) --out "$(OUT)"

test: $(stamp) ## run all tests; a service that is not installed skips its own, with a word
	@$(bin)/python -m pytest tests --ignore=tests/benchmarks -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(stamp) ## lint, format, types, import contracts, size limits, deployment files, walls
	@echo "ruff check";     $(bin)/ruff check --quiet .
	@echo "ruff format";    $(bin)/ruff format --quiet --check .
	@echo "mypy --strict";  $(bin)/mypy --no-error-summary
	@echo "import-linter";  $(bin)/lint-imports > .venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }
	@echo "size limits";    $(bin)/python -m tests.checks.size_limits
	@echo "compose schema"; $(bin)/check-jsonschema -q --builtin-schema vendor.compose-spec docker-compose.yml
	@echo "hadolint";       $(bin)/hadolint deploy/docker/*.Dockerfile
	@echo "walls";          $(bin)/python -m pytest -q --no-header tests/test_walls.py
	@echo "all checks pass"

bench: $(stamp) ## measure the figures in docs/benchmarks.md on this machine
	@$(bin)/python -m tests.benchmarks

install: $(stamp) ## make .venv and install the pinned packages, if that is not done already

# Finished only when the stamp is there: an interrupted install goes on with the next make.
$(stamp): pyproject.toml constraints.txt
	@set -eu; \
	if ! [ -x $(bin)/pip ]; then \
		for one in $(candidates); do \
			if "$$one" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then \
				chosen=$$one; break; fi; done; \
		[ -n "$${chosen:-}" ] || { echo "No Python 3.11 or 3.12 among: $(candidates). Name one: make PYTHON=…" >&2; exit 1; }; \
		echo "making .venv with $$("$$chosen" --version)"; \
		"$$chosen" -m venv --clear .venv || { echo "That Python cannot make environments (Debian: apt-get install python3-venv)." >&2; rm -rf .venv; exit 1; }; \
	fi; \
	wheels=""; \
	if [ "$$(uname)" = Linux ] && ! command -v nvidia-smi >/dev/null 2>&1 \
		&& $(bin)/python -c 'import urllib.request as u; u.urlopen("$(cpu_wheels)/torch/", timeout=10)' 2>/dev/null; then \
		wheels="--extra-index-url $(cpu_wheels)"; fi; \
	echo "installing the pinned packages (once; a few minutes, most of it torch)"; \
	$(bin)/pip install --quiet --disable-pip-version-check $$wheels -c constraints.txt -e '.[dev]'; \
	touch $@

pins: $(stamp) ## write constraints.txt anew from what .venv holds
	@$(bin)/python -m tests.checks.pins > .venv/pins && mv .venv/pins constraints.txt
	@touch $(stamp)

clean: ## remove .venv, caches and built things; portraits stay
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find farm workers tests -name __pycache__ -type d -prune -exec rm -rf {} +
