# What people do here every day. Each target installs what it needs into .venv, once.
# PYTHON=python3.12 make setup    takes another interpreter.
# make test ARGS="-k windows"     runs some of the tests.

DEMO_CALLS ?= 300

# One more than there are cores: many tests wait for processes, leases and servers.
WORKERS ?= $(shell python3 -c 'import os; print((os.cpu_count() or 1) + 1)')

.PHONY: help setup demo test lint soak bench bench-peers lock schema pictures

help:
	@echo "make setup   install runner and its tools into .venv"
	@echo "make demo    rehearse three rounds of calls to 300 public hospital numbers; nobody is called"
	@echo "make test    all tests        make lint    style, types, architecture"
	@echo "make soak    kills and stops runs for minutes, and counts who was called twice or lost: nobody"
	@echo "make bench   the benchmarks   make lock    the lock files, compiled again from pyproject.toml"
	@echo "make bench-peers  runner next to other tools, with kills: speed, lateness, who is called twice or lost"
	@echo "make schema  what schemas/ holds, generated from the models"
	@echo "make pictures  those of README.md, drawn again from real output"

setup:
	@.ci/setup requirements-dev.txt

demo:
	@.ci/setup requirements.txt
	@.venv/bin/runner apply campaigns/hospital-survey.yaml --sandbox --yes --limit $(DEMO_CALLS)

test: setup
	@.venv/bin/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

lint: setup
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

# make soak ARGS="--rounds 100 --seed 7"
soak: setup
	@.venv/bin/python tests/acceptance/soak.py $(ARGS)

# Takes six minutes to a quarter of an hour: a million contacts are planned several times. ARGS="-k memory" runs some.
bench: setup
	@.venv/bin/python -m pytest tests/benchmarks $(ARGS)

# An environment of its own: nothing else needs the other tools. ARGS="--calls 300 --rounds 1 --only huey" runs less.
bench-peers:
	@.ci/setup tests/benchmarks/peers/requirements.txt .venv-peers
	@PYTHONPATH=tests:tests/benchmarks .venv-peers/bin/python tests/benchmarks/peers/compare.py $(ARGS)

# With a clean environment: the hashes must be those of the public registry's files, for everybody.
LOCK = env -u UV_FIND_LINKS -u UV_INDEX_URL -u UV_DEFAULT_INDEX uv pip compile --quiet --universal \
	--python-version 3.11 --generate-hashes --no-annotate --custom-compile-command "make lock"

lock:
	$(LOCK) pyproject.toml --output-file requirements.txt
	$(LOCK) pyproject.toml --group dev --output-file requirements-dev.txt
	$(LOCK) pyproject.toml tests/benchmarks/peers/requirements.in --constraint requirements-dev.txt \
		--output-file tests/benchmarks/peers/requirements.txt

schema:
	@.ci/setup requirements.txt
	@.venv/bin/runner schema > schemas/campaign.schema.json
	@.venv/bin/runner schema --policy > schemas/policy.schema.json
	@.venv/bin/python .ci/reference.py

pictures:
	@.ci/setup requirements.txt
	@.venv/bin/python .ci/pictures.py
