#!/usr/bin/env bash
# palette_step.sh [ROUNDS] [THREADS] [TORCH...]: the unlearning step of Palette's
# down path and middle, ours and PyTorch's in turn: the same mathematics, what the
# authors' code does, and two passes of the original a sample (PROCEDURES names fewer). TORCH is the command
# that runs a Python with PyTorch (default: python3). Needs a Go toolchain and PyTorch.
set -euo pipefail
rounds=${1:-10}
threads=${2:-2}
shift $(($# < 2 ? $# : 2))
torch=("${@:-python3}")
. "$(dirname "$0")/turns.sh"
for size in 64/images=4 256/images=1; do
  turns layers/unet UnlearnStep torch_palette_step.py step "net=palette_inpainting_places2/prec=f32/px=$size" "${PROCEDURES:-same authors both}" \
    --px "${size%%/*}" --images "${size##*=}"
done
