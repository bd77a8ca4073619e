.DELETE_ON_ERROR:
.SUFFIXES:

export CGO_ENABLED = 0
# What the scripts of the benchmarks read, as make's variables or the environment's.
export BASE BENCH COUNT PKGS BENCHTIME LONG OUT THREADS CORE ROUNDS ROWS PEER TORCH_ENV SECONDS_EACH DETAIL RAW SAVE COMMIT
# Patterns as they were given: a $ at an end is make's own sign.
override BENCH := $(value BENCH)
override ROWS := $(value ROWS)
GO ?= go

.PHONY: all run test fmt vet static imports generate generate-check fuzz race amx-emulated amx-guest bench bench-peers bench-history bench-chart golden build lethe clean

all: fmt vet static imports generate-check test ## what has to be green before a commit

run: lethe ## the main job on the built-in world; prints the path of its report
	./lethe run

lethe build: ## one static binary
	$(GO) build -trimpath -o lethe ./harness

test: ## every package, then kernels and autodiff once per ISA, then without assembly
	$(GO) test ./...
	@set -e; isas=$$($(GO) run ./harness isa); test -n "$$isas"; for isa in $$isas; do \
		echo "KERNELS_ISA=$$isa $(GO) test -count=1 ./kernels/... ./autodiff/... ./layers/..."; \
		KERNELS_ISA=$$isa $(GO) test -count=1 ./kernels/... ./autodiff/... ./layers/...; \
	done
	$(GO) test -count=1 -tags purego ./kernels/... ./autodiff/...
	$(GO) test -run '^$$' -bench . -benchtime 1x -short ./kernels ./layers/...

fmt: ## fails when a file is not formatted
	@out=$$(gofmt -l .); if [ -n "$$out" ]; then echo "not formatted: $$out"; exit 1; fi

vet: ## amd64, amd64 without assembly, arm64
	$(GO) vet ./...
	$(GO) vet -tags purego ./...
	GOARCH=arm64 $(GO) vet ./...

static: ## staticcheck
	$(GO) tool staticcheck ./...

imports: ## fails when an import breaks the direction
	$(GO) test -count=1 -run ImportDirection ./harness

golden: ## models and losses against stored tensors of PyTorch
	$(GO) test -count=1 ./harness/reference ./layers/mae ./autodiff/optim

generate: ## rewrites every z file
	$(GO) run ./asmgen -out kernels/internal

generate-check: ## fails when a z file is not what asmgen writes
	$(GO) run ./asmgen -out kernels/internal -check

fuzz: ## each fuzz target for a fixed count
	$(GO) test -run '^$$' -fuzz '^FuzzGemm$$' -fuzztime 3000x -fuzzminimizetime 1x ./kernels
	$(GO) test -run '^$$' -fuzz '^FuzzConv2D$$' -fuzztime 2000x -fuzzminimizetime 1x ./kernels
	$(GO) test -run '^$$' -fuzz '^FuzzSafetensors$$' -fuzztime 20000x -fuzzminimizetime 1x ./harness/checkpoint
	$(GO) test -run '^$$' -fuzz '^FuzzPickle$$' -fuzztime 20000x -fuzzminimizetime 1x ./harness/checkpoint
	$(GO) test -run '^$$' -fuzz '^FuzzDecode$$' -fuzztime 5000x -fuzzminimizetime 1x ./harness/data
	$(GO) test -run '^$$' -fuzz '^FuzzNPY$$' -fuzztime 20000x -fuzzminimizetime 1x ./harness/npz

race: ## the race detector needs a C compiler; it cannot see assembly, so purego
	@if command -v gcc >/dev/null; then CGO_ENABLED=1 $(GO) test -race -tags purego ./kernels ./autodiff/... ./harness/...; \
	else echo "race: SKIPPED, no C compiler"; fi

TILES = OnTiles|TilePanels|TileImage|TapProducts|TileStorm|GemmSplit|ISAIs

amx-emulated: ## the products on tiles, their instructions carried out by a tracer, where the processor has AVX-512 with BF16 and no tiles
	@set -e; isas=$$($(GO) run ./harness isa); \
	if echo "$$isas" | grep -qw amx; then echo "amx-emulated: SKIPPED, the processor has tiles: make test runs on them"; exit 0; fi; \
	if ! echo "$$isas" | grep -qw avx512bf16; then echo "amx-emulated: SKIPPED, the processor has no AVX-512 with BF16, which packs what the tiles multiply"; exit 0; fi; \
	emu=$$(mktemp -d); trap 'rm -rf "$$emu"' EXIT; $(GO) build -o "$$emu/tileemu" ./kernels/kerneltest/tileemu; \
	if ! "$$emu/tileemu" true; then echo "amx-emulated: SKIPPED, programs cannot be traced here"; exit 0; fi; \
	KERNELS_ISA=amx $(GO) test -count=1 -short -tags amxemu -exec "$$emu/tileemu -least 100000" -run '$(TILES)' ./kernels

amx-guest: ## tests of the kernels in a Linux guest with AVX-512 and AMX that Bochs emulates; ISA, RUN, ARGS, PEER, ...: see the script
	@kernels/kerneltest/guest/guest.sh

bench: ## the working tree against a commit, in turn, and benchstat's verdict; BASE, BENCH, COUNT, PKGS, THREADS, ...: see the script
	@harness/bench/ab.sh

bench-peers: ## ours against MKL, OpenBLAS, oneDNN and PyTorch, in turn, and the table of floors; ROUNDS, THREADS, ROWS, PEER, ...: see the script
	@harness/peers/bench.sh

bench-history: ## adds today's medians of a few rows to the history and draws the chart; COMMIT, COUNT: see the script
	@harness/bench/history.sh

bench-chart: ## draws the chart of the history anew
	$(GO) run ./harness bench chart --out harness/testdata/bench/history.svg $(sort $(wildcard harness/testdata/bench/history/*.txt))

clean:
	rm -rf lethe runs
