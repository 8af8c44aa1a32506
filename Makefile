# `make check` is what must be green before a change goes in: format, lint, types, import contracts, tests.
PYTHON ?= python
CODE = engine tui tests benchmarks

.PHONY: check format lint types imports test schema constraints bench pictures recipes recipes-check

check: lint types imports test

format:
	ruff format $(CODE)
	ruff check --fix $(CODE)

lint:
	ruff format --check $(CODE)
	ruff check $(CODE)

types:
	mypy

imports:
	lint-imports

test:
	pytest

# engine/experiments.schema.json, which editors read; a test fails when it is out of date
schema:
	engine schema > engine/experiments.schema.json

# every installed package of a fresh environment, exactly
constraints:
	@rm -rf .venv-constraints && $(PYTHON) -m venv .venv-constraints
	.venv-constraints/bin/pip install --quiet '.[test]'
	@{ echo '# Exact versions of everything that is installed; written by `make constraints`.'; \
	  .venv-constraints/bin/pip freeze --exclude dltui; } > constraints.txt
	@rm -rf .venv-constraints

# the table of benchmarks/README.md, measured here and now
bench:
	$(PYTHON) benchmarks/run.py

# the pictures of the README and the user guide, drawn by the program itself, and the guide's tables of keys
pictures:
	$(PYTHON) docs/pictures.py

# docs/recipes.md from the runs of RUNS
RUNS ?= runs
recipes:
	$(PYTHON) docs/recipes.py collect --runs $(RUNS)

# three rows of it that need no GPU, drawn at random, trained again and compared
recipes-check:
	$(PYTHON) docs/recipes.py check
