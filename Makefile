# The few commands of this project. A fresh checkout needs make, a C compiler, Rust and, for the embedding
# library, Python 3 with pip, for the tests Node with npm besides (installed by apt-get when root).

CARGO ?= cargo
CONFIG ?=
ARGS ?=
VENV := target/.venv
SDK_REQUIREMENTS := tests/sdk/requirements.txt

# ONNX Runtime's official builds report to their vendor unless this is set before they are loaded.
export ORT_DISABLE_TELEMETRY := 1

.PHONY: help setup build run test bench loadtest check format rust sdk-venv clean

help:
	@echo "make run [CONFIG=file.toml]  set up, build and start the gateway (demo settings without CONFIG)"
	@echo "make test                    all tests"
	@echo "make check                   formatting, lints, documentation"
	@echo "make setup                   fetch ONNX Runtime, verify the model files"
	@echo "make bench                   criterion benchmarks"
	@echo "make loadtest [ARGS=--quick] Ringgate beside nginx (loadtest/README.md)"

rust:
	@command -v $(CARGO) >/dev/null 2>&1 || { \
		echo "cargo was not found: install Rust 1.92 or newer (the rustup installer; Debian's own package is too old)" >&2; \
		exit 1; }
	@$(CARGO) --version | awk '{ split($$2, v, "."); exit !(v[1] > 1 || v[2] >= 92) }' || { \
		echo "$$($(CARGO) --version) is too old: Rust 1.92 or newer is needed (rustup update)" >&2; \
		exit 1; }

setup:
	@cd models && sha256sum --check --quiet SHA256SUMS
	@models/fetch_onnxruntime.sh

build: rust
	$(CARGO) build --release

# Without the library the gateway still serves everything but semantic hits, so a failed set-up is no reason to stop.
run: rust
	@$(MAKE) --no-print-directory setup || echo "going on without the embedder: no semantic cache hits" >&2
	@$(MAKE) --no-print-directory build
	exec target/release/ringgate serve $(if $(CONFIG),--config "$(CONFIG)")

# The SDKs and frameworks that the tests drive live in their own environment, every package pinned by hash.
sdk-venv:
	@if [ -f $(SDK_REQUIREMENTS) ]; then $(MAKE) --no-print-directory $(VENV)/installed $(VENV)/node/installed; fi

$(VENV)/installed: $(wildcard tests/sdk/requirements*.txt)
	@models/install_python.sh
	python3 -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(SDK_REQUIREMENTS)
	for folder in openai-1 openai-2 frameworks; do \
		$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --upgrade \
			--target $(VENV)/$$folder -r tests/sdk/requirements-$$folder.txt || exit 1; \
	done
	@touch $@

# Node finds packages beside the file that imports them: tests/sdk/foreign.py brings the two together.
$(VENV)/node/installed: tests/sdk/node/package.json tests/sdk/node/package-lock.json
	@tests/sdk/install_node.sh
	mkdir -p $(VENV)/node
	cp $^ $(VENV)/node
	cd $(VENV)/node && npm ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

test: rust setup sdk-venv
	$(if $(wildcard $(SDK_REQUIREMENTS)),RINGGATE_SDK_PYTHON="$(CURDIR)/$(VENV)/bin/python") $(CARGO) test --no-fail-fast

bench: rust setup
	$(CARGO) bench

loadtest: rust setup
	python3 loadtest/compare.py $(ARGS)

check: rust
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps

format: rust
	$(CARGO) fmt

clean:
	$(CARGO) clean
