.PHONY: help setup drive test lint bench gpu-check

# Tools that a user installs beside the system's are found too.
export PATH := $(HOME)/.cargo/bin:$(PATH)
export FERRODRIVE_PYTHON ?= $(CURDIR)/.ferrodrive/python/bin/python

help:
	@echo "make drive  set up all that is needed, then drive a route through town in traffic (ARGS=\"--seed 7\" for others)"
	@echo "            PROCESSES=1: every node a process, over DDS, on the wall clock"
	@echo "make test   set up all that is needed, then check formatting, lints, documentation and run every test"
	@echo "make bench  run the benchmarks"
	@echo "make gpu-check  on a machine with an NVIDIA GPU: parity, latency and engine cache of every model by CUDA and TensorRT"
	@echo "make setup  only set up what driving needs"

setup:
	@tools/setup.sh drive

drive: setup
	cargo build --release --package ferrodrive
	target/release/ferrodrive drive $(if $(filter 1,$(PROCESSES)),--processes) $(ARGS)

lint:
	cargo fmt --all --check
	cargo clippy --release --workspace --lib --bins -- -D warnings
	cargo clippy --release --workspace --tests --benches --examples -- -D warnings -A clippy::unwrap_used -A missing_docs
	@# The backend over ROS 2's own middleware, against bindings that r2r ships: no ROS 2 needed.
	cargo clippy --release --package middleware --features ros2,r2r/doc-only --lib --tests -- -D warnings -A clippy::unwrap_used
	RUSTDOCFLAGS="-D warnings" cargo doc --release --workspace --no-deps --quiet

test:
	@tools/setup.sh test
	$(MAKE) --no-print-directory lint
	cargo test --workspace --release --no-fail-fast

bench:
	cargo bench --workspace

gpu-check:
	@tools/gpu_check.sh check
	cargo build --release --package ferrodrive
	@tools/gpu_check.sh run
