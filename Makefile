# `make` lists the targets. Nothing but Go, git and make is needed,
# except where a target says so.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Pure Go throughout, so that everything is built once; only the race detector
# needs a C compiler.
export CGO_ENABLED := 0

GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.14.0
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.2.0

# The page is bundled as it is written: its diffs are to be read.
PAGE := collector/web/page
ESBUILD := github.com/evanw/esbuild/cmd/esbuild@v0.28.2
BUNDLE := go run $(ESBUILD) $(PAGE)/src/app.ts --bundle --format=esm --target=es2022 --charset=utf8 --log-level=warning \
	--banner:js='// Built by `make page` from src: change it there.'

# Where the race detector is worth its tenfold cost: code with goroutines. In
# detect only the hand-over from shards to engine has them.
RACE ?= ./collector/... ./cmd/...
FUZZTIME ?= 10m
FUZZ ?=
KILLS ?= 1000
ARGS ?=

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
IMAGE ?= weir:$(VERSION)
BUILDAH ?= buildah --storage-driver vfs

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## run the collector without a configuration file (ARGS="--config FILE")
	go run ./cmd/weir run $(ARGS)

.PHONY: demo
demo: ## run the collector beside a small simulated network
	go run ./cmd/weir demo $(ARGS)

.PHONY: test
test: ## run every test that can run here; install nothing; say what was skipped and why
	@go run ./cmd/internal/testsum ./...

.PHONY: test-all
test-all: packages ## install what the tests need (Debian, root), run everything, fail on a skip
	@WEIR_TEST_ALL=1 go run ./cmd/internal/testsum -fail-on-skip \
		-step 'lint=$(MAKE) --no-print-directory lint' \
		-step 'fuzz=$(MAKE) --no-print-directory fuzz FUZZTIME=10000x FUZZ=decoder' \
		-- -count=1 ./... -- CGO_ENABLED=1 -count=1 -race -short $(RACE) \
		-- CGO_ENABLED=1 -count=1 -race -short -run 'AtOnce' ./detect

.PHONY: packages
packages: # of Debian, that only the tests need
	@.ci/packages

.PHONY: bench
bench: ## run the benchmarks, then the comparison with other decoders
	go test -run '^$$' -bench . -benchmem ./...
	cd bench/compare && go run . $(ARGS)

.PHONY: scoreboard
scoreboard: ## measure detection on generated sFlow, then make lab; write bench/results (ARGS=-quick: only look)
	go run ./bench/scoreboard $(ARGS)
	@if [[ $$(id -u) -ne 0 ]]; then echo "make scoreboard: the lab needs root: run sudo make lab"; \
		elif [[ -z "$(ARGS)" ]]; then $(MAKE) --no-print-directory lab; fi

.PHONY: lab
lab: ## play every scenario on real nodes and score it, write bench/results (root, Debian; three quarters of an hour; ARGS=-short, -help)
	@.ci/packages
	go run ./bench/lab/play $(ARGS)

.PHONY: screenshots
screenshots: ## renew the pictures of the page in the README, from the demo (needs chromium)
	WEIR_SCREENSHOTS=$(CURDIR)/collector/web/testdata go test -count=1 -v -run TestDemoOnThePage ./cmd/weir

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (10m); FUZZ=decoder: only those below
	@.ci/fuzz $(FUZZTIME) $(FUZZ)

.PHONY: kills
kills: ## kill processes 1,000 times in each kind of write, and look at what they leave (KILLS=1000; half an hour)
	WEIR_KILLS=$(KILLS) go test -count=1 -v -timeout 4h -run '^TestKills$$' ./collector/store

.PHONY: lint
lint: ## check format, go vet, golangci-lint (its first build takes two minutes), then page-check
	@files=$$(git ls-files -co --exclude-standard '*.go' | xargs gofmt -l); \
		test -z "$$files" || { echo "not formatted, run gofmt -w:" $$files; exit 1; }
	go vet ./...
	go run $(GOLANGCI) run --allow-parallel-runners ./...
	@$(MAKE) --no-print-directory page-check

.PHONY: page
page: ## build the page from its TypeScript (esbuild by go run; no node)
	$(BUNDLE) --outfile=$(PAGE)/app.js

.PHONY: page-check
page-check: ## check the page's types, and that its build is that of its sources (Debian: node-typescript)
	@command -v tsc >/dev/null || { echo "make page-check: the types of the page are checked by tsc: apt-get install node-typescript"; exit 1; }
	tsc -p $(PAGE)
	@$(BUNDLE) | diff -u $(PAGE)/app.js - || { echo "$(PAGE)/app.js is not what its sources give: run make page"; exit 1; }

.PHONY: vuln
vuln: ## look for known vulnerabilities (asks the database at vuln.go.dev)
	go run $(GOVULNCHECK) ./...

.PHONY: dist
dist: ## build static binaries into dist/
	@mkdir -p dist/state # empty: the image's state directory
	@for c in weir weir-agent; do \
		test -d cmd/$$c || continue; \
		echo "building dist/$$c"; \
		go build -ldflags '-s -w -X main.version=$(VERSION)' -o dist/$$c ./cmd/$$c; \
	done

.PHONY: dist-packages
dist-packages: dist ## build .deb and .rpm with SBOM and checksums into dist/packages
	@VERSION='$(VERSION)' .ci/package

.PHONY: image
image: dist ## build the container image from dist/ (buildah, else docker)
	@if command -v buildah >/dev/null; then \
		$(BUILDAH) build --format docker --isolation chroot -t $(IMAGE) .; \
	elif command -v docker >/dev/null; then \
		docker build -t $(IMAGE) .; \
	else \
		echo "make image: needs buildah or docker: apt-get install buildah"; exit 1; \
	fi
