.PHONY: help setup test lint bench

# Tools that a user installs beside the system's are found too.
export PATH := $(HOME)/.cargo/bin:$(PATH)
export FERRODRIVE_PYTHON ?= $(CURDIR)/.ferrodrive/python/bin/python

help:
	@echo "make test   set up all that is needed, then check formatting, lints, documentation and run every test"
	@echo "make bench  run the benchmarks"
	@echo "make setup  only set up"

setup:
	@tools/setup.sh drive

lint:
	cargo fmt --all --check
	cargo clippy --workspace --lib --bins -- -D warnings
	cargo clippy --workspace --tests --benches --examples -- -D warnings -A clippy::unwrap_used -A missing_docs
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet

test:
	@tools/setup.sh test
	$(MAKE) --no-print-directory lint
	cargo test --workspace --release

bench:
	cargo bench --workspace
