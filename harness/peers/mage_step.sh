#!/usr/bin/env bash
# mage_step.sh [ROUNDS] [THREADS] [TORCH...]: the unlearning step of MAGE-B at 256
# px, ours and PyTorch's in turn: the same mathematics, and every pass that the
# authors' code makes. TORCH is the command that runs a Python with PyTorch
# (default: python3). Needs a Go toolchain and PyTorch.
set -euo pipefail
rounds=${1:-10}
threads=${2:-2}
shift $(($# < 2 ? $# : 2))
torch=("${@:-python3}")
. "$(dirname "$0")/turns.sh"
turns layers/mage UnlearnStep torch_mage_step.py step net=mage_vit_base_patch16/prec=f32/px=256/images=4 "same authors" --px 256 --images 4
