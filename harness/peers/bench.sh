#!/usr/bin/env bash
# bench.sh [PEER...]: our benchmarks and the peers' in turn, in the same minutes,
# then the table of floors (lethe bench). What `make bench-peers` runs.
#
# PEER is a command that runs another one where the peers are installed (default:
# here): a C and a C++ compiler, MKL (libmkl-rt), OpenBLAS (libopenblas-pthread-dev), oneDNN 3
# (libdnnl-dev), PyTorch (python3-torch); names of Debian's packages. What is not there is left out,
# and said. Environment:
#
#   ROUNDS=10          turns: a median is of so many samples
#   THREADS="1 2"      one is pinned to the last core
#   PARTS="gemm avx2 conv memory steps"
#   SECONDS_EACH=0.06  of one measurement of one shape
#   RAW=FILE           where the rows go (default: a new file, whose name is printed)
#
# Needs a Go toolchain and a machine that does nothing else.
set -euo pipefail
cd "$(dirname "$0")/../.."
peer=("$@")
rounds=${ROUNDS:-10}
each=${SECONDS_EACH:-0.06}
parts=" ${PARTS:-gemm avx2 conv memory steps} "
raw=${RAW:-$(mktemp --suffix=.txt)}
work=$(mktemp -d)
libraries=/usr/lib/x86_64-linux-gnu
mkl=(env LD_PRELOAD=libgomp.so.1 MKL_THREADING_LAYER=GNU MKL_DYNAMIC=FALSE)
torch=(env "LD_PRELOAD=libgomp.so.1:libmkl_rt.so" MKL_THREADING_LAYER=GNU MKL_DYNAMIC=FALSE python3)

# at runs a command where the peers are.
at() { ${peer[@]+"${peer[@]}"} "$@"; }
here=$(at pwd >/dev/null && pwd)
bin=$(at mktemp -d)
trap 'rm -rf "$work"; at rm -rf "$bin"' EXIT

# build OUT COMPILER... <SOURCE: builds a peer, or says that it is missing.
build() {
  local out=$1
  shift
  if ! at "$@" -o "$bin/$out" -x "$language" - $libs 2>"$work/errors"; then
    echo "# $out is left out: $(head -1 "$work/errors")" >&2
    return 1
  fi
}
has=" "
language=c libs=-ldl
if build cblas cc -O2 <harness/peers/cblas_gemm.c; then
  for library in "mkl libmkl_rt.so" "openblas $libraries/openblas-pthread/libopenblas.so.0"; do
    read -r name path <<<"$library"
    if at "${mkl[@]}" "$bin/cblas" "$path" "$name" 0 </dev/null 2>"$work/errors"; then has+="$name "; else echo "# $name is left out: $(head -1 "$work/errors")" >&2; fi
  done
fi
language=c++ libs=-ldnnl
if build dnnl_gemm g++ -O2 -std=c++17 <harness/peers/dnnl_gemm.cc && build dnnl_conv g++ -O2 -std=c++17 <harness/peers/dnnl_conv.cc; then has+="onednn "; fi
if at python3 -c 'import torch' 2>"$work/errors"; then has+="torch "; else echo "# torch is left out: $(tail -1 "$work/errors")" >&2; fi

export CGO_ENABLED=0
for package in kernels layers/mae layers/unet; do go test -c -o "$work/${package//\//-}.test" "./$package"; done
go build -o "$work/lethe" ./harness
grep -hE '^(vitb|square)' kernels/testdata/shapes/vit.txt kernels/testdata/shapes/square.txt >"$work/gemm"
grep -E '^unet' kernels/testdata/shapes/conv.txt >"$work/conv"
amx=$("$work/lethe" isa | grep -cw amx || true)

# ours PACKAGE ARGS...: a benchmark of ours.
ours() {
  local package=$1
  shift
  (cd "$package" && GOMAXPROCS=$threads "${pin[@]}" "$work/${package//\//-}.test" -test.run '^$' "$@" | grep -vE '^(PASS|ok)') >>"$raw"
}
# theirs NAME COMMAND...: a peer's, if it is there.
theirs() {
  local name=$1
  shift
  [[ $has == *" $name "* ]] || return 0
  "${pin[@]}" ${peer[@]+"${peer[@]}"} env OMP_NUM_THREADS="$threads" MKL_NUM_THREADS="$threads" OPENBLAS_NUM_THREADS="$threads" "$@" >>"$raw"
}
part() { [[ $parts == *" $1 "* ]]; }
# peak COMMAND...: runs it and prints the peak of its memory in MiB as its last line.
peak() {
  python3 -c 'import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print("peak_mib", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
sys.exit(code)' "$@"
}
# step NET PACKAGE PATTERN TIMES: an unlearning step of ours, renamed.
step() {
  (cd "$2" && GOMAXPROCS=$threads peak "${pin[@]}" "$work/${2//\//-}.test" -test.run '^$' -test.bench "$3" -test.benchtime "${4}x") |
    awk -v net="$1" -v isa="$isa" '/^Benchmark/ { for (i = 2; i <= NF; i++) if ($i == "ns/op") s = $(i-1) }
      /^peak_mib/ { if (!s) exit 1; printf "BenchmarkStep/isa=%s/net=%s/prec=f32 1 %s ns/op %s peak-MiB\n", isa, net, s, $2 }' >>"$raw"
}
isa=$("$work/lethe" isa | awk '{print $1}')
[ "$isa" = amx ] && isa=avx512

for round in $(seq "$rounds"); do
  for threads in ${THREADS:-1 2}; do
    pin=(env)
    if [ "$threads" = 1 ]; then pin=(taskset -c "$(($(nproc) - 1))"); fi
    read -r load _ </proc/loadavg
    printf 'gomaxprocs: %s\nload: %s\n' "$threads" "$load" >>"$raw"
    if part gemm; then
      KERNELS_ISA=$isa ours kernels -test.bench '^BenchmarkGemm$/isa/prec=f32/net=(vit|square)/op=.*/m=(197|256|400|512|768|800|1024|1576|2048|2304|3072)$' -test.benchtime "${each}s"
      theirs mkl "${mkl[@]}" "$bin/cblas" libmkl_rt.so mkl "$each" <"$work/gemm"
      theirs openblas "$bin/cblas" "$libraries/openblas-pthread/libopenblas.so.0" openblas "$each" <"$work/gemm"
      theirs onednn "$bin/dnnl_gemm" "$each" f32 plain <"$work/gemm"
      if [ "$amx" = 1 ]; then
        ours kernels -test.bench '^BenchmarkGemm$/isa/prec=bf16/net=(vit|square)' -test.benchtime "${each}s"
        theirs onednn "$bin/dnnl_gemm" "$each" bf16 plain <"$work/gemm"
        theirs onednn "$bin/dnnl_gemm" "$each" bf16 packed <"$work/gemm"
      fi
    fi
    if part avx2; then
      KERNELS_ISA=avx2 ours kernels -test.bench '^BenchmarkGemm$/isa/prec=f32/net=(vit|square)/op=.*/m=(197|256|400|512|768|800|1024|1576|2048|2304|3072)$' -test.benchtime "${each}s"
    fi
    if part conv; then
      KERNELS_ISA=$isa ours kernels -test.bench '^BenchmarkConv2D$/isa/prec=f32/net=unet' -test.benchtime "${each}s"
      theirs onednn "$bin/dnnl_conv" "$each" <"$work/conv"
    fi
    if part memory; then
      KERNELS_ISA=$isa ours kernels -test.bench '^BenchmarkMemoryBound$' -test.benchtime 0.2s
      theirs torch "${torch[@]}" "$here/harness/peers/torch_ops.py" --threads "$threads"
    fi
    if part steps; then
      step mae_tiny layers/mae '^BenchmarkUnlearnStep$/^net=mae_tiny$/^prec=f32$/images=32' 20
      theirs torch "${torch[@]}" "$here/harness/peers/torch_mae_step.py" --model mae_tiny --images 32 --threads "$threads" --steps 15 --rows
      step palette layers/unet '^BenchmarkUnlearnStep$/^net=palette_inpainting_places2$/^px=64$' 4
      theirs torch sh -c '"$@" | sed -n "s/.*seconds=\([0-9.]*\).*peak_mib=\([0-9]*\).*/\1 \2/p" | awk "{ printf \"BenchmarkStep\/isa=torch\/net=palette\/prec=f32 1 %.0f ns\/op %s peak-MiB\n\", \$1 * 1e9, \$2 }"' _ \
        "${torch[@]}" "$here/harness/peers/torch_palette_step.py" --work step --procedure same --px 64 --images 4 --layout first --threads "$threads" --rounds 3 --warm 2
      step mae_vit_base_patch16 layers/mae '^BenchmarkUnlearnStep$/^net=mae_vit_base_patch16$/^prec=f32$' 3
      theirs torch "${torch[@]}" "$here/harness/peers/torch_mae_step.py" --threads "$threads" --steps 3 --rows
    fi
  done
  echo "round $round of $rounds" >&2
done
echo "# rows: $raw, $(date -u +%Y-%m-%d), $("${GO:-go}" version), peers:$has" >&2
"$work/lethe" bench "$raw"
