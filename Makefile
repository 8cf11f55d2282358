# Every task of the project; `make` alone builds bin/mtplx. Tools are built from pinned versions into bin/,
# so a machine needs only Go; a kernel generator that compiles C also needs Debian's clang-19.

GO         ?= go
CLANG      ?= clang-19
FUZZTIME   ?= 10s
STEPS      ?= 100000
BENCH      ?= .
BENCHCOUNT ?= 6
PLATFORMS  ?= linux/amd64 linux/arm64 darwin/arm64

GOLANGCI_LINT_VERSION := v2.15.0
GOFUMPT_VERSION       := v0.12.0
BENCHSTAT_VERSION     := v0.0.0-20260908200009-22c9c6c9d4da
NFPM_VERSION          := v2.48.0

# Packages (paths below the module) that `make race` leaves out, each with its reason beside it. Plain Go runs
# 5 to 20 times slower under the detector, and it does not see into assembly.
#   kernels/ref      the oracle is plain Go without a goroutine; for the same reason it is compiled without the detector
#   kernels/conform  its own test runs the suite on the oracle; the tests of devices run it under the detector
#   the others       no goroutine, lock or atomic in their files; what they call has tests of its own
RACE_EXCLUDE := kernels/conform kernels/ref \
  api/output bench/forward bench/kernelbench bench/selftest bench/suites bench/synthetic cmd/internal/disktest cmd/internal/naming \
  cmd/mtplx/config cmd/mtplx/connect cmd/mtplx/env cmd/mtplx/help cmd/mtplx/machine cmd/mtplx/man cmd/mtplx/markdown \
  cmd/mtplx/models cmd/mtplx/nearest cmd/mtplx/profiles cmd/mtplx/redact cmd/mtplx/setup cmd/mtplx/sheet \
  cmd/mtplx/version cmd/release kernels kernels/cpu/gen kernels/gpu/mutate model/arrays model/corrector model/demo \
  model/inspect model/qwen/golden stages/accept stages/correction stages/depth stages/draft stages/drift \
  stages/lookup stages/rerank stages/sample

BIN           := $(CURDIR)/bin
GOLANGCI_LINT := $(BIN)/golangci-lint-$(GOLANGCI_LINT_VERSION)
GOFUMPT       := $(BIN)/gofumpt-$(GOFUMPT_VERSION)
BENCHSTAT     := $(BIN)/benchstat-$(BENCHSTAT_VERSION)
NFPM          := $(BIN)/nfpm-$(NFPM_VERSION)
# What a build is called: VERSION, the file VERSION or git's nearest tag, as a release is; outside of a repository what Go knows.
IDENTIFY      := $(GO) run ./cmd/release --identify $(if $(VERSION),--version $(VERSION))
BUILD         := $(GO) build -trimpath -ldflags "-s -w -X mtplx/cmd/mtplx/command.linked=$$version"
OUT           := outputs

export CGO_ENABLED := 0
export CLANG

# A recipe is one bash script that stops at its first failure.
SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:

.DEFAULT_GOAL := build
.PHONY: build test long race vet lint fmt fuzz bench bench-diff generate check-generate cross release tools clean help

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' Makefile | sort | awk -F'\t' '{ printf "%-16s %s\n", $$1, $$2 }'

build: ## bin/mtplx for this machine
	@version=$$($(IDENTIFY) 2>/dev/null) || version=
	$(BUILD) -o bin/mtplx ./cmd/mtplx

test: ## all tests, within 8 minutes on 2 cores
	$(GO) test -timeout 8m ./...

# What takes too long for every change: ten times the random histories and more, texts of all prompts, and the
# GPU suite with every case on the emulator.
long: ## tests of some hours: many steps and sessions, all prompts, the whole GPU suite
	MTPLX_STEPS=$(STEPS) MTPLX_SESSIONS=$(STEPS) $(GO) test -timeout 6h -run 'RandomHistories|ShortSessions|StaysFlat' ./sched ./cmd/mtplx
	MTPLX_LONG_TESTS=1 $(GO) test -timeout 2h ./cmd/mtplx/runtime ./kernels/ref
	MTPLX_GPU_FULL=1 $(GO) test -timeout 6h ./kernels/gpu/emulator ./kernels/metal

# Tests under the race detector, the one thing here that needs cgo (and so a C compiler), in small doses: -short keeps
# what has goroutines to watch. `make vet` vets. A program waits a second for races as it ends, unless told otherwise, and
# the tests start some two hundred.
race: ## short tests under the race detector (needs a C compiler)
	@export GORACE="atexit_sleep_ms=50 $${GORACE:-}"
	pkgs=$$($(GO) list ./... | grep -vxF -e '' $(RACE_EXCLUDE:%=-e mtplx/%))
	CGO_ENABLED=1 $(GO) test -race -vet=off -gcflags=mtplx/kernels/ref=-race=false -short -timeout 20m $(TESTFLAGS) $$pkgs

# Every platform's view: it type-checks the NEON and Metal code that no machine here runs.
vet: ## vet as linux/amd64, linux/arm64 and darwin/arm64
	$(GO) vet ./...
	GOARCH=arm64 $(GO) vet ./...
	GOOS=darwin GOARCH=arm64 $(GO) vet ./...

lint: $(GOLANGCI_LINT) ## golangci-lint with .golangci.yml
	$(GOLANGCI_LINT) run ./...

fmt: $(GOFUMPT) ## gofumpt on every Go file
	$(GOFUMPT) -w .

# Every fuzz target for FUZZTIME, found by its text so that a new one cannot be forgotten. A package is compiled once for
# all its targets, and as many run beside each other, with a worker each, as there are processors.
#
# The end of -fuzztime may fall on a busy worker; the test then reports "context deadline exceeded" and
# no failing input. That is no finding, and such a run is repeated once.
fuzz: ## every fuzz target for FUZZTIME
	@targets=$$(grep -rEo --include='*_test.go' --exclude-dir=testdata '^func Fuzz[A-Za-z0-9_]+' . | sort)
	[ -n "$$targets" ] || { echo "no fuzz target found"; exit 1; }
	work=$$(mktemp -d); trap 'rm -rf "$$work"' EXIT
	corpus=$$($(GO) env GOCACHE)/fuzz/$$($(GO) list -m)
	one() { # PACKAGE TARGET
	  local pkg=$$1 target=$$2 binary=$$work/of$${1//\//_} code out
	  for attempt in 1 2; do
	    code=0
	    out=$$(cat "$$binary.txt"; cd "$$pkg"; "$$binary" -test.run '^$$' -test.fuzz "^$$target$$" -test.fuzztime $(FUZZTIME) \
	      -test.fuzzcachedir "$$corpus/$$pkg" -test.parallel 1 2>&1 </dev/null) || code=$$?
	    if [ $$code = 0 ] || grep -q 'Failing input written' <<<"$$out" ||
	      ! grep -q 'context deadline exceeded' <<<"$$out"; then break; fi
	  done
	  if grep -q 'no fuzz tests to fuzz' <<<"$$out"; then code=1; fi # hidden by a build constraint
	  if [ $$code = 0 ]; then echo "ok    $$pkg $$target"; return; fi
	  printf 'FAIL  %s %s\n%s\n' "$$pkg" "$$target" "$$out" >"$$binary.$$target.failed"
	}
	export work corpus; export -f one
	while IFS=: read -r file target; do
	  pkg=$$(dirname "$$file"); binary=$$work/of$${pkg//\//_}
	  [ -e "$$binary.txt" ] || $(GO) test -vet=off -c -fuzz . -o "$$binary" "$$pkg" >"$$binary.txt" 2>&1 </dev/null || true
	  echo "$$pkg $${target#func }"
	done <<<"$$targets" | xargs -n 2 -P "$$(getconf _NPROCESSORS_ONLN)" bash -c 'one "$$@"' one
	if compgen -G "$$work/*.failed" >/dev/null; then cat "$$work"/*.failed; exit 1; fi

# Go benchmarks in benchstat's format; `make bench-diff BASE=file` compares with an earlier run.
bench: ## Go benchmarks into outputs/bench.txt
	@mkdir -p $(OUT)
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count $(BENCHCOUNT) -timeout 60m ./... | tee $(OUT)/bench.txt

bench-diff: $(BENCHSTAT) ## compare BASE=file with outputs/bench.txt
	@[ -n "$(BASE)" ] || { echo "usage: make bench-diff BASE=earlier-bench.txt"; exit 2; }
	$(BENCHSTAT) "$(BASE)" $(OUT)/bench.txt

# Kernel assembly from its generators, by the //go:generate lines under kernels.
generate: ## kernel assembly from its generators
	@grep -rqs --include='*.go' '^//go:generate' kernels ||
	  { echo "no file under kernels has a //go:generate line: the generators would rot unseen"; exit 1; }
	if grep -rqs --include='*.go' 'clang' kernels; then
	  command -v $(CLANG) >/dev/null || { echo "$(CLANG) not found: apt-get install clang-19, or set CLANG"; exit 1; }
	fi
	$(GO) generate ./kernels/...

# Are the committed generated files what the generator writes today? It runs in a copy, in which every
# generated file first gets one more line: a file that the generator no longer writes keeps that line and shows.
check-generate: ## are the committed generated files current?
	@copy=$$(mktemp -d); trap 'rm -rf "$$copy"' EXIT
	git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' f; do
	  if [ -e "$$f" ]; then printf '%s\0' "$$f"; fi
	done | tar --null -T - -cf - | tar -xf - -C "$$copy"
	cd "$$copy"; git init -q; git add -A
	{ grep -rlsE --include='*.go' --include='*.s' '^// Code generated .* DO NOT EDIT\.$$' kernels || true; } |
	  while IFS= read -r f; do echo '// not written by the generator' >>"$$f"; done
	GOFLAGS="-trimpath -buildvcs=false" $(MAKE) --no-print-directory generate
	git diff --stat --exit-code && [ -z "$$(git ls-files --others --exclude-standard)" ] || {
	  git diff | head -100; git ls-files --others --exclude-standard
	  echo "generated files are not up to date: run make generate and commit the result"; exit 1
	}
	echo "generated files are up to date"

cross: ## all platforms into dist/
	@version=$$($(IDENTIFY) 2>/dev/null) || version=
	for p in $(PLATFORMS); do
	  echo "build $$p"
	  GOOS=$${p%/*} GOARCH=$${p#*/} $(BUILD) -o dist/mtplx-$${p%/*}-$${p#*/} ./cmd/mtplx
	done

# What a version is given out as. VERSION goes before the file VERSION and git's tags; RELEASE_URL is where the files
# will be found. The packager is a program of its own, so that its many modules stay out of go.mod.
release: $(NFPM) ## archives, packages, bills of materials and recipes into dist/release
	$(GO) run ./cmd/release --nfpm $(NFPM) $(if $(VERSION),--version $(VERSION)) $(if $(RELEASE_URL),--url $(RELEASE_URL))

tools: $(GOLANGCI_LINT) $(GOFUMPT) $(BENCHSTAT) ## install the pinned tools into bin/

# The version is in the file name, so that raising it builds the new one.
$(GOLANGCI_LINT):
	$(call install,github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION))
$(GOFUMPT):
	$(call install,mvdan.cc/gofumpt@$(GOFUMPT_VERSION))
$(BENCHSTAT):
	$(call install,golang.org/x/perf/cmd/benchstat@$(BENCHSTAT_VERSION))
$(NFPM):
	$(call install,github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM_VERSION))

define install
@echo "install $1"; new=$$(mktemp -d); trap 'rm -rf "$$new"' EXIT
GOBIN="$$new" $(GO) install $1
mkdir -p $(BIN); mv "$$new"/* $@
endef

clean: ## remove bin, dist and outputs
	rm -rf bin dist $(OUT)
