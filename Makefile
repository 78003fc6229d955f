# `make repro` sets everything up and runs the experiment; `make test` checks everything, but for the
# longest tests, which `make slow` adds.
# Paths are relative, so that the project's path may contain spaces.
PYTHON ?= python3
BIN := .venv/bin
# `dvc` finds the `landscape` command through PATH.
RUN := PATH="$$PWD/$(BIN):$$PATH"

.PHONY: repro test tests slow thorough lint types schemas presets fuzz bench gpu gpu-bundle clean

repro: .venv/installed
	$(RUN) dvc repro
	@echo "The report: reports/phases.html"

# mypy and the tests beside each other: alone, mypy leaves a core idle.
test: .venv/installed lint
	$(MAKE) --jobs=2 types tests

# Three processes keep two cores busy: a quarter of the time, tests wait for a program or a page.
PYTEST := python -m pytest -n 3 --dist worksteal

tests: .venv/installed
	$(RUN) $(PYTEST) -m "not slow"

# One test in eighty, which take as long as all others: whole experiments, kills, many draws.
slow: .venv/installed
	$(RUN) $(PYTEST) -m slow

# All tests, and all cases of those that try a share of them otherwise.
thorough: .venv/installed
	$(RUN) env LANDSCAPE_TESTS=thorough $(PYTEST)

lint: .venv/installed
	$(RUN) ruff check .
	$(RUN) ruff format --check .

types: .venv/installed
	$(RUN) mypy

# Regenerate schemas/, docs/presets.md, and the params.yaml of new studies.
schemas: .venv/installed
	cp params.yaml landscape_catalog/commands/templates/params.yaml
	$(RUN) landscape schemas schemas
	$(RUN) landscape preset table > docs/presets.md

# Run every preset at smoke scale (about half an hour) and write reports to reports/presets/.
presets: .venv/installed
	$(RUN) python scripts/smoke_presets.py

# Random parameter files, damaged files, odd statements and kills, from a seed (docs/reliability.md).
fuzz: .venv/installed
	$(RUN) python -m tests.campaigns
	$(RUN) env LANDSCAPE_KILLS=50 python -m pytest -q tests/test_kills.py

# Speed of training, and cost and error of the metrics, compared with simple baselines and other tools;
# about an hour and a half on an idle machine.
bench: .venv/installed
	$(RUN) python benchmarks/training.py --quick
	$(RUN) python benchmarks/stacked_profile.py
	$(RUN) python benchmarks/step_variants.py
	$(RUN) python benchmarks/hessian.py
	$(RUN) python benchmarks/hessian_products.py
	$(RUN) python benchmarks/connectivity.py
	$(RUN) python benchmarks/similarity.py
	$(RUN) python benchmarks/coverage_trace.py
	$(RUN) python benchmarks/coverage_cka.py --quick
	$(RUN) python benchmarks/shared_draws.py --quick
	$(RUN) python benchmarks/catalog.py plan curves
	$(RUN) python -m benchmarks.report_page

# Correctness, determinism, memory and speed on a CUDA device, in under eight minutes.
gpu: .venv/installed
	$(RUN) python benchmarks/gpu.py

# What a bare GPU machine needs to run it (docs/gpu.md); CIFAR and GOLDEN are folders of images and of networks.
gpu-bundle: .venv/installed
	$(RUN) python benchmarks/gpu_bundle.py $(if $(CIFAR),--cifar "$(CIFAR)") $(if $(GOLDEN),--golden "$(GOLDEN)")

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or later is needed; choose one with: make repro PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch .venv/installed

clean:
	rm -rf .venv
