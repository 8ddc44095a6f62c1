# make demo: run the example, tracked; make test: the checks, and a test of each kind; make test-all: all tests; make docs:
# the documentation as a site; make bench: measure what it costs. All set up what they need.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Tests start hundreds of processes: each would compile every module anew where this is set.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-rest test-all check faults oldest flyte2 wheel versions examples-full docs bench clean

# The demo needs little, and does not wait for what the tests need.
DEMO := .venv-demo
DEMO_READY := $(DEMO)/.ready

# Without an API key, or with a server that is away, there is an archive: what is in it is shown.
demo: $(DEMO_READY)
	@mkdir -p build && touch build/demo.started
	@$(DEMO)/bin/pyflyte run examples/digits.py digits --epochs 8
	@archive=$$(find "$${COMET_OFFLINE_DIRECTORY:-.cometml-runs}" -name '*.zip' -newer build/demo.started 2>/dev/null); \
	if [ -n "$$archive" ]; then \
	  $(DEMO)/bin/python -m flytekitplugins.comet_ml show "$$archive" | sed -n '/^  Parameters/,/^  Others/{/^  Others/!p}' && \
	  $(DEMO)/bin/python -m flytekitplugins.comet_ml show --html build/demo.html "$$archive"; \
	fi

$(DEMO_READY): setup.py
	@python=$$(./.ci/python) && echo "Setting up $(DEMO) with $$python." && $$python -m venv $(DEMO)
	@$(DEMO)/bin/pip install -qq --disable-pip-version-check uv \
	  && $(DEMO)/bin/uv pip install -q --python $(DEMO)/bin/python -e . scikit-learn \
	  || $(DEMO)/bin/pip install -qq --disable-pip-version-check -e . scikit-learn
	@touch $@

# Most tests wait for processes and servers: more of them at a time than there are cores.
JOBS ?= 6

# Six to eight minutes on two cores, when it is set up.
test: check
	$(BIN)/python -m pytest -n $(JOBS)

# What `make test` leaves out: further cases of the same kind, and what takes long by itself. Its pods start as in a
# cluster, with nothing loaded.
test-rest: $(READY)
	$(BIN)/python -m pytest -n $(JOBS) --slow -m "slow and not full"

test-all: test test-rest

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Everything that can go wrong, the slow cases too, about ten minutes; writes the table of docs/reliability.md.
faults: $(READY)
	FAULTS_PAGE=docs/reliability.md $(BIN)/python -m pytest --slow tests/pod/test_faults.py
	$(BIN)/python -m pytest --slow tests/pod/test_soak.py

# The oldest supported flytekit and comet-ml, in an environment of their own (uv: pip takes ten minutes to find one).
oldest:
	python=$$(./.ci/python) && $$python -m venv .venv-oldest
	.venv-oldest/bin/pip install -q uv
	.venv-oldest/bin/uv pip install -q --python .venv-oldest/bin/python -r tests/oldest-requirements.txt -e .
	.venv-oldest/bin/python -m pytest -n $(JOBS) -m "not newest"

# Flyte 2: its newest release without flytekit, and then both, with flyte-migrate. Each in an environment of its own.
flyte2:
	python=$$(./.ci/python) && $$python -m venv .venv-flyte2 && $$python -m venv .venv-migrate
	.venv-flyte2/bin/pip install -q uv
	.venv-flyte2/bin/uv pip install -q --python .venv-flyte2/bin/python -r tests/flyte2/requirements.txt
	.venv-flyte2/bin/uv pip install -q --python .venv-flyte2/bin/python --no-deps -e .
	.venv-flyte2/bin/uv pip install -q --python .venv-migrate/bin/python -r tests/flyte2/migrate-requirements.txt -e .
	.venv-flyte2/bin/python -m pytest --confcutdir=tests/flyte2 -n $(JOBS) tests/flyte2
	.venv-migrate/bin/python -m pytest --confcutdir=tests/flyte2 -n $(JOBS) tests/flyte2/test_{both,migrate}.py

# What would be published: the wheel, built of the sdist, and the sdist, in build/dist.
wheel: $(READY)
	rm -rf build/dist
	$(BIN)/uv build --quiet --out-dir build/dist
	$(BIN)/twine check --strict build/dist/*

# The wheel, with the newest of everything, in every Python that setup.py names and that is here.
VERSIONS ?= 3.10 3.11 3.12 3.13 3.14
versions: wheel
	JOBS=$(JOBS) ./.ci/versions $(VERSIONS)

# The examples whose frameworks take long to install, in an environment of their own (1.8 GB).
examples-full:
	python=$$(./.ci/python) && $$python -m venv .venv-full
	.venv-full/bin/pip install -q --upgrade pip
	.venv-full/bin/pip install -q -e . -r tests/full-requirements.txt
	# Its wheel has it bring NCCL (several hundred MB), which is for GPUs.
	.venv-full/bin/pip install -q --no-deps "xgboost<4"
	.venv-full/bin/python -m pytest tests/examples -m full

# The documentation, in build/site; a dead link or anchor fails it.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --clean

# What it costs, side by side with no plugin, by hand and the earlier plugin, in half an hour on a quiet machine;
# writes docs/performance.md.
bench: $(READY)
	$(BIN)/python -m benchmarks

# uv, because pip's resolver takes minutes; torch by pip, because only pip looks where the build without CUDA may lie.
$(READY): setup.py dev-requirements.txt
	@python=$$(./.ci/python) && echo "Setting up $(VENV) with $$python." && $$python -m venv $(VENV)
	@mkdir -p build && grep '^torch' dev-requirements.txt > build/torch.txt
	$(BIN)/pip install -q uv -r build/torch.txt
	$(BIN)/uv pip install -q --python $(BIN)/python -e . -r dev-requirements.txt
	@touch $@

clean:
	rm -rf $(VENV) $(DEMO) .venv-oldest .venv-flyte2 .venv-migrate .venv-full .venv-bench .venv-3.* .cometml-runs .pytest_cache .mypy_cache .ruff_cache build *.egg-info
