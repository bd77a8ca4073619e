#!/usr/bin/env bash
# history.sh: measures a fixed small set of rows and adds their medians to the
# history, harness/testdata/bench/history/<date>-<commit>.txt, then draws the
# chart anew. The environment sets it (make bench-history passes on what it is given):
#
#   COMMIT     what to measure (default: HEAD; the tree must be unchanged)
#   COUNT      rounds (default 10)
#   BENCHTIME  of one measurement of a kernel (default 0.2s)
#   CORE       what one thread is bound to (default: the last core)
#   OUT        folder of the history, with the chart beside it
#
# <date> is the commit's; the processor joins the name where another one has
# measured the commit before. Kernels run on one thread, steps on two. Measure on a
# quiet machine, or not at all.
set -euo pipefail
cd "$(dirname "$0")/../.."
export CGO_ENABLED=0
out=${OUT:-harness/testdata/bench/history}
out=$(mkdir -p "$out" && cd "$out" && pwd)
commit=$(git rev-parse --short "${COMMIT:-HEAD}^{commit}")
if [ -z "${COMMIT:-}" ] && [ -n "$(git status --porcelain)" ]; then
  echo "the tree is changed: commit first, or name a COMMIT" >&2
  exit 1
fi
read -r load _ </proc/loadavg
if awk -v l="$load" 'BEGIN { exit !(l > 0.5) }'; then echo "the load is $load: what is measured now is not worth keeping" >&2; fi

work=$(mktemp -d)
trap 'git worktree remove --force "$work/tree" >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
git worktree add --quiet --detach "$work/tree" "$commit"
for package in kernels layers/mae layers/unet; do
  (cd "$work/tree" && go test -c -o "$work/${package//\//-}.test" "./$package")
done
go build -o "$work/lethe" ./harness
isas=$("$work/lethe" isa)

# measure THREADS PACKAGE TIME PATTERN...: one run a pattern.
measure() {
  local threads=$1 package=$2 time=$3 pattern pin=()
  if [ "$threads" = 1 ]; then pin=(taskset -c "${CORE:-$(($(nproc) - 1))}"); fi
  for pattern in "${@:4}"; do
    (cd "$work/tree/$package" && LETHE_COMMIT=$commit GOMAXPROCS=$threads "${pin[@]}" "$work/${package//\//-}.test" \
      -test.run '^$' -test.bench "$pattern" -test.benchtime "$time") | sed -E '/^(PASS|ok)/d' >>"$work/rows"
  done
}
date=$(git show -s --format=%cI "$commit")
echo "commit-date: $(date -u -d "$date" +%FT%TZ)" >"$work/rows"
gemm='^BenchmarkGemm$/^isa=/^prec=f32$/^net=vit$/^op='
for i in $(seq "${COUNT:-10}"); do
  measure 1 kernels "${BENCHTIME:-0.2s}" "${gemm}fwd\$/^m=1576\$/^n=3072\$" "${gemm}wgrad\$/^m=3072\$/^n=768\$/^k=1576\$" \
    '^BenchmarkConv2D$/^isa=/^prec=f32$/^net=unet$/^op=(fwd|wgrad)$/^n=4$/^ci=256$/^h=32$/^w=32$/^co=256$/^k=3$' \
    '^BenchmarkAttention$/^isa=/^prec=f32$/^op=fwd$/^b=4$/^h=12$/^t=197$' \
    '^BenchmarkLayerNorm$/^isa=/^prec=f32$/^op=fwd$/^r=800$' \
    '^BenchmarkAdam$/^isa=/^prec=f32$/^n=2457600$'
  if [[ $isas == *" avx2"* ]]; then KERNELS_ISA=avx2 measure 1 kernels "${BENCHTIME:-0.2s}" "${gemm}fwd\$/^m=1576\$/^n=3072\$"; fi
  measure 2 layers/mae 3x '^BenchmarkUnlearnStep$/^net=mae_vit_base_patch16$/^prec=f32$'
  measure 2 layers/unet 3x '^BenchmarkUnlearnStep$/^net=palette_inpainting_places2$/^px=64$' \
    '^BenchmarkUnlearnStep$/^net=palette_inpainting_places2$/^prec=f32$/^px=64$' # named so before and since the precision is in the name
  echo "round $i of ${COUNT:-10}" >&2
done
"$work/lethe" bench medians "$work/rows" >"$work/medians"
cpu=$(sed -n 's/^cpu: *//p' "$work/medians")
file=$out/$(date -u -d "$date" +%F)-$commit.txt
if [ -e "$file" ] && ! grep -qxF "cpu: $cpu" "$file"; then file=${file%.txt}-$(tr -cs '[:alnum:]' - <<<"$cpu" | sed 's/-*$//').txt; fi
mv "$work/medians" "$file"
"$work/lethe" bench chart --out "$out/../history.svg" "$out"/*.txt
echo "$file"
