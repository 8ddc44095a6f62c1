# make demo: run the example, tracked; make test: everything that CI runs; make bench: measure what it costs and write
# docs/performance.md, in about ten minutes. They set up what they need.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check oldest bench clean

demo: $(READY)
	@if [ -n "$$COMET_API_KEY" ]; then \
	  echo "COMET_API_KEY is set: going online."; \
	  $(BIN)/pyflyte run examples/digits.py digits --epochs 8; \
	else \
	  directory="$${COMET_OFFLINE_DIRECTORY:-.cometml-runs}"; mkdir -p "$$directory"; \
	  COMET_OFFLINE_DIRECTORY="$$directory" $(BIN)/pyflyte run examples/digits.py digits --epochs 8 \
	  && $(BIN)/python examples/read_archive.py "$$directory"; \
	fi

test: check
	$(BIN)/python -m pytest

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The oldest supported flytekit and comet-ml, in an environment of their own (uv: pip takes ten minutes to find one).
oldest:
	python=$$(./.ci/python) && $$python -m venv .venv-oldest
	.venv-oldest/bin/pip install -q uv
	.venv-oldest/bin/uv pip install -q --python .venv-oldest/bin/python -r tests/oldest-requirements.txt -e .
	.venv-oldest/bin/python -m pytest -m "not newest"

bench: $(READY)
	$(BIN)/pip install -q uv
	$(BIN)/python -m benchmarks

$(READY): setup.py dev-requirements.txt
	@python=$$(./.ci/python) && echo "Setting up $(VENV) with $$python." && $$python -m venv $(VENV)
	$(BIN)/pip install -q --upgrade pip
	$(BIN)/pip install -q -e . -r dev-requirements.txt
	@touch $@

clean:
	rm -rf $(VENV) .venv-oldest .venv-bench .cometml-runs .pytest_cache .mypy_cache .ruff_cache build *.egg-info
