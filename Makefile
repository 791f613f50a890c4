# Goldsmith: `make` shows what there is. Every target does the set-up it needs, and none when that is done.
.DEFAULT_GOAL := help
export SET JUNIT REPORT
GOLDSMITH := .venv/bin/goldsmith
PYTHON := .venv/bin/python
# Two workers: a guest under TCG keeps one core busy, and more than one at a time makes all of them late.
PYTEST := $(PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder
# Every recipe is a target; those that begin with _ are only there to be extended.
RECIPES := $(filter-out _% demo,$(patsubst recipes/%.yaml,%,$(wildcard recipes/*.yaml)))

GLANCE := $(if $(RELEASE),--release $(RELEASE)) $(if $(FOLDER),--folder $(FOLDER)) $(if $(PORT),--port $(PORT))

.PHONY: help setup python demo test check nightly doctor bench soak glance clean $(RECIPES)

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile
	@echo 'Recipes, each with [ISO=/path/to.iso] [SET="key=value key2=value2"]:'
	@for name in $(RECIPES); do \
		printf '  make %-15s %s\n' "$$name" "$$(sed -n 's/^summary: *//p' "recipes/$$name.yaml" | tr -d '"')"; \
	done

setup: ## system packages, .venv, libvirt: all that the other targets need
	@.ci/setup.sh

python:
	@.ci/setup.sh python

demo: setup ## build the demo image: a real install from a kickstart, no medium of your own needed
	@$(GOLDSMITH) build demo
	@echo "The image is in the catalog: $(GOLDSMITH) image list"

test: setup ## linters, types, fast tests and the real road through qemu, libvirt and libguestfs
	@.ci/packages.sh test
	@$(PYTEST) --durations=25 --durations-min=20

check: python ## linters, types and fast tests only
	@$(PYTEST) -m "not real"

nightly: setup ## build all recipes that changed, boot them, promote what passes: [JUNIT=FILE] [REPORT=DIR]
	@exec $(GOLDSMITH) nightly $${JUNIT:+--junit "$$JUNIT"} $${REPORT:+--report "$$REPORT"}

doctor: setup ## is this host fit?
	@$(GOLDSMITH) doctor

bench: setup ## the figures of an audit, of the demo build stage by stage, of finalizing a disk, of rebuilds
	@for bench in benchmarks/*.py; do echo "== $$bench"; $(PYTHON) "$$bench" || exit; done

soak: setup ## hours of random faults on real builds, as root, with a tally: [SEED=N] [ONLY=KIND] [TRIES=N] [STATE=DIR] [QUICK=1]
	@.ci/packages.sh test
	@exec $(PYTHON) -m tests.soak $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only $(ONLY)) $(if $(TRIES),--tries $(TRIES)) \
		$(if $(STATE),--state $(STATE)) $(if $(QUICK),--quick)

glance: python ## a real Glance to play with, until Ctrl-C: [RELEASE=2025.1] [FOLDER=DIR] [PORT=N]
	@exec $(PYTHON) tests/servers/glance_server.py $(GLANCE)

clean: ## remove .venv and all caches; images, media and build records stay
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RECIPES): setup
	@set -f; for pair in $$SET; do set -- "$$@" --set "$$pair"; done; \
	exec $(GOLDSMITH) build $@ $${ISO:+--iso "$$ISO"} "$$@"
