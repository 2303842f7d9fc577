# Every target works from a clean clone; `make` alone lists them. Demo and tests share one profile and one target folder.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Hubs and agents of the demo and of the tests can be made to fail on purpose; release builds never have this feature.
FEATURES := windlass-hub/faults,windlass-agent/faults
CARGO_TEST := cargo test --workspace --locked --features $(FEATURES)
# Scenarios at once: they share two clusters, and wait more than they compute.
E2E_THREADS ?= 3
# Which benchmark: B1 (commit to Synced) or idle (what it costs when nothing changes).
B ?= B1

.PHONY: help build demo test unit integration e2e oneshot lint fmt bench soak prerequisites

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

prerequisites: ## Check what the tests need, install what Debian has (as root), build the Kubernetes control plane once
	@scripts/prerequisites test

build: ## Compile everything that the demo and the tests run
	@cargo build --workspace --locked --lib --bins --tests --features $(FEATURES)

demo: ## Two real clusters, a hub, a commit that becomes healthy; Ctrl-C ends it (ONESHOT=1: check and leave)
	@scripts/prerequisites demo
	@cargo build --workspace --locked --bins --features $(FEATURES)
	@exec target/debug/demo

test: ## Everything: unit tests, real databases and git servers, the demo, scenarios on real clusters
	@scripts/in-turn prerequisites build unit integration oneshot e2e

unit: ## Seconds: tests without a cluster or a server
	@$(CARGO_TEST) --lib --bin windlass

integration: ## Tests against real parts without whole scenarios: SQLite, PostgreSQL, git servers, the harness itself
	@scripts/prerequisites test
	@$(CARGO_TEST) $$(scripts/integration-tests)

oneshot: build ## The demo without a terminal: every fact checked, nothing left running
	@scripts/prerequisites demo
	@ONESHOT=1 target/debug/demo </dev/null

e2e: build ## Scenarios on real Kubernetes control planes (T=name runs those whose name contains it)
	@scripts/prerequisites test
	@$(CARGO_TEST) --test e2e -- --test-threads=$(E2E_THREADS) $(T)

lint: ## Formatting, clippy, licences and bans, docs, the shape of the tree, release features
	@scripts/lint

fmt: ## Format all Rust code
	@cargo fmt --all

bench: ## Benchmarks against their floors, release builds (B=B1, B=idle)
	@scripts/prerequisites demo
	@scripts/bench $(B)

soak: ## Runs of minutes to hours
	@scripts/soak
