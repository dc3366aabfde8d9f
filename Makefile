# Everything here needs only Python 3.11 or newer with venv.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.installed
LIBAS2 := tests/peers/libas2

.PHONY: demo test peers interop lint crash histories soak fuzz clean

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --require-hashes -r requirements.lock
	$(VENV)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(READY)

demo: $(READY)
	$(VENV)/bin/gateway demo

test: $(READY)
	$(VENV)/bin/pytest

# What the interoperability tests need beyond Debian's packages (.ci/run names those); without it they skip.
peers: $(LIBAS2)/node_modules/.installed

$(LIBAS2)/node_modules/.installed: $(LIBAS2)/package.json $(LIBAS2)/package-lock.json
	npm ci --prefix $(LIBAS2) --ignore-scripts --no-audit --no-fund --silent
	@touch $@

# The whole interoperability matrix of AS2, printed: every case against every peer that is here.
interop: $(READY) peers
	$(VENV)/bin/python tests/interop_matrix.py

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

# The crash test at full size: 50 kills, 200 authorizations and 200 claims, on SQLite and on PostgreSQL.
crash: $(READY)
	$(VENV)/bin/pytest -n 0 -m full tests/test_crash.py

# Random histories of clinics and payers: 100,000 events through the whole gateway and replayed, and 200,000 in the books.
histories: $(READY)
	$(VENV)/bin/pytest -m full tests/test_histories.py tests/test_payer_histories.py

# 2,000 AS2 messages and 2,000 SFTP files over cut lines, to a slow partner that loses receipts, with 60 kills in between.
soak: $(READY)
	$(VENV)/bin/pytest -n 0 -s -m full tests/test_soak.py

# The X12 engine against pyx12 on 20,000 spoiled documents, and against arbitrary bytes for ten minutes.
fuzz: $(READY)
	$(VENV)/bin/pytest -n 0 -m full tests/test_differential.py
	$(VENV)/bin/python tests/x12_fuzz.py --minutes 10

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis $(LIBAS2)/node_modules
