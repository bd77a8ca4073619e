#!/usr/bin/env bash
# conv.sh [ROUNDS] [THREADS] [PEER...]: the convolutions of kernels/testdata/
# shapes/conv.txt, ours and oneDNN's in turn, in the same minutes: ours, peer,
# ours, peer. Prints the medians of every shape in GFLOP/s with their ratio
# (above 1: ours is faster), then the geometric means over the net "unet".
#
# PEER is a command that runs another one where a C++ compiler and oneDNN 3 are
# installed (default: here). SECONDS_EACH (default 0.1) is the time of one
# measurement, RAW a file that keeps every row in Go's benchmark format, OPS the directions
# (default "fwd dgrad wgrad"), NETS a pattern for the nets. Needs a Go toolchain.
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=${1:-5}
threads=${2:-1}
shift $(($# < 2 ? $# : 2))
peer=("$@")
each=${SECONDS_EACH:-0.1}
ops=${OPS:-fwd dgrad wgrad}
nets=${NETS:-.}
shapes=kernels/testdata/shapes/conv.txt
work=$(mktemp -d)
bin=$("${peer[@]}" sh -c 'd=$(mktemp -d) && cat >"$d/conv.cc" && g++ -O2 -std=c++17 "$d/conv.cc" -ldnnl -o "$d/conv" && echo "$d"' <harness/peers/dnnl_conv.cc)
trap 'rm -rf "$work"; "${peer[@]}" rm -rf "$bin"' EXIT
CGO_ENABLED=0 go test -c -o "$work/kernels.test" ./kernels
pin=()
if [ "$threads" = 1 ]; then pin=(taskset -c "$(($(nproc) - 1))"); fi
grep -E "^($nets)" $shapes >"$work/shapes"
for i in $(seq "$rounds"); do
  for op in $ops; do
    (cd kernels && GOMAXPROCS=$threads "${pin[@]}" "$work/kernels.test" -test.run '^$' \
      -test.bench "^BenchmarkConv2D\$/isa/prec/net=($nets)/op=$op" -test.benchtime "${each}s") >>"$work/ours"
    "${pin[@]}" "${peer[@]}" env OMP_NUM_THREADS="$threads" "$bin/conv" "$each" "$op" <"$work/shapes" >>"$work/theirs"
  done
  echo "round $i of $rounds" >&2
done
if [ -n "${RAW:-}" ]; then
  { grep -vE '^(PASS|Benchmark)' "$work/ours" | sort -u; grep -h ^Benchmark "$work/ours" "$work/theirs"; } >"$RAW"
fi
awk -v nets="^(unet)$" '
  function median(key, n, i, j, v) {
    n = count[key]
    for (i = 1; i <= n; i++) v[i] = rate[key, i]
    for (i = 2; i <= n; i++) for (j = i; j > 1 && v[j-1] > v[j]; j--) { x = v[j]; v[j] = v[j-1]; v[j-1] = x }
    return (v[int((n+1)/2)] + v[int((n+2)/2)]) / 2
  }
  /^Benchmark/ {
    for (i = 2; i <= NF; i++) if ($i == "GFLOP/s") r = $(i-1)
    isa = $1; sub(/.*isa=/, "", isa); sub(/\/.*/, "", isa)
    name = $1; sub(/.*net=/, "", name); sub(/-[0-9]+$/, "", name)
    side = isa == "onednn" ? "peer" : "ours"
    if (!(name in seen)) { seen[name] = 1; order[++names] = name }
    rate[side, name, ++count[side, name]] = 0
    rate[side SUBSEP name, count[side, name]] = r
  }
  END {
    printf "%-62s %8s %8s %6s\n", "convolution", "ours", "oneDNN", "ratio"
    for (i = 1; i <= names; i++) {
      name = order[i]
      o = median("ours" SUBSEP name); p = median("peer" SUBSEP name)
      printf "%-62s %8.1f %8.1f %6.3f\n", name, o, p, o/p
      split(name, part, "/"); op = part[2]; sub("op=", "", op)
      if (part[1] ~ nets) { sum[op] += log(o/p); of[op]++; if (!(op in known)) { known[op] = 1; ops[++opCount] = op } }
    }
    for (i = 1; i <= opCount; i++) printf "geometric mean, unet, %s: %.3f over %d\n", ops[i], exp(sum[ops[i]]/of[ops[i]]), of[ops[i]]
  }' "$work/ours" "$work/theirs"
