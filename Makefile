# For a machine with make and Python 3.10 to 3.13, and no network but the package index.
#
#   make quickstart   train on the corpus that ships, score it, annotate three sentences
#   make test         style, types and tests
#
# PYTHON=python3.12 chooses the interpreter, VENV=folder where its environment goes, JOBS=4 how many
# processes run the tests; each needs some 2 GB.

PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
SOURCES := constraints.txt pyproject.toml setup.cfg \
	$(shell find spacy_cmner -type f ! -path '*/__pycache__/*')

# The matrices are small: a second thread gains little, and on a busy machine it is waited for.
export OMP_NUM_THREADS ?= 1

.PHONY: quickstart test clean

quickstart: $(VENV)/quickstart
	$(BIN)/python -m spacy project run quickstart

test: $(VENV)/dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder

clean:
	rm -rf $(VENV) build spacy_cmner.egg-info corpus training metrics packages/* project.lock

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# build/ may hold modules that are no more.
$(VENV)/quickstart: $(BIN)/python $(SOURCES)
	rm -rf build
	$(PIP) . build
	touch $@

$(VENV)/dev: $(BIN)/python $(SOURCES)
	rm -rf build
	$(PIP) '.[dev]'
	touch $@
