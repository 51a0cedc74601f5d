# Thin verbs. Everything happens in .venv; `make run` and `make test` need only Python 3.11 with venv.

VENV   ?= .venv
BIN    := $(VENV)/bin
# The distribution's own Python is built with optimisations that others often lack; any from 3.11 on will do.
PYTHON ?= $(shell for p in /usr/bin/python3 python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
# A machine that forbids caches of bytecode has every process that tests start compile all its modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup setup-bench setup-browser setup-tlsmate setup-newest rows run quick newest test check lint type cov bench soak chart chart-golden docs pages e2e fuzz explore cluster-tools cluster image lock clean

help:
	@echo "run            set everything up, then a router with four small services, and a tour"
	@echo "test           set everything up, then all tests"
	@echo "setup          a virtual environment with everything the tests need; compiles the data path"
	@echo "quick          while you work: lint and unit tests in about a minute; ROOM=proxy/http1 for a folder"
	@echo "check          what has to pass: lint, type and test"
	@echo "lint           ruff and the import rules"
	@echo "type           mypy"
	@echo "newest         the tests of quick on the newest supported Python that is here"
	@echo "cov            all tests, and which lines they did not run"
	@echo "explore        properties with fresh examples"
	@echo "fuzz           the fuzzers, for FUZZ_SECONDS"
	@echo "docs           the documentation as HTML; a warning is an error"
	@echo "pages          the parts of docs/ that follow from the sources"
	@echo "bench          compare with HAProxy, nginx and Envoy, and write docs/benchmarks.md"
	@echo "soak           hostile requests, then calls that fail or are cancelled, for SOAK_SECONDS each"
	@echo "cluster-tools  build the Kubernetes of the tests, once; needs Go"
	@echo "cluster        a shell with a cluster of two nodes; NODES=real for containers; needs root"
	@echo "e2e            the chart on two nodes under load; needs root"
	@echo "chart          the tests of the Helm chart"
	@echo "chart-golden   renew the manifests that those compare with"
	@echo "image          build the image; needs root, buildah and mmdebstrap"
	@echo "lock           renew what the image pins"
	@echo "clean          remove what was built"

# Bytecode is made of what is imported, when it is: most of what comes with a package never is.
PIP_INSTALL := pip install --quiet --no-compile --disable-pip-version-check

# What an extra of setup.cfg needs, and not the distribution once more: that would compile the data path again.
extra = $(BIN)/python -c "from configparser import ConfigParser as C; c = C(); c.read('setup.cfg'); \
	print(c['options.extras_require']['$(1)'])" | PYTHONWARNINGS=ignore $(BIN)/$(PIP_INSTALL) --requirement /dev/stdin

# What is compiled has to be built anew when it changes: the parser, HPACK, and the modules that _compiled.py names.
HOT := $(shell sed -n 's/^    "\(noderouter[a-z0-9_.]*\)",$$/\1/p' noderouter/_compiled.py | tr . /)

$(VENV)/.installed: setup.cfg pyproject.toml noderouter/_build.py noderouter/_compiled.py $(HOT:=.py) $(wildcard noderouter/proxy/http*/*.[ch])
	@test -n "$(PYTHON)" || { echo "noderouter needs Python 3.11 or later with venv (Debian: apt-get install python3-venv)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	PYTHONWARNINGS=ignore $(BIN)/$(PIP_INSTALL) --upgrade pip setuptools wheel
	PYTHONWARNINGS=ignore $(BIN)/$(PIP_INSTALL) --editable '.[test]'
	@$(BIN)/noderouter version
	@touch $@

setup: $(VENV)/.installed

run: setup
	$(BIN)/noderouter demo

DATA_PATH_TESTS := tests/e2e $(addprefix tests/noderouter/,core proxy reactor telemetry)
# Once, on what users run.
FOREIGN := tests/foreign

# Those that wait for nodes and processes more than they compute go beside the others, in rows: each starts its own nodes, and
# folders of one row share them. The longest first; the image is built before it. Three at once take as long, and starve each other.
ROWS := captured intercept e2e-captured e2e image real cluster
ROWS_AT_ONCE := 2
ROW_captured := tests/real/interception
ROW_intercept := tests/intercept tests/noderouter/interception/keeper
ROW_image := tests/image tests/docs
ROW_e2e-captured := tests/e2e_intercept
ROW_e2e := tests/e2e_cluster
ROW_real := tests/real --ignore=tests/real/interception
ROW_cluster := tests/cluster
IN_ROWS := $(filter-out --%,$(foreach row,$(ROWS),$(ROW_$(row))))
ON_SOURCES = NODEROUTER_PURE=1 NODEROUTER_SHOTS=$(CURDIR)/$(VENV)/shots $(BIN)/$(PYTEST)
PYTEST := python -m pytest
# Where the time goes, at the end of each row.
SLOWEST := --durations=10 --durations-min=10
# Many of them wait more than they compute; yet each process collects all tests, which is a fifth of what it does.
AT_ONCE = --numprocesses=$(shell nproc) --dist=worksteal

# While one works: lint, and what neither needs root, a Kubernetes or long, on the sources and all cores; ROOM=proxy/http1 for a folder.
# It compiles nothing: what is installed is brought up to date only where something for it is missing.
UNIT := tests/dtab tests/noderouter tests/docs $(wildcard tests/test_*.py)
UNIT_TESTS = NODEROUTER_PURE=1 $(1)/python -m pytest -m "not root and not slow and not kubernetes" $(AT_ONCE) --quiet
IN_ROOM = $(if $(ROOM),$(firstword $(wildcard tests/noderouter/$(ROOM) tests/$(ROOM))),$(UNIT))

quick:
	@test -n "$(IN_ROOM)" || { echo "there is neither tests/noderouter/$(ROOM) nor tests/$(ROOM)"; exit 1; }
	@$(BIN)/python -c "import importlinter, xdist" 2>/dev/null || $(MAKE) setup
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/lint-imports >$(VENV)/imports.log || { cat $(VENV)/imports.log; exit 1; }
	@$(call UNIT_TESTS,$(BIN)) --hypothesis-profile=quick $(IN_ROOM)

# The same tests on the newest Python that is supported and here; a venv of its own, in which nothing but the parser is compiled.
NEWEST ?= $(shell for p in python3.13 $${PYENV_ROOT:-$$HOME/.pyenv}/versions/3.13.*/bin/python \
	python3.12 $${PYENV_ROOT:-$$HOME/.pyenv}/versions/3.12.*/bin/python; do \
	$$p -c 'import venv, ensurepip' 2>/dev/null && { echo $$p; break; }; done)

$(VENV)/newest/.installed: setup.cfg pyproject.toml
	@mkdir -p $(VENV)
	$(NEWEST) -m venv --clear $(VENV)/newest
	NODEROUTER_PURE=1 $(VENV)/newest/bin/$(PIP_INSTALL) --editable '.[test]'
	@touch $@

setup-newest: $(if $(NEWEST),$(VENV)/newest/.installed)

# Once for the Python that is here now: `make test` needs it, too. What only reads the repository is the same to any interpreter.
newest: $(if $(NEWEST),$(VENV)/newest/.passed)
	@test -n "$(NEWEST)" || echo "skipped: there is no Python newer than the oldest supported one here (3.12 or 3.13, with venv)"

$(VENV)/newest/.passed: $(VENV)/newest/.installed $(shell find dtab noderouter tests docs -name '*.py')
	@$(VENV)/newest/bin/python --version
	@$(call UNIT_TESTS,$(VENV)/newest/bin) --hypothesis-profile=quick $(filter-out tests/test_architecture.py,$(UNIT))
	@touch $@

# All tests on the sources; then those of the data path again on what was compiled from them. Of both, once: whole routers as they
# are installed, since the rows run them on the sources; what executes nothing that is compiled; and where a newer Python is, which
# has run the data path's sources, they are not run on this one as well (tests/README.md, "Twice").
COMPILED_ONLY := tests/e2e
SOURCES_ONLY := $(addprefix tests/noderouter/proxy/,http1/fuzz http1/test_head_twins.py http1/test_head_oracles.py \
	http2/fuzz http2/test_huffman.py http2/test_hpack_twins.py http2/test_hpack_oracles.py \
	capture/test_client_hello.py capture/test_detect.py)
FUZZERS := $(filter %/fuzz,$(SOURCES_ONLY))
ON_NEWEST := $(if $(NEWEST),$(filter-out $(COMPILED_ONLY),$(DATA_PATH_TESTS)))
# Looked at when `setup` is through; where nothing is compiled everything runs on the sources.
COMPILED = $(findstring data path: compiled,$(shell $(BIN)/noderouter version))
ON_COMPILED = $(BIN)/python -m pytest $(AT_ONCE) $(DATA_PATH_TESTS) $(SOURCES_ONLY:%=--ignore=%)

test: setup newest
	@make --no-print-directory rows & rows=$$!; \
	trap 'kill $$rows' INT TERM; status=0; \
	nice -n 5 env $(ON_SOURCES) $(SLOWEST) $(AT_ONCE) $(patsubst %,--ignore=%,$(IN_ROWS) $(FOREIGN) $(if $(COMPILED),$(COMPILED_ONLY) $(ON_NEWEST))) || status=1; \
	$(if $(COMPILED),$(if $(ON_NEWEST),nice -n 5 env $(ON_SOURCES) $(FUZZERS) || status=1;)) \
	$(if $(COMPILED),$(ON_COMPILED),echo "the data path is not compiled here: its tests run on the sources only"; $(ON_SOURCES) $(AT_ONCE)) $(FOREIGN) || status=1; \
	wait $$rows || status=1; cat $(ROWS:%=$(VENV)/row-%.log); \
	exit $$status

# The image before all of them: what needs it is the longest row. Where there can be none, its tests say why.
rows:
	-@$(BIN)/python -m tests.image >$(VENV)/image.log 2>&1
	@$(MAKE) --no-print-directory --keep-going --jobs=$(ROWS_AT_ONCE) $(ROWS:%=row-%)

row-%:
	@nice -n 5 env $(ON_SOURCES) $(SLOWEST) $(ROW_$*) >$(VENV)/row-$*.log 2>&1

check: lint type test

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

type: setup
	$(BIN)/mypy

# The same, and what it did not run, line by line; the tracing of lines takes as much time as they do.
cov: setup
	$(BIN)/coverage erase
	$(MAKE) --no-print-directory test PYTEST="coverage run -m pytest" AT_ONCE= COMPILED_ONLY= NEWEST=
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered --sort=cover
	$(BIN)/coverage html --quiet --skip-covered
	@echo "see htmlcov/index.html"

setup-bench: setup
	$(call extra,bench)

# What looks at the dashboard; the browser itself is the distribution's.
setup-browser: setup
	$(call extra,browser)

# A scanner of TLS that works with no newer cryptography than this.
$(VENV)/tlsmate/.installed:
	$(PYTHON) -m venv $(VENV)/tlsmate
	$(VENV)/tlsmate/bin/$(PIP_INSTALL) tlsmate==1.2.2 'cryptography<44'
	@touch $@

setup-tlsmate: $(VENV)/tlsmate/.installed

bench: setup-bench
	$(BIN)/python -m benchmarks --update-docs

# An hour each, unless told.
soak: setup
	$(BIN)/python -m benchmarks.soak --seconds $${SOAK_SECONDS:-3600} --connections 100000000 --every 30
	$(BIN)/python -m benchmarks.soak_calls --seconds $${SOAK_SECONDS:-3600} --every 30

# Needs the commands of `make cluster-tools`; what they are missing for is skipped, and says so.
chart: setup
	$(BIN)/pytest tests/charts tests/test_dockerfile.py -rs

chart-golden: setup
	$(BIN)/pytest tests/charts/noderouter/test_golden.py tests/charts/noderouter/test_values.py -rs --update-golden

docs: setup
	$(call extra,docs)
	$(BIN)/sphinx-build -W -q -b html docs docs/_build

# What of docs/ follows from the sources: pictures, the reference of commands. Tests compare it.
pages: setup
	$(BIN)/python -m docs.generate

fuzz: setup
	$(BIN)/python -m tests.noderouter.proxy.http1.fuzz.run --seconds $${FUZZ_SECONDS:-60}
	$(BIN)/python -m tests.noderouter.proxy.http2.fuzz.run --seconds $${FUZZ_SECONDS:-60}
	$(BIN)/python -m tests.noderouter.proxy.http2.frame_fuzz --seconds $${FUZZ_SECONDS:-60}
	$(BIN)/python -m tests.noderouter.reactor.tls_fuzz --seconds $${FUZZ_SECONDS:-60}

# The chart on two nodes under load, played and real, and docs/kubernetes.md as it is written; needs root. `make test` runs it, too.
e2e: cluster-tools
	NODEROUTER_E2E_CUT_OFF_SECONDS=$${NODEROUTER_E2E_CUT_OFF_SECONDS:-60} $(BIN)/pytest tests/e2e_cluster tests/e2e_intercept tests/real tests/docs -rs

# Properties with fresh seeds; `make test` takes the same ones on every run.
explore: setup
	$(BIN)/pytest --hypothesis-profile=explore $$(grep -rl --include='test_*.py' '^from hypothesis' tests)

# The Kubernetes of the tests, built once into a cache outside the tree; needs Go.
cluster-tools: setup
	$(BIN)/python -m tests.cluster.binaries

# A shell with kubectl, helm and a cluster of two nodes; needs root. NODES=real: with a kubelet and containers.
cluster: cluster-tools
	@$(BIN)/python -m tests.cluster $(if $(filter real,$(NODES)),--real)

# The image by buildah, over a base that mmdebstrap makes; needs root. Prints where its archive and its list of contents are.
image: setup
	@$(BIN)/python -m tests.image

# What the Dockerfile installs, to the newest versions, with the hashes of all their files: the routers', with what traces and tokens
# need, and the compiler's.
# aiohttp is for the half of the kubernetes package that the image leaves out.
LOCK := $(BIN)/uv pip compile - --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header
lock: setup
	$(call extra,lock)
	printf 'aiohttp\naiohttp-retry\n' > $(VENV)/left-out
	$(BIN)/python -c "from configparser import ConfigParser as C; c = C(); c.read('setup.cfg'); \
		print(c['options']['install_requires'], *(c['options.extras_require'][extra] for extra in ('tracing', 'tokens')))" | $(LOCK) --excludes $(VENV)/left-out --output-file requirements.lock
	$(BIN)/python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['build-system']['requires'], sep='\n')" \
		| $(LOCK) --output-file requirements-build.lock

clean:
	rm -rf $(VENV) build dist *.egg-info .coverage* htmlcov .mypy_cache .ruff_cache .import_linter_cache docs/_build
	find . -name __pycache__ -prune -exec rm -rf {} + ; find . -name '*.so' -delete
