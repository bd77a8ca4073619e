#!/usr/bin/env bash
# bench.sh: ours and the peers in turn, in the same minutes: ours, peer, ours, peer;
# then the table of floors with the medians, a ratio and a verdict a row. The
# environment sets it (make bench-peers passes on what it is given):
#
#   ROUNDS        of every row (default 10; fewer prove nothing)
#   THREADS       default "1 2"; one thread is bound to a core, CORE (default: the last)
#   ROWS          pattern for the groups (default all): gemm-f32 gemm-avx2 gemm-bf16
#                 gemm-bf16x3 conv-f32 conv-bf16 ops step-vit step-tiny step-palette features
#   PEER          a command that runs another one where the peers are installed,
#                 and sees this folder under the same path (default: here)
#   TORCH_ENV     settings of PyTorch's process (default: MKL before the system's BLAS)
#   SECONDS_EACH  of one measurement of a kernel (default 0.1)
#   DETAIL=1      a line for each shape under the rows of the table
#   RAW           keep every measurement in this file, in Go's benchmark format
#   SAVE=1        the same, in harness/testdata/bench/<date>-<processor>-peers.txt
#
# Beside them, in every round, run BenchmarkLimit..., the arithmetic alone, and with THREADS="1 2" two
# processes of one thread at once: the column "limit here" says what the machine would have allowed.
#
# Needs a Go toolchain. A peer that is not there is named, with the packages that
# bring it, and its rows say "not measured".
set -euo pipefail
cd "$(dirname "$0")/../.."
export CGO_ENABLED=0
rounds=${ROUNDS:-10}
read -ra counts <<<"${THREADS:-1 2}"
rows=${ROWS:-.}
each=${SECONDS_EACH:-0.1}
read -ra peer <<<"${PEER:-}"
read -ra torch_env <<<"${TORCH_ENV:-LD_PRELOAD=libgomp.so.1:libmkl_rt.so MKL_THREADING_LAYER=GNU MKL_DYNAMIC=FALSE}"
commit=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
if [ -n "$(git status --porcelain 2>/dev/null)" ]; then commit+=-dirty; fi
read -r load _ </proc/loadavg
if awk -v l="$load" 'BEGIN { exit !(l > 0.5) }'; then
  echo "the load is $load: libraries that wait in a loop are slow beside others, compare nothing" >&2
fi

work=$(mktemp -d)
bin=$("${peer[@]}" mktemp -d)
trap 'rm -rf "$work"; "${peer[@]}" rm -rf "$bin"' EXIT
raw=$work/raw
: >"$raw"

wanted() { grep -qE "$rows" <<<"$1"; }

# --- what is there -----------------------------------------------------------
declare -A have=()
missing() { # NAME PACKAGES...
  echo "missing: $1; install ${*:2}" >&2
}
compile() { # SOURCE COMPILER FLAGS...: builds the program of that name where the peers are
  local source=$1
  # shellcheck disable=SC2016  # the inner shell expands it
  "${peer[@]}" sh -c 'cat >"$1/$2" && cd "$1" && shift && source=$1 && shift && compiler=$1 && shift && "$compiler" -O2 "$source" -o "${source%.*}" "$@"' \
    - "$bin" "$source" "${@:2}" <"harness/peers/$source" 2>"$work/errors"
}
find_peers() {
  if ! compile cblas_gemm.c gcc -ldl; then
    missing "a C compiler, for MKL and OpenBLAS" g++
  else
    if peer_run 1 "$bin/cblas_gemm" mkl libmkl_rt.so 0 </dev/null 2>/dev/null; then have[mkl]=libmkl_rt.so; else missing MKL libmkl-rt libgomp1; fi
    if peer_run 1 "$bin/cblas_gemm" openblas libopenblas.so.0 0 </dev/null 2>/dev/null; then have[openblas]=libopenblas.so.0; else missing OpenBLAS libopenblas0-pthread; fi
  fi
  if compile dnnl_gemm.cc g++ -std=c++17 -ldnnl && compile dnnl_conv.cc g++ -std=c++17 -ldnnl; then
    have[onednn]=1
  else
    missing "oneDNN 3" g++ libdnnl-dev
  fi
  if [ "${torch_env[*]}" ] && [ -z "${have[mkl]:-}" ]; then torch_env=(); fi
  if peer_run 1 env "${torch_env[@]}" python3 -c 'import torch; torch.optim.AdamW([torch.zeros(1, requires_grad=True)], fused=True)' 2>/dev/null; then
    have[torch]=1
  else
    missing "PyTorch 2" python3-torch
  fi
  if peer_run 1 python3 -c 'import torchvision' 2>/dev/null; then have[torchvision]=1; else missing torchvision python3-torchvision; fi
  if peer_run 1 python3 -c 'import torchvision, onnxruntime, onnx' 2>/dev/null; then have[onnxruntime]=1; else missing onnxruntime python3-torchvision python3-onnxruntime python3-onnx; fi
}

# --- running -----------------------------------------------------------------
pin=()
threads=1
use() { # THREADS
  threads=$1
  pin=()
  if [ "$threads" = 1 ]; then pin=(taskset -c "${CORE:-$(($(nproc) - 1))}"); fi
}
peer_run() { # THREADS COMMAND...
  local n=$1
  shift
  "${pin[@]}" "${peer[@]}" env OMP_NUM_THREADS="$n" MKL_NUM_THREADS="$n" OPENBLAS_NUM_THREADS="$n" MKL_THREADING_LAYER=GNU MKL_DYNAMIC=FALSE "$@"
}
# theirs NAME COMMAND...: rows of a peer, if it is there, named with the threads as Go does.
theirs() {
  if [ -z "${have[$1]:-}" ]; then cat >/dev/null; return; fi
  local suffix=
  if [ "$threads" != 1 ]; then suffix=-$threads; fi
  peer_run "$threads" "${@:2}" | sed -E "s/^(Benchmark[^[:space:]]+)/\1$suffix/" >>"$raw"
}
# ours PACKAGE PATTERN TIME [NAME=VALUE...]: rows of a Go benchmark.
ours() {
  (cd "$1" && "${pin[@]}" env "${@:4}" LETHE_COMMIT="$commit" GOMAXPROCS="$threads" "$work/${1//\//-}.test" -test.run '^$' -test.bench "$2" -test.benchtime "$3") |
    sed -E '/^(PASS|ok)/d' >>"$raw"
}
# both PACKAGE PATTERN TIME: the same rows in two processes of one thread at once, each on a core of its own, under
# names that end in /at=once: what two cores do for one that does not have to share anything.
both() {
  if [ "$threads" != 1 ] || [[ " ${counts[*]} " != *" 2 "* ]] || [ "$(nproc)" -lt 2 ]; then return; fi
  local last=${CORE:-$(($(nproc) - 1))} core
  for core in "$last" $(((last + $(nproc) - 1) % $(nproc))); do
    (cd "$1" && LETHE_COMMIT="$commit" GOMAXPROCS=1 taskset -c "$core" "$work/${1//\//-}.test" -test.run '^$' -test.bench "$2" -test.benchtime "$3") >"$work/once-$core" &
  done
  wait
  cat "$work"/once-* | sed -nE 's/^(Benchmark[^[:space:]]+)/\1\/at=once/p' >>"$raw"
  rm "$work"/once-*
}
torch() { theirs torch env "${torch_env[@]}" python3 "$PWD/harness/peers/$1" --threads "$threads" "${@:2}" </dev/null; }
step() { # PROGRAM PACKAGE PATTERN TIMES ARGUMENTS...: an unlearning step, in every precision that has its own instructions
  local program=$1 package=$2 pattern=$3 times=$4 p layout layouts=${LAYOUTS:-first}
  shift 4
  for p in $precisions; do
    ours "$package" "^BenchmarkUnlearnStep\$/${pattern/PREC/^prec=$p\$}" "${times}x"
    if [ "$p" = f32 ]; then both "$package" "^BenchmarkUnlearnStep\$/${pattern/PREC/^prec=$p\$}" "${times}x"; fi
    if [ "$p" = bf16x3 ]; then continue; fi
    for layout in $layouts; do torch "$program" --rows go --warm 2 --rounds "$times" --precision "$p" --layout "$layout" "$@"; done
  done
}
limit() { ours kernels "^BenchmarkLimit$1\$/^isa=/^prec=" "${each}s" "${@:2}"; }
gemm() { ours kernels "^BenchmarkGemm(Packed)?\$/^isa=/^prec=$1\$/^net=(vit|square)\$/^op=/^m=($heights)\$" "${each}s" "${@:2}"; }

# round NUMBER: everything once, at the threads in use.
round() {
  local op
  limit MicroKernel
  if wanted gemm-f32; then
    gemm f32
    both kernels "^BenchmarkGemm\$/^isa=/^prec=f32\$/^net=(vit|square)\$/^op=/^m=($heights)\$" "${each}s"
    theirs mkl "$bin/cblas_gemm" mkl "${have[mkl]:-}" "$each" <"$work/shapes"
    theirs openblas "$bin/cblas_gemm" openblas "${have[openblas]:-}" "$each" <"$work/shapes"
    for op in plain packed; do theirs onednn "$bin/dnnl_gemm" "$each" f32 "$op" <"$work/shapes"; done
  fi
  if wanted gemm-avx2 && [[ $isas == *" avx2"* ]]; then
    gemm f32 KERNELS_ISA=avx2
    limit MicroKernel KERNELS_ISA=avx2
  fi
  if own bf16 && wanted gemm-bf16; then
    gemm bf16
    for op in plain packed; do theirs onednn "$bin/dnnl_gemm" "$each" bf16 "$op" <"$work/shapes"; done
  fi
  if own bf16x3 && wanted gemm-bf16x3; then gemm bf16x3; fi
  for op in fwd dgrad wgrad; do
    if wanted conv-f32; then
      ours kernels "^BenchmarkConv2D\$/^isa=/^prec=f32\$/^net=unet\$/^op=$op\$" "${each}s"
      theirs onednn "$bin/dnnl_conv" "$each" "$op" <"$work/convs"
    fi
    if own bf16 && wanted conv-bf16; then
      ours kernels "^BenchmarkConv2D\$/^isa=/^prec=bf16(x3)?\$/^net=unet\$/^op=$op\$" "${each}s"
      theirs onednn "$bin/dnnl_conv" "$each" "$op" bf16 <"$work/convs"
    fi
  done
  if wanted ops; then
    ours kernels '^Benchmark(LayerNorm|Gelu|Softmax)$/^isa=/^prec=f32$/^op=(fwd|grad)$/^(r=1576|r=18912|n=4841472)$|^BenchmarkAdam$/^isa=/^prec=f32$/^n=86000000$' "${each}s"
    limit Arithmetic
    torch torch_ops.py --seconds "$each"
  fi
  if wanted step-vit; then
    step torch_mae_step.py layers/mae 'net=mae_vit_base_patch16$/PREC' 3 --images 8
    # What PyTorch needs in memory as it comes; it is slower so, and its time not used.
    if [ "$1" -le 3 ]; then torch torch_mae_step.py --rows go --malloc default --warm 1 --rounds 1; fi
  fi
  if wanted step-tiny; then step torch_mae_step.py layers/mae 'net=mae_tiny$/PREC/images=64[+]64' 5 --model mae_tiny --images 64; fi
  if wanted step-palette; then
    LAYOUTS="first last" step torch_palette_step.py layers/unet 'net=palette_inpainting_places2$/PREC/px=64' 3 --px 64 --images 4
  fi
  if wanted features; then
    local net
    for net in ResNet-50 Inception-v3 CLIP-B/32; do
      ours layers/pretrained/counted "^BenchmarkFeatures\$/^net=${net/\//-}\$/^prec=f32\$/^px=/^images=8\$" 5x
      if [ -n "${have[torchvision]:-}" ]; then torch torch_networks.py --net "$net" --rounds 5; torch torch_networks.py --peer torch-last --net "$net" --rounds 5; fi
      theirs onnxruntime python3 "$PWD/harness/peers/torch_networks.py" --peer onnxruntime --net "$net" --threads "$threads" --rounds 5 </dev/null
    done
  fi
}

# --- the run -----------------------------------------------------------------
for package in kernels layers/mae layers/unet layers/pretrained/counted; do go test -c -o "$work/${package//\//-}.test" "./$package"; done
go build -o "$work/lethe" ./harness
awk '/^vitb/ { print "vit", $2, $3, $4, $5 }' kernels/testdata/shapes/vit.txt >"$work/shapes"
awk '/^square/ { print "square", $2, $3, $4, $5 }' kernels/testdata/shapes/square.txt >>"$work/shapes"
heights=$(awk '{ print $3 }' "$work/shapes" | sort -un | paste -sd'|')
grep -E '^unet' kernels/testdata/shapes/conv.txt >"$work/convs"
isas=$("$work/lethe" isa)
# own PRECISION: whether it has instructions of its own here; products of f32 that stand in for it would only be measured again.
own() { [[ $precisions == *" $1 "* ]]; }
(cd kernels && "$work/kernels.test" -test.run '^$' -test.bench '^$') | grep '^path-' >>"$raw"
precisions=" f32 "
for p in bf16 bf16x3; do if grep -qE "^path-$p: [a-z0-9]+ $p(,|\$)" "$raw"; then precisions+="$p "; fi; done
find_peers
echo "peers: ${!have[*]}" >>"$raw"
for i in $(seq "$rounds"); do
  for n in "${counts[@]}"; do
    use "$n"
    round "$i"
    echo "round $i of $rounds, threads $n: $(grep -c ^Benchmark "$raw") measurements" >&2
  done
done

# Every run printed the header; what it repeats is left out.
awk '/^Unit / { if (!unit[$0]++) print; next }
  /^[a-z][^ ]*: / { key = $1; if (last[key] != $0) print; last[key] = $0; next }
  { print }' "$raw" >"$work/rows"
if [ -n "${SAVE:-}" ]; then
  cpu=$(sed -n 's/^cpu: *//p' "$work/rows" | head -1 | tr -cs '[:alnum:]\n' - | sed 's/-*$//')
  RAW=harness/testdata/bench/$(date -u +%F)-$cpu-peers.txt
fi
if [ -n "${RAW:-}" ]; then cp "$work/rows" "$RAW"; echo "every measurement: $RAW" >&2; fi
detail=()
if [ -n "${DETAIL:-}" ]; then detail=(--detail); fi
"$work/lethe" bench table "${detail[@]}" "$work/rows"
