# Every command a developer needs. `make` or `make help` lists them.
PYTHON ?= python3
PORT ?= 8501
SEEDS ?= 3000
SEED ?= 0
POSTS ?= 1000
SESSIONS ?= 200
BIN := .venv/bin
RUN := .venv/.run-installed
DEV := .venv/.dev-installed
RESOLVE := $(BIN)/uv pip compile --universal --python-version 3.11 --quiet --no-header --no-annotate --no-emit-index-url


# A dot for each package, so that a slow line looks slow and not dead; what pip says is shown when it fails.
define install
rm -f $@; { $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off -r $(1) 2>.venv/install.log && touch $@; } \
	| awk '/^(Collecting|Requirement already|Installing)/ { printf "."; fflush() } END { print "" }'; \
	[ -e $@ ] || { cat .venv/install.log; echo "  Installing failed; what was downloaded is kept. Try again."; exit 1; }
endef

.DEFAULT_GOAL := help
.PHONY: help run work google test check fix e2e screenshots peers simulate replay chaos bench bench-publish bench-ui docs migrate \
	lock clean

help:  ## list these commands
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(RUN)  ## start everything on this machine and serve the dashboard (PORT=8501)
	@COMPOSER_PORT=$(PORT) exec $(BIN)/python app.py

work: $(RUN)  ## run a worker of its own, beside those that run
	$(BIN)/python -m socialcore work

test: $(DEV)  ## run the tests: a real Postgres, a platform double that behaves like the platform
	$(BIN)/pytest -q -n 2 --dist loadfile -m "not live and not browser and not chaos"

google: $(DEV)  ## what nothing here may ever break: Google Business Profile, end to end
	$(BIN)/pytest -q -n 2 --dist loadfile tests/google tests/contract/test_contract_google_business.py \
		tests/contract/test_google_answers.py

check: $(DEV)  ## what a change must pass before it is tested: style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

fix: $(DEV)  ## repair what ruff can repair
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

e2e: $(DEV)  ## the journeys in headless Chromium, with screenshots in tests/artifacts
	$(BIN)/pytest -q -n 2 --dist loadfile -m "browser and not live $(LESS)" tests/browser

screenshots: $(DEV)  ## draw every page with the demo's data into docs/screenshots
	$(BIN)/python -m tests.browser.screenshots

peers: $(DEV)  ## install the reference Bluesky server if needed, and run the live suite against it
	tests/live/peers/install.sh
	REQUIRE_PEERS=1 $(BIN)/pytest -q -m live tests

simulate: $(DEV)  ## the protocol in virtual time, under every crash (SEEDS=20000)
	SEEDS=$(SEEDS) $(BIN)/pytest -q -s tests/simulation

replay: $(DEV)  ## one seed of it, step by step (SEED=7)
	$(BIN)/python -m tests.simulation $(SEED)

chaos: $(DEV)  ## publish through kill -9 of everything, and count at the platform (POSTS=10000)
	$(BIN)/python -m tests.chaos --posts $(POSTS)

bench: $(DEV)  ## measure, as ratios against a reference in the same run
	$(BIN)/python -m benchmarks

bench-publish: $(DEV)  ## only publishing, next to a bare loop that makes the same calls
	$(BIN)/python -m benchmarks.publish

bench-ui: $(DEV)  ## only the dashboard, next to Streamlit's defaults; in Chromium and in many windows (SESSIONS=200)
	$(BIN)/python -m benchmarks.ui --sessions $(SESSIONS)

docs: $(DEV)  ## write docs/platforms.md from the capabilities of the adapters
	$(BIN)/python -m socialcore.adapters.rules

migrate: $(RUN)  ## bring the database's schema up to date
	$(BIN)/python -m socialcore migrate

lock: $(DEV)  ## resolve pyproject.toml into requirements.txt and requirements-dev.txt
	$(RESOLVE) pyproject.toml > requirements.new && mv requirements.new requirements.txt
	$(RESOLVE) --group dev --constraints requirements.txt pyproject.toml > requirements.new
	{ echo "-r requirements.txt"; grep -vxFf requirements.txt requirements.new; } > requirements-dev.txt && rm requirements.new

clean:  ## forget the virtual environment and the embedded data; asks first
	@printf 'Remove .venv and .data, with every demo post? [y/N] ' && read answer && [ "$$answer" = y ]
	rm -rf .venv .data

$(RUN): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "Social Composer needs Python 3.11 or newer: make run PYTHON=python3.12"; exit 1; }
	@[ -x $(BIN)/python ] || { echo "  making a virtual environment …"; $(PYTHON) -m venv .venv; }
	@echo "  installing what it needs: a minute or two, the first time"
	@$(call install,requirements.txt)

$(DEV): requirements-dev.txt $(RUN)
	@echo "  installing what developing needs"
	@$(call install,requirements-dev.txt)
