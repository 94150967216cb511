# `make demo` and `make test` do everything on a fresh machine; the rest is for people who change the code.
PYTHON ?= python3
BENCH := .venv/bin/bench
DEVICE ?= cpu
PROFILE ?= gpu
DATA ?= v1
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: demo test quick check docs bench screenshots train-reference system view clean install

demo: .venv/installed
	$(BENCH) demo --out demo

test: export OMP_NUM_THREADS = 1
test: .venv/installed-dev view
	.venv/bin/python -m pytest -n 2 --dist worksteal

quick: .venv/installed-dev view
	.venv/bin/python -m pytest -n 2 -q -m "not slow and not i3d and not weights and not browser"

check: .venv/installed-dev view
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	OMP_NUM_THREADS=1 .venv/bin/python -m pytest -n 2 --dist worksteal

install: .venv/installed

demo/data/dataset.toml: | .venv/installed
	$(BENCH) data phantom --out demo/data --profile mini

# The pages that are written from the code.
docs: .venv/installed
	.venv/bin/python -m fundus2oct.benchmark.command_reference > docs/commands.md
	.venv/bin/python -m fundus2oct.benchmark.error_codes > docs/errors.md

# Times, as ratios side by side in one run, on two threads; fails only where two programs that should agree do not.
bench: export OMP_NUM_THREADS = 2
bench: export OPENBLAS_NUM_THREADS = 2
bench: .venv/installed-peers demo/data/dataset.toml
	$(BENCH) weights install i3d
	.venv/bin/python tests/bench/measure_help.py
	.venv/bin/python tests/bench/measure_site.py
	.venv/bin/python tests/bench/measure_sandbox.py
	.venv/bin/python -u tests/bench/measure_baselines.py --device $(DEVICE)
	.venv/bin/python -u tests/bench/measure_speed.py --device $(DEVICE)

# Pictures of the demo's site for docs/screenshots, in light and in dark; needs `make demo` and chromium (`make system`).
screenshots: .venv/installed-dev
	.venv/bin/python tests/bench/take_screenshots.py demo/site

# The learned reference rows and their ablations: trains, generates, scores, files the records, draws sample sheets.
# For a machine with a GPU; PROFILE=demo DATA=mini is for a processor. Running it again goes on.
train-reference: .venv/installed
	.venv/bin/python -m fundus2oct.baselines.reference_runs --profile $(PROFILE) --data $(DATA) \
		--out runs/reference-$(notdir $(DATA))-$(PROFILE)
	.venv/bin/python tests/bench/reference_table.py runs/reference-$(notdir $(DATA))-$(PROFILE) --device $(DEVICE) \
		> docs/reference-$(notdir $(DATA))-$(PROFILE).md

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: setup.cfg pyproject.toml | .venv/bin/python
	.venv/bin/python -m pip install --quiet --editable .
	touch $@

.venv/installed-dev: setup.cfg pyproject.toml | .venv/bin/python
	.venv/bin/python -m pip install --quiet --editable '.[dev]'
	touch $@ .venv/installed

.venv/installed-peers: .venv/installed-dev
	.venv/bin/python -m pip install --quiet --editable '.[dev,peers]'
	touch $@

# Type checkers do not follow setuptools' editable hook: ignored links stand in for the namespace.
view:
	@mkdir -p .view/fundus2oct
	@for folder in benchmark baselines metrics leaderboard; do ln -sfn ../../$$folder .view/fundus2oct/$$folder; done

# What apt must bring: the sandbox of strangers' code and the browser of the site's tests.
system:
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends bubblewrap chromium fonts-dejavu-core openssh-client minisign >/dev/null

clean:
	rm -rf .venv .view demo build *.egg-info
