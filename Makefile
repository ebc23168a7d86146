# Everything there is to do here, as targets; `make` lists them. CI runs nothing
# but these (see .ci/run). All of it stays below this folder, in ./.cache and
# ./bin, and in Go's own caches.

MAKEFLAGS += --no-print-directory
SHELL     := /bin/bash
.SHELLFLAGS := -euo pipefail -c

tools   := .cache/bin
modules := . e2e $(wildcard e2e/components/*/) hack/tools hack/tools/controller-gen
# grpcnotrace: with gRPC's pages of traces, which nobody serves, come templates, and with
# those a third of the program that nobody calls. docs/decisions/0042 tells why.
tags    := grpcnotrace
version := $(shell git describe --tags --always --dirty 2>/dev/null)

# Packages that are tested without the race detector, see test-unit.
unraced := /(api|certs|webhook/(stash|spread|sidecar|mutate)|provider/(translate|capacity|portability)|cmd/spillway)$$

# Options, all of them NAME=value behind `make TARGET`.
ONCE        ?=
RUN         ?=
ONLY        ?=
FUZZTIME    ?= 30s
LAW_PODS    ?= 100000
BENCH_SHORT ?=
PROVIDER_PODS ?= 1000,5000
DURATION    ?= 5m
PODS        ?= 5000
MINUTES     ?= 10
EVERY       ?= 1m
CHAOS_SHORT ?=
CHAOS_ROUNDS ?= 20
CHAOS_SEED  ?= 0
CHAOS_ONLY  ?=
BEAT        ?= 6s
SKEW        ?=
IMAGE       ?= spillway
PLATFORMS   ?= linux/$(shell go env GOARCH)

export GOLANGCI_LINT_CACHE := $(CURDIR)/.cache/golangci-lint

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##### Use it

.PHONY: build
build: ## Build bin/spillway, and kubectl's plugin bin/kubectl-spillway, a link to it
	CGO_ENABLED=0 go build -trimpath -tags $(tags) -ldflags '-X main.version=$(version)' -o bin/spillway ./cmd/spillway
	ln -sf spillway bin/kubectl-spillway

# -buildvcs and -w: the image tells of which commit it is, and leaves out what only
# debuggers read.
.PHONY: image
image: ## An image as an archive in bin/, and its SBOM, without an engine; IMAGE=name PLATFORMS=linux/amd64,linux/arm64
	@for platform in $$(tr ',' ' ' <<<'$(PLATFORMS)'); do \
		CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/} go build -buildvcs=auto -trimpath -tags $(tags) \
			-ldflags '-w -X main.version=$(version)' -o bin/$$platform/spillway ./cmd/spillway; \
	done
	@mkdir -p $(tools) && cd e2e && go build -o ../$(tools)/image ./cmd/image
	@$(tools)/image -name '$(IMAGE)' -version '$(version)' -out bin \
		$$(for platform in $$(tr ',' ' ' <<<'$(PLATFORMS)'); do echo bin/$$platform/spillway; done)

# exec, and not `go run`, which would answer Ctrl-C with an error of its own.
.PHONY: demo
demo: ## Run pods through a virtual node, on two real control planes; ONCE=1 ends by itself
	@mkdir -p $(tools) && cd e2e && go build -o ../$(tools)/demo ./cmd/demo && exec ../$(tools)/demo $(if $(ONCE),-once)

##### Check it

.PHONY: test
test: ## All tests: unit, goldens, random laws, and stories on real control planes
	$(MAKE) test-unit
	$(MAKE) playground
	$(MAKE) test-laws
	$(MAKE) e2e

# The core has no goroutines, by rule (hack/golangci.yml), so there is nothing for
# the race detector to find; and the command's scripts start it a hundred times,
# which takes half a second each with it. GORACE: each package's tests would sleep
# for a second when they are done.
.PHONY: test-unit
test-unit: c-compiler
	GORACE=atexit_sleep_ms=1 go test -race -shuffle=on $$(go list ./... | grep -vE '$(unraced)')
	go test -shuffle=on $$(go list ./... | grep -E '$(unraced)')

# Without the race detector, which makes it six times slower: the run above has
# it, on 1,000 pods. -v prints the seed. GOGC: a third of the time goes otherwise
# into collecting pods that were just thrown.
.PHONY: test-laws
test-laws:
	@echo "The laws over $(LAW_PODS) pods, a minute or two."
	GOGC=400 SPILLWAY_LAW_PODS=$(LAW_PODS) go test -count=1 -timeout 30m -v -run '^TestLaws' ./webhook

# Apart from the tests, so that a first build, which takes minutes, is seen.
.PHONY: playground
playground:
	cd e2e && go build ./... && go run ./cmd/build

# API servers log what Spillway's processes ask of them, and in the end their roles are
# held against that. The stories come by themselves: they are many at a time, and some
# say how soon something has to be so, which a machine that is busy with other tests
# cannot keep. Pages come by themselves, too: with more clusters beside theirs,
# processes would need more inotify instances than Linux gives a user, 128, of which a
# cluster takes ten.
audited = cd e2e && SPILLWAY_AUDIT=$(CURDIR)/.cache/audit go test -count=1 -timeout 30m $(if $(RUN),-v -run '$(RUN)')
.PHONY: e2e
e2e: ## Stories on real control planes only, and roles exactly as wide as they need; RUN=regexp chooses, and tells more
	@rm -rf .cache/left-out .cache/audit
	$(audited) ./stories
	$(audited) $$(go list ./... | grep -vE '/(stories|docs)$$')
	$(audited) ./docs
	@hack/left-out
	@cd e2e && go run ./cmd/access $(if $(RUN),-partial) ../.cache/audit

# Root only, and hours: no part of make test. exec, for the sake of Ctrl-C.
.PHONY: conformance
conformance: ## Kubernetes' own tests of a node, on a kubelet and on a virtual node; RUN=regexp, ONLY=kubelet or virtual-node
	@mkdir -p $(tools) && cd e2e && go build -o ../$(tools)/conformance ./cmd/conformance && \
		exec ../$(tools)/conformance -run '$(RUN)' -only '$(ONLY)'

# A command and no test, so that make test leaves nothing out. exec, for the sake of Ctrl-C.
.PHONY: chaos
chaos: ## Break everything while pods come and go; CHAOS_SHORT=1 is one round, CHAOS_SEED=n repeats, CHAOS_ROUNDS=20, CHAOS_ONLY=text
	@mkdir -p $(tools) && cd e2e && go build -o ../$(tools)/chaos ./cmd/chaos && \
		exec ../$(tools)/chaos $(if $(CHAOS_SHORT),-short) -rounds=$(CHAOS_ROUNDS) -seed=$(CHAOS_SEED) -only='$(CHAOS_ONLY)'

# Two times all stories, and a second Kubernetes to build: no part of make test.
.PHONY: skew
skew: ## The stories between Kubernetes v1.35.4 and v1.37.0, both ways; SKEW=up or down is the older one's side, RUN=regexp
	@mkdir -p $(tools) && cd e2e && go build -o ../$(tools)/skew ./cmd/skew && exec ../$(tools)/skew -only='$(SKEW)' -run='$(RUN)'

# Twice as long as it says: in mode self, and with files swapped underneath.
.PHONY: renewals
renewals: playground ## Renew certificates EVERY=1m for MINUTES=10, under 50 admissions a second; fails on the first that fails
	cd e2e && SPILLWAY_RENEWALS_FOR=$(MINUTES)m SPILLWAY_RENEWALS_EVERY=$(EVERY) \
		go test -count=1 -timeout 0 -v -run '^TestRenewals$$' ./stories

.PHONY: scale
scale: ## What PODS=5000 pods on one virtual node cost: writes, memory, restarts; fails on counts
	@mkdir -p $(tools) && cd e2e && go build -o ../$(tools)/scale ./cmd/scale && exec ../$(tools)/scale -pods $(PODS)

# A run of minutes whose pictures are never the same: no part of make verify.
# Times are printed and fail nothing: they are as much the machine's.
.PHONY: explained
explained: ## How long spillway explain takes among PODS=5000 pods of one Deployment
	@mkdir -p $(tools) && cd e2e && go build -o ../$(tools)/explained ./cmd/explained && exec ../$(tools)/explained -pods $(PODS)

.PHONY: dashboard
dashboard: ## Play a short day before a Prometheus (apt), and draw the dashboard's panels into docs/pictures; BEAT=6s
	@mkdir -p $(tools) && cd e2e && go build -o ../$(tools)/dashboard ./cmd/dashboard && cd .. && exec $(tools)/dashboard -beat=$(BEAT)

.PHONY: lint
lint: $(tools)/golangci-lint ## Judge the code by hack/golangci.yml, and prove that its rules bite
	@! git grep -nE 'BEGIN [A-Z ]*PRIVATE KEY[-]{5}' || { echo "There is a private key in the tree." >&2; exit 1; }
	hack/lint-selftest/run $(tools)/golangci-lint
	$(tools)/golangci-lint run -c hack/golangci.yml ./...
	cd e2e && ../$(tools)/golangci-lint run -c ../hack/golangci.yml ./...

.PHONY: fuzz
fuzz: ## Run every fuzz target, FUZZTIME=30s each
	hack/fuzz $(FUZZTIME)

# Every suite prints its tables and RATIO lines, and keeps a report for make performance.
measured = .cache/measured$(if $(BENCH_SHORT),-short)
.PHONY: bench
bench: playground ## The performance suite, with a RATIO line for each limit; BENCH_SHORT=1 takes minutes rather than an hour
	@mkdir -p $(measured)
	go test -run '^$$' -bench . -benchmem $(if $(BENCH_SHORT),-benchtime 5x) ./webhook/... ./provider/capacity | tee $(measured)/benchmarks.txt
	cd e2e && go run ./cmd/admission $(if $(BENCH_SHORT),-short) -json ../$(measured)/admission.json
	cd e2e && go run ./cmd/creates $(if $(BENCH_SHORT),-short) -json ../$(measured)/creates.json
	cd e2e && go run ./cmd/bench $(if $(BENCH_SHORT),-short,-pods=$(PROVIDER_PODS)) -json ../$(measured)/provider.json
	cd e2e && go run ./cmd/growth $(if $(BENCH_SHORT),-short) -json ../$(measured)/growth.json

# Nothing else should happen on the machine meanwhile. The soak's report is taken along if
# there is one.
.PHONY: performance
performance: ## Write docs/performance.md and its pictures from what make bench, and make soak, have measured
	cd e2e && go run ./cmd/performance -out ../docs ../$(measured)/*.json

.PHONY: bench-check
bench-check: playground ## Short measurements of CPU, held against hack/perf-limits
	@mkdir -p .cache/measured-check
	cd e2e && go run ./cmd/admission -short -json ../.cache/measured-check/admission.json
	cd e2e && go run ./cmd/bench -short -json ../.cache/measured-check/provider.json
	cd e2e && go run ./cmd/ratios -bounds ../hack/perf-limits ../.cache/measured-check/*.json

# exec, for the sake of Ctrl-C.
.PHONY: soak
soak: playground ## Create and delete 20 pods a second for DURATION=5m; fails if goroutines, memory or connections grow
	@mkdir -p $(tools) $(measured) && cd e2e && go build -o ../$(tools)/soak ./cmd/soak && cd .. && \
		exec $(tools)/soak -duration=$(DURATION) -json=$(measured)/soak.json

.PHONY: cover
cover: ## Coverage of the tests of the main module, in coverage.html
	go test -coverpkg=./... -coverprofile=coverage.out ./...
	go tool cover -html=coverage.out -o coverage.html
	@go tool cover -func=coverage.out | tail -n 1

.PHONY: vuln
vuln: $(tools)/govulncheck ## Look for known vulnerabilities in what the code calls (needs the network)
	hack/vuln $(tools)/govulncheck

.PHONY: verify
verify: ## Everything a change must pass; fails if it leaves a diff
	$(MAKE) tidy
	$(MAKE) fmt
	$(MAKE) generate
	$(MAKE) golden
	hack/clean-tree
	$(MAKE) lint
	$(MAKE) test
	hack/clean-tree

##### Change it

.PHONY: generate
generate: $(tools)/controller-gen ## Write the chart's CRDs anew from hack/crds
	hack/generate $(tools)/controller-gen

.PHONY: fmt
fmt: $(tools)/golangci-lint ## Format the code
	$(tools)/golangci-lint fmt -c hack/golangci.yml ./...
	cd e2e && ../$(tools)/golangci-lint fmt -c ../hack/golangci.yml ./...

.PHONY: golden
golden: ## Rewrite the golden files and docs/reference; then read their diff
	grep -rl --include='*_test.go' 'flag.Bool("update"' webhook provider cmd | \
		xargs -n 1 dirname | sort -u | sed 's|^|./|' | xargs -r -I PKG go test -count=1 PKG -update
	cd e2e && go test -count=1 -run '^TestGolden$$' ./chart -update

.PHONY: tidy
tidy: ## go mod tidy in every module
	@for module in $(modules); do (cd $$module && go mod tidy) || exit; done

.PHONY: clean
clean: ## Remove everything that was built here, also the playground's Kubernetes
	rm -rf bin .cache coverage.out coverage.html

##### Tools, built once from the module hack/tools, or from their own below it

$(tools)/%: hack/tools/go.mod hack/tools/go.sum
	@echo "Building $*. The first time takes minutes: golangci-lint is about nine of one processor."
	@mkdir -p $(tools)
	@cd hack/tools && time go build -o ../../$@.partial "$$(go list tool | grep '/$*$$')"
	@mv $@.partial $@

# Its own module: the versions that it and golangci-lint ask for do not go together.
$(tools)/controller-gen: hack/tools/controller-gen/go.mod hack/tools/controller-gen/go.sum
	@echo "Building controller-gen. The first time takes about half a minute."
	@mkdir -p $(tools)
	@cd hack/tools/controller-gen && go build -o ../../../$@.partial sigs.k8s.io/controller-tools/cmd/controller-gen
	@mv $@.partial $@

.PHONY: c-compiler
c-compiler:
	@command -v "$$(go env CC)" >/dev/null || \
		{ echo "The race detector needs a C compiler: apt-get install gcc" >&2; exit 1; }
