#!/usr/bin/env python3
"""The unlearning step of `ours` for masked autoencoders in PyTorch, for comparison with
BenchmarkUnlearnStep of layers/mae: student on the retain and the forget images,
frozen original on the retain images and on noise, mean squared errors, backward,
AdamW. 75 % of the patches are removed; no decoder is built.

usage: torch_mae_step.py [--model mae_vit_base_patch16] [--images 8] [--precision bf16] [--procedure same] [--rounds 5]
--images is a side: 8 retain images and 8 forget images."""
import torch_peer

# What the presets of layers/mae say of the encoder.
MODELS = {
    "mae_vit_base_patch16": {"embed_dim": 768, "depth": 12, "num_heads": 12},
    "mae_tiny": {"img_size": 32, "patch_size": 4, "embed_dim": 128, "depth": 6, "num_heads": 4},
}
args = torch_peer.arguments(__doc__, images=8, procedures={
    "same": "retain and forget images in one pass",
    "separate": "retain and forget images one after the other"}, extra=[("--model", {"choices": MODELS, "default": "mae_vit_base_patch16"})])

import torch
import torch.nn.functional as F

import mae

torch_peer.ready(args)


def attention(self, x):
    """The library's fused attention in place of the three explicit products."""
    n, tokens, width = x.shape
    q, k, v = self.qkv(x).view(n, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
    return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


mae.Attention.forward = attention


def encoder():
    return mae.MAE(**MODELS[args.model], decoder_embed_dim=16, decoder_depth=0, decoder_num_heads=1)


student, original = encoder(), encoder()
original.load_state_dict(student.state_dict())
original.requires_grad_(False)
trained = [p for k, p in student.named_parameters() if p.requires_grad and not k.startswith("decoder") and k != "mask_token"]
optimizer = torch.optim.AdamW(trained, 1e-4, betas=(0.9, 0.95), weight_decay=0, fused=True)
side = MODELS[args.model].get("img_size", 224)
patches = (side // MODELS[args.model].get("patch_size", 16)) ** 2
retain, forget, noise = (torch.randn(args.images, 3, side, side) for _ in range(3))


def encode(model, x, order):
    return model.encode(x, order, 0.75)[0]


def step():
    optimizer.zero_grad(set_to_none=True)
    order = torch.rand(2 * args.images, patches)
    with torch_peer.cast(args):
        if args.procedure == "separate":
            with torch.no_grad():
                tr, tf = encode(original, retain, order[: args.images]), encode(original, noise, order[args.images :])
            sr, sf = encode(student, retain, order[: args.images]), encode(student, forget, order[args.images :])
        else:
            with torch.no_grad():
                tr, tf = encode(original, torch.cat([retain, noise]), order).chunk(2)
            sr, sf = encode(student, torch.cat([retain, forget]), order).chunk(2)
    (F.mse_loss(sr.float(), tr.float()) + 0.25 * F.mse_loss(sf.float(), tf.float())).backward()
    optimizer.step()


torch_peer.measure(args.model, step, args, size="images=%d+%d" % (args.images, args.images))
