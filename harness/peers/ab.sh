#!/usr/bin/env bash
# ab.sh: benchmarks of a base commit and of the working tree in turn (base, new,
# base, new), and benchstat's verdict. What `make bench` runs. Environment:
#
#   BASE=COMMIT          default: HEAD if the tree has changes, else HEAD~1
#   BENCH=REGEXP         which benchmarks (default: Gemm of ViT-B's shapes)
#   PKGS="./kernels"     in which packages
#   COUNT=10             turns
#   BENCHTIME=0.2s       of one benchmark in one turn
#   THREADS=1            GOMAXPROCS; one is pinned to the last core
#   OUT=FOLDER           where base.txt and new.txt go (default: a new folder)
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ -z "${BASE:-}" ]; then
  if git diff --quiet HEAD --; then BASE=HEAD~1; else BASE=HEAD; fi
fi
bench=${BENCH:-^BenchmarkGemm\$/isa/prec=f32/net=vit}
threads=${THREADS:-1}
out=${OUT:-$(mktemp -d)}
mkdir -p "$out"
work=$(mktemp -d)
trap 'git worktree remove --force "$work/base" 2>/dev/null; rm -rf "$work"' EXIT
commit=$(git rev-parse --short "$BASE")
git worktree add --quiet --detach "$work/base" "$BASE"
export CGO_ENABLED=0
pin=(env)
if [ "$threads" = 1 ] && command -v taskset >/dev/null; then pin=(taskset -c "$(($(nproc) - 1))"); fi
for package in ${PKGS:-./kernels}; do
  name=${package#./}
  (cd "$work/base" && go test -c -o "$work/base-${name//\//-}" "$package")
  go test -c -o "$work/new-${name//\//-}" "$package"
done
: >"$out/base.txt"
: >"$out/new.txt"
for turn in $(seq "${COUNT:-10}"); do
  for package in ${PKGS:-./kernels}; do
    name=${package#./}
    for side in base new; do
      tree=.
      label=$(git describe --always --dirty)
      if [ $side = base ]; then tree=$work/base label=$commit; fi
      (cd "$tree/$name" && LETHE_COMMIT=$label GOMAXPROCS=$threads "${pin[@]}" "$work/$side-${name//\//-}" -test.run '^$' -test.bench "$bench" -test.benchtime "${BENCHTIME:-0.2s}") >>"$out/$side.txt"
    done
  done
  echo "turn $turn of ${COUNT:-10}" >&2
done
echo "# base $commit: $out/base.txt, new: $out/new.txt" >&2
go tool benchstat -ignore commit "base=$out/base.txt" "new=$out/new.txt"
