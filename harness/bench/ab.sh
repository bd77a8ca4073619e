#!/usr/bin/env bash
# ab.sh: benchmarks of the working tree against those of another commit, in turn, in
# the same minutes: base, head, base, head; then benchstat's verdict. The
# environment sets it (make bench passes on what it is given):
#
#   BASE       the commit to compare with (default: HEAD where the tree is changed, otherwise HEAD~1)
#   BENCH      pattern for the benchmarks (default: all)
#   PKGS       packages (default: kernels and the models)
#   COUNT      rounds (default 10; fewer prove nothing)
#   THREADS    GOMAXPROCS (default 1); one thread is bound to a core, CORE (default: the last)
#   BENCHTIME  of one measurement (default 0.1s)
#   LONG=1     the rows of large models and of gigabytes too
#   OUT        folder that keeps base.txt and head.txt, in Go's benchmark format
#
# KERNELS_ISA holds for both sides. Needs git and a Go toolchain.
set -euo pipefail
cd "$(dirname "$0")/../.."
export CGO_ENABLED=0
head=$(git rev-parse --short HEAD)
base=HEAD~1
if [ -n "$(git status --porcelain)" ]; then
  head+=-dirty
  base=HEAD
fi
base=$(git rev-parse --short "${BASE:-$base}^{commit}")
bench=${BENCH:-.}
read -ra packages <<<"${PKGS:-./kernels ./layers/mae ./layers/mage ./layers/unet}"
count=${COUNT:-10}
threads=${THREADS:-1}
flags=(-test.run '^$' -test.bench "$bench" -test.benchtime "${BENCHTIME:-0.1s}")
if [ -z "${LONG:-}" ]; then flags+=(-test.short); fi
pin=()
if [ "$threads" = 1 ]; then pin=(taskset -c "${CORE:-$(($(nproc) - 1))}"); fi

work=$(mktemp -d)
trap 'git worktree remove --force "$work/tree" >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
out=${OUT:-$work}
mkdir -p "$out"
git worktree add --quiet --detach "$work/tree" "$base"
# build SIDE ROOT: the test binaries of every package.
build() {
  local package
  for package in "${packages[@]}"; do
    (cd "$2" && go test -c -o "$work/$1-${package//[.\/]/-}.test" "$package")
  done
}
build base "$work/tree"
build head "$PWD"
: >"$out/base.txt"
: >"$out/head.txt"
# turn SIDE ROOT COMMIT: every package once. A package without benchmarks of that name prints no row.
turn() {
  local package binary
  for package in "${packages[@]}"; do
    binary=$work/$1-${package//[.\/]/-}.test
    if [ ! -e "$binary" ]; then continue; fi # no test files
    (cd "$2/$package" && LETHE_COMMIT=$3 GOMAXPROCS=$threads "${pin[@]}" "$binary" "${flags[@]}") | sed -E '/^(PASS|ok)/d' >>"$out/$1.txt"
  done
}
for i in $(seq "$count"); do
  turn base "$work/tree" "$base"
  turn head "$PWD" "$head"
  echo "round $i of $count" >&2
done
if ! grep -q ^Benchmark "$out/head.txt"; then
  echo "no benchmark of $bench in ${packages[*]}; those of large models want LONG=1" >&2
  exit 1
fi
# What differs between the runs by its nature must not put them in different tables.
go tool benchstat -ignore commit,fma-peak,triad,l2,path-f32,path-bf16,path-bf16x3 "base $base=$out/base.txt" "head $head=$out/head.txt"
