# Everything that a developer runs. `run` and `test` do all the set-up of a fresh machine first.
# Recipes use the pinned Node 26 of node_modules, whatever `node` the machine has.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# `npm` and `make` leave variables that change what children do; tests start children of their own.
unexport MAKEFLAGS MFLAGS NODE_OPTIONS

NODE = export PATH="$$(scripts/node-dir):$$PWD/node_modules/.bin:$$PATH";
# The programs that make file systems are root's, by name; none is run as root here.
IMAGE = $(NODE) PATH="$$PATH:/usr/sbin:/sbin" node
ISP ?= dnsmasq
BINARIES = build/binary/x86_64/manifest.json build/binary/arm64/manifest.json

.PHONY: help
help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-6s %s\n", $$1, $$2 }' Makefile

.PHONY: setup
setup: ## Install and build what is missing (done by run and test, too)
	@scripts/setup

.PHONY: run
run: setup build/gatehouse.cjs build/web/index.html ## Build the lab, start the router in it, show it at work [ISP=dnsmasq|kea|dual|v6-mapt]
	@scripts/run --isp $(ISP)

.PHONY: test
test: setup build/gatehouse.cjs build/web/index.html $(BINARIES) build/openwrt/x86_64/version ## Run all tests; the last line counts them [T='test/wire/*.test.ts' runs just those]
	@$(NODE) node scripts/test.ts $(T)

.PHONY: check
check: setup ## What must hold before the tests: types, lint, rooms, dead exports
	@$(NODE) tsc -p . && tsc -p scripts/tsconfig.wire.json && tsc -p scripts/tsconfig.web.json
	@$(NODE) biome check --error-on-warnings
	@$(NODE) node scripts/check-rules.ts
	@$(NODE) knip --no-progress

.PHONY: bench
bench: setup build/gatehouse.cjs ## One line for each comparison with a peer [BENCH=name]
	@$(NODE) node test/bench/run.ts $(BENCH)

.PHONY: fuzz
fuzz: setup ## A million inputs for every codec [TARGET=name] [RUNS=n] [SEED=n]
	@$(NODE) node test/fuzz/run.ts --runs $(or $(RUNS),1000000) $(if $(SEED),--seed $(SEED)) $(TARGET)

.PHONY: build
build: setup build/gatehouse.cjs build/web/index.html ## Bundle the daemon into build/gatehouse.cjs, build the page into build/web

build/gatehouse.cjs: $(shell find src -name '*.ts' -not -path 'src/web/*') scripts/bundle.ts scripts/node-flags package-lock.json
	@$(NODE) node scripts/bundle.ts $@

# The executable of each kind of machine; `binary` makes it anew, since the commit is in it.
.PHONY: binary
binary: setup build/web/index.html ## Build the single executable and what lies beside it [ARCH=x86_64|arm64]
	@$(NODE) node scripts/build-binary.ts $(or $(ARCH),x86_64)

.PHONY: openwrt
openwrt: setup ## Build the packages for OpenWrt [ARCH=x86_64|arm64] [OPENWRT_ARCH=name, such as aarch64_cortex-a72]
	@$(MAKE) --no-print-directory binary ARCH=$(or $(ARCH),x86_64)
	@$(NODE) node scripts/build-openwrt.ts $(or $(ARCH),x86_64) $(OPENWRT_ARCH)

build/openwrt/x86_64/version: build/binary/x86_64/manifest.json $(shell find openwrt -type f) $(wildcard scripts/openwrt/*) scripts/build-openwrt.ts
	@$(NODE) node scripts/build-openwrt.ts x86_64 >&2

$(BINARIES): build/binary/%/manifest.json: build/gatehouse.cjs build/web/index.html $(wildcard native/* native/*/* scripts/binary/*) scripts/build-binary.ts scripts/build-native src/main/executable.ts
	@$(NODE) node scripts/build-binary.ts $*

build/web/index.html: $(shell find src/web -type f) scripts/build-web.ts scripts/vite.config.ts package-lock.json
	@$(NODE) node scripts/build-web.ts >&2

.PHONY: image
image: setup ## Build the bootable image [ARCH=arm64|x86_64]; no root rights are needed
	@$(MAKE) build/binary/$(or $(ARCH),arm64)/manifest.json
	@$(IMAGE) scripts/image/build.ts $(or $(ARCH),arm64)

.PHONY: image-run
image-run: ## Boot the image in QEMU: serial console here, the page at https://127.0.0.1:8443 [ARCH=arm64|x86_64]
	@$(IMAGE) scripts/image/run.ts $(or $(ARCH),arm64)

.PHONY: image-lock
image-lock: setup ## Take the newest Debian packages into the image's lock list [ARCH=arm64|x86_64]
	@$(IMAGE) scripts/image/lock.ts $(or $(ARCH),arm64)

.PHONY: test-image
test-image: setup ## Boot the images in QEMU and try them [ARCH=arm64|x86_64 for one of them]
	@scripts/image/can-build || exit 0; for arch in $(or $(ARCH),x86_64 arm64); do $(MAKE) image ARCH=$$arch; done; \
	$(NODE) GATEHOUSE_IMAGES_LONG=1 GATEHOUSE_IMAGES="$(or $(ARCH),x86_64 arm64)" node scripts/test.ts 'test/e2e/image*.test.ts'

.PHONY: clean
clean: ## Remove what was built (node_modules stays)
	rm -rf build .tap
