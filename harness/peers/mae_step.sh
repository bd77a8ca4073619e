#!/usr/bin/env bash
# mae_step.sh [ROUNDS] [THREADS] [TORCH...]: the unlearning steps of ViT-B and of
# mae_tiny, ours and PyTorch's in turn, in the same minutes. PRECISION=bf16 gives
# PyTorch autocast, ours what its benchmark of that name computes. TORCH is the command that runs a
# Python with PyTorch (default: python3). Needs a Go toolchain and PyTorch.
set -euo pipefail
rounds=${1:-10}
threads=${2:-2}
shift $(($# < 2 ? $# : 2))
torch=("${@:-python3}")
. "$(dirname "$0")/turns.sh"
LAYOUTS=first
precision=${PRECISION:-f32}
for row in mae_vit_base_patch16:8 mae_tiny:64; do
  IFS=: read -r model images <<<"$row"
  times=5 turns layers/mae UnlearnStep torch_mae_step.py step "net=$model/prec=$precision/images=${images}[+]$images" same \
    --model "$model" --images "$images" --precision "$precision"
done
