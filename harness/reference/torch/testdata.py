#!/usr/bin/env python3
"""Makes the bundles of ../testdata again, where each differs from the others in
what the name says and in as much else as possible.

    python3 testdata.py ../testdata
"""
import json
import os
import sys

import bundle

CONFIG = {"img_size": 16, "patch_size": 4, "in_chans": 3, "embed_dim": 36, "depth": 2, "num_heads": 3,
          "decoder_embed_dim": 20, "decoder_depth": 1, "decoder_num_heads": 2, "mlp_ratio": 4.0, "norm_pix_loss": False}
ADAMW = bundle.OPTIMIZER


def config(**changes):
    return {**CONFIG, **changes}


def optimizer(**changes):
    settings = {**ADAMW, **changes}
    return {k: v for k, v in settings.items() if v is not None}


UNET = {"in_channel": 6, "out_channel": 3, "inner_channel": 8, "channel_mults": [4, 4], "attn_res": [2], "num_head_channels": 8,
        "res_blocks": 2, "dropout": 0.1, "image_size": 8}
SCHEDULE = {"schedule": "linear", "n_timestep": 12, "linear_start": 1e-4, "linear_end": 0.3}
ADAM = {"name": "adam", "lr": 1e-3, "betas": [0.9, 0.999], "eps": 1e-5, "weight_decay": 0, "alpha": 0.1}
MAGE = {"img_size": 12, "patch_size": 2, "in_chans": 3, "embed_dim": 24, "depth": 2, "num_heads": 3, "decoder_embed_dim": 20,
        "decoder_depth": 1, "decoder_num_heads": 5, "mlp_ratio": 4.0,
        "vqgan": {"ch": 32, "ch_mult": [2, 1], "num_res_blocks": 1, "z_channels": 6, "embed_dim": 6, "n_embed": 24, "resolution": 12,
                  "in_channels": 3, "out_ch": 3}}

BUNDLES = [
    # heads of 12 and 10, decoder narrower than the encoder
    ("forward-plain", dict(task="forward", config=CONFIG, batch=3, seed=11)),
    # heads of 8, normalized targets, two decoder blocks, a mask that does not divide
    ("forward-square", dict(
        task="forward", batch=2, mask_ratio=0.7, seed=14,
        config=config(img_size=14, patch_size=2, embed_dim=16, num_heads=2, decoder_depth=2, norm_pix_loss=True))),
    # one channel, one image, a hidden width that is no multiple of the width, decoder wider than the encoder
    ("forward-norm-pix", dict(
        task="forward", batch=1, mask_ratio=0.6, seed=12, checkpoint="pth",
        config=config(img_size=24, patch_size=8, in_chans=1, embed_dim=40, num_heads=2, mlp_ratio=2.6,
                      decoder_embed_dim=44, decoder_depth=2, decoder_num_heads=4, norm_pix_loss=True))),
    # four channels, an odd patch and head width, no norm_pix_loss key
    ("forward-legacy", dict(
        task="forward", batch=2, mask_ratio=0.5, seed=13, checkpoint="pth-legacy",
        config={k: v for k, v in config(img_size=15, patch_size=3, in_chans=4, embed_dim=28, num_heads=4, depth=1).items()
                if k != "norm_pix_loss"})),
    # decay and clipping that bites
    ("unlearn-adamw-clip", dict(task="unlearn", config=CONFIG, optimizer=optimizer(grad_clip=0.3), seed=21)),
    # coupled decay, no clipping, nothing masked, one image a group, numbers written 4.0
    ("unlearn-adam", dict(
        task="unlearn", batch=1, steps=4, mask_ratio=0.0, seed=22, checkpoint="pth",
        config={k: float(v) if k != "norm_pix_loss" else v
                for k, v in config(img_size=12, patch_size=3, embed_dim=32, num_heads=4, depth=1, mlp_ratio=3).items()},
        optimizer=optimizer(name="adam", grad_clip=None, weight_decay=0.1, betas=[0.9, 0.999], lr=2e-3, alpha=1))),
    # no decay, PyTorch's own betas, a bare state dict in a zip
    ("unlearn-no-decay", dict(
        task="unlearn", batch=3, steps=3, mask_ratio=0.75, seed=23, checkpoint="pth-bare",
        config=config(img_size=20, patch_size=5, in_chans=1, embed_dim=24, num_heads=2, mlp_ratio=2.0, norm_pix_loss=True),
        optimizer=optimizer(weight_decay=0.0, betas=None, grad_clip=100.0, eps=1e-4, lr=5e-3))),
    # the shortcut quirk in encoder and decoder, weights of half precision under the key model
    ("mage-forward", dict(model="mage", task="forward", config=MAGE, batch=2, seed=31, checkpoint="pth", store="f16")),
    # the first step has three retain images and one forget image; decay and clipping that bites
    ("mage-unlearn-paper-code", dict(
        model="mage", task="unlearn", batch=4, steps=3, seed=32, checkpoint="safetensors", store="bf16",
        optimizer=optimizer(grad_clip=0.3),
        config={**MAGE, "img_size": 8, "patch_size": 2, "embed_dim": 20, "num_heads": 2, "depth": 1, "mlp_ratio": 2.5,
                "decoder_embed_dim": 12, "decoder_num_heads": 2,
                "vqgan": {**MAGE["vqgan"], "ch_mult": [1, 1], "z_channels": 5, "embed_dim": 5, "n_embed": 30, "resolution": 8}})),
    # the same weights as mage-forward; coupled decay, no clipping; a description without the number of steps and the method
    ("mage-unlearn-group-mean", dict(
        model="mage", task="unlearn", batch=3, steps=3, seed=33, terse=True, weights="../mage-forward/checkpoint.pth", config=MAGE,
        loss_reduction="group-mean", optimizer=optimizer(name="adam", grad_clip=None, weight_decay=0.1, betas=[0.9, 0.999], alpha=0.5))),
    # two blocks a level, wide images, attention on the second level and in the middle, four heads; a bare state dict
    # with the buffers of the schedule
    ("palette-forward", dict(
        model="palette", task="forward", batch=2, height=6, width=10, seed=41, checkpoint="pth-bare", store="bf16",
        config={"unet": UNET, "beta_schedule": SCHEDULE})),
    # the same weights, tall images, twelve steps
    ("palette-sample", dict(
        model="palette", task="sample", batch=1, height=8, width=4, seed=42, weights="../palette-forward/checkpoint.pth",
        config={"unet": UNET, "beta_schedule": SCHEDULE})),
    # one block a level, attention in the middle alone, two heads; the first step has three retain images and one forget
    # image; a teacher among the weights, which is not the original
    ("palette-unlearn", dict(
        model="palette", task="unlearn", batch=4, steps=3, seed=43, checkpoint="pth-bare", store="f16", teacher_keys=True, terse=True,
        optimizer=ADAM, config={"unet": {**UNET, "attn_res": [16], "num_head_channels": 16, "res_blocks": 1, "image_size": 6},
                                "beta_schedule": SCHEDULE})),
]


def main(out):
    for name, changes in BUNDLES:
        args = bundle.parser().parse_args([])
        for key, value in {**changes, "out": os.path.join(out, name)}.items():
            setattr(args, key, json.dumps(value) if key in ("config", "optimizer") else value)
        bundle.make(args)


if __name__ == "__main__":
    main(sys.argv[1])
