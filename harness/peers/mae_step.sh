#!/usr/bin/env bash
# mae_step.sh [ROUNDS] [THREADS] [TORCH...]: the ViT-B unlearning step, ours and
# PyTorch's in turn, in the same minutes: ours, peer, ours, peer. Prints every
# round, then the medians and their ratio. TORCH is the command that runs a
# Python with PyTorch (default: python3). PRECISION is ours (f32, bf16, bf16x3).
# Needs a Go toolchain and PyTorch.
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=${1:-10}
threads=${2:-2}
shift $(($# < 2 ? $# : 2))
torch=("${@:-python3}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
CGO_ENABLED=0 go test -c -o "$work/mae.test" ./layers/mae
for i in $(seq "$rounds"); do
  (cd layers/mae && GOMAXPROCS=$threads "$work/mae.test" -test.run '^$' -test.bench "UnlearnStep/net=mae_vit_base/prec=${PRECISION:-f32}\$" -test.benchtime 5x) |
    awk '/^Benchmark/{for(i=2;i<=NF;i++)if($i=="ns/op")printf "%.0f\n",$(i-1)/1e6}' >>"$work/ours"
  "${torch[@]}" harness/peers/torch_mae_step.py --threads "$threads" --steps 5 | tee -a "$work/torch.log" |
    sed 's/.*ms \([0-9 ]*\);.*/\1/' | tr ' ' '\n' | sort -n | sed -n 3p >>"$work/theirs"
  echo "round $i: ours $(tail -1 "$work/ours") ms, torch $(tail -1 "$work/theirs") ms"
done
median() { sort -n "$1" | awk '{v[NR]=$1} END{print (v[int((NR+1)/2)]+v[int((NR+2)/2)])/2}'; }
o=$(median "$work/ours")
t=$(median "$work/theirs")
tail -1 "$work/torch.log"
awk -v o="$o" -v t="$t" -v n="$rounds" 'BEGIN{printf "medians of %d: ours %.0f ms, torch %.0f ms, ours/torch %.3f\n", n, o, t, o/t}'
