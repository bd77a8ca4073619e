#!/usr/bin/env bash
# full_size.sh [ROUNDS] [THREADS] [TORCH...]: a forward pass and ten sampling steps
# of the published Palette and MAGE-B on one image of 256 px, ours and PyTorch's in
# turn. TORCH is the command that runs a Python with PyTorch (default: python3).
# Needs a Go toolchain and PyTorch.
set -euo pipefail
rounds=${1:-5}
threads=${2:-2}
shift $(($# < 2 ? $# : 2))
torch=("${@:-python3}")
. "$(dirname "$0")/turns.sh"
for model in unet:torch_palette_step.py:palette_inpainting_places2 mage:torch_mage_step.py:mage_vit_base_patch16; do
  IFS=: read -r package program net <<<"$model"
  turns "layers/$package" Forward "$program" forward "net=$net/prec=f32/px=256/images=1" same --px 256 --images 1
  times=1 warm=1 turns "layers/$package" Sample "$program" sample "net=$net/prec=f32/px=256/images=1" same --px 256 --images 1 --sampling-steps 10
done
