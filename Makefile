# The commands of this checkout. `make` lists them. Each does its own set-up.

LOCK_DATE ?= 2026-11-22
TESTS ?= tests
BENCH ?= $(filter-out $(addprefix bench/,bare.py clients.py country.py one_node.py),$(wildcard bench/*.py))
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help demo test check format docs bench lock clean test-spark setup-run setup-dev setup-engines setup-bench

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: setup-run ## start the whole country on this machine: thirteen nodes, invented people
	@.venv/bin/passerelle demo

test: setup-dev setup-engines ## run every test (TESTS=tests/unit for a part)
	@.venv/bin/pytest -n 2 --dist loadfile $(TESTS)

test-spark: setup-dev ## run the published suite of views on Spark too (needs Java 17; slow the first time)
	@if command -v java >/dev/null; then tools/setup.sh spark && \
	  PASSERELLE_TEST_SPARK=1 PYTHONPATH=$$(echo var/spark/lib/python3*/site-packages) .venv/bin/pytest -q tests/views/test_on_spark.py; \
	else echo "test-spark: skipped, because there is no Java here. Install: sudo apt-get install openjdk-17-jre-headless"; fi

check: setup-dev ## format, lint, types, layers, words in both languages, generated pages
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/python tools/layers.py
	.venv/bin/python tools/catalogues.py
	.venv/bin/python tools/architecture.py --check

format: setup-dev ## format the code and fix what lint can fix
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

docs: setup-dev ## write the generated pages again
	.venv/bin/python tools/architecture.py

bench: setup-dev setup-bench ## run every measurement in bench/ (BENCH=bench/synthetic.py for one)
	@for script in $(BENCH); do echo "== $$script"; PYTHONPATH=. .venv/bin/python "$$script" || exit 1; done

lock: ## lock the dependencies again (needs uv); LOCK_DATE=2026-12-31 to move on
	@tools/lock.sh $(LOCK_DATE)

clean: ## remove the environment, the demo's data and every cache
	rm -rf .venv var build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find src tests tools bench -name __pycache__ -type d -prune -exec rm -rf {} +

setup-run:
	@tools/setup.sh run

setup-dev:
	@tools/setup.sh dev

setup-engines:
	@tools/setup.sh engines

setup-bench:
	@tools/setup.sh bench
