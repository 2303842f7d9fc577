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
# Where the scenarios' hubs keep their truth: sqlite or postgres (a private server that the tests start).
E2E_STORE ?= sqlite
# What says most about a store; `make test` runs these on PostgreSQL too, `make soak` all of them.
STORE_SCENARIOS := hub_killed hub_dies held_prune application_is_deleted commit_becomes removed_file grants explain
# Which benchmark: B1 (commit to Synced), tree (5,000 objects looked at), poison (B1 beside poison applications), B6 (ten thousand Pods), B9 (a thousand applications), B10 (drift), idle (what it costs when nothing changes) or all.
B ?= all

# Where the programs come from that images are made of; release builds when it names no folder.
BIN_DIR ?=

.PHONY: help images images-check node build demo test unit integration e2e e2e-postgres oneshot lint fmt bench soak prerequisites

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

prerequisites: ## Check what the tests need, install what Debian has (as root), build the Kubernetes control plane once
	@scripts/prerequisites test

node: ## Build the programs of a real node once (kubelet, containerd, …), or say why none can run here
	@scripts/prerequisites node

images: ## Images of hub and agent without engine or registry, in target/images (BIN_DIR=target/debug: of those programs)
	@$(if $(BIN_DIR),,cargo build --release --locked -p windlass-hub && cargo build --release --locked -p windlass-agent)
	@cargo run --quiet --locked -p windlass-images -- --bin-dir $(or $(BIN_DIR),$${CARGO_TARGET_DIR:-target}/release)

images-check: build ## Make the images twice and compare: the same bytes, not for root, with everything that they need
	@scripts/images-check

build: ## Compile everything that the demo and the tests run
	@cargo build --workspace --locked --lib --bins --tests --features $(FEATURES)

demo: ## Real clusters (one with a real node where this machine allows), a hub, commits and accidents; Ctrl-C ends it (ONESHOT=1: check and leave)
	@scripts/prerequisites demo
	@cargo build --workspace --locked --bins --features $(FEATURES)
	@exec target/debug/demo

test: ## Everything: unit tests, real databases and git servers, the demo, scenarios on real clusters and both stores
	@scripts/in-turn prerequisites build unit integration images-check oneshot e2e e2e-postgres

unit: ## Seconds: tests without a cluster or a server
	@$(CARGO_TEST) --lib --bin windlass

integration: ## Tests against real parts without whole scenarios: SQLite, PostgreSQL, git servers, the harness itself
	@scripts/prerequisites test
	@$(CARGO_TEST) $$(scripts/integration-tests)

oneshot: build ## The demo without a terminal: every fact checked, nothing left running
	@scripts/prerequisites demo
	@ONESHOT=1 target/debug/demo </dev/null

e2e: build ## Scenarios on real Kubernetes control planes (T=name runs those whose name contains it, E2E_STORE=postgres)
	@scripts/prerequisites test
	@E2E_STORE=$(E2E_STORE) $(CARGO_TEST) --test e2e -- --test-threads=$(E2E_THREADS) $(T)

e2e-postgres: build ## Those scenarios that say most about the store, on PostgreSQL (T=name: others, T=e: nearly all)
	@scripts/prerequisites test
	@E2E_STORE=postgres $(CARGO_TEST) --test e2e -- --test-threads=$(E2E_THREADS) $(or $(T),$(STORE_SCENARIOS))

lint: ## Formatting, clippy, licences and bans, docs, the shape of the tree, release features
	@scripts/lint

fmt: ## Format all Rust code
	@cargo fmt --all

bench: ## Benchmarks against their floors, release builds (B=B1, tree, poison, B6, B9, B10 or idle; all of them without)
	@scripts/prerequisites demo
	@scripts/bench $(B)

soak: ## Runs of minutes to an hour, on PostgreSQL: all scenarios, then long ones (S=name: only long runs of that name)
	@scripts/soak $(S)
