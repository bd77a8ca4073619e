#!/usr/bin/env python3
"""Palette's U-Net in PyTorch, for comparison with the benchmarks of layers/unet:
the unlearning step of `ours` (down path and middle, squared errors of 13 feature
maps, Adam), a forward pass and steps of sampling, at the published size.

usage: torch_palette_step.py [--work step] [--procedure same] [--px 64] [--images 4] [--layout last] [--rounds 5]
[--precision bf16] (of the procedure `same` alone)"""
import copy

import torch_peer

args = torch_peer.arguments(__doc__, images=4, procedures={
    "same": "one pass of the original a sample",
    "authors": "as in the authors' code: the attention recomputed in the backward pass, an average of all weights of "
               "the whole network after each step",
    "both": "the original sees every sample twice, as it is and with noise in the hole"})

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

import palette

torch_peer.ready(args)
ALPHA = 0.1


def attention(self, x, embedding):
    """The library's fused attention in place of the two explicit products."""
    n, channels = x.shape[:2]
    qkv = self.qkv(self.norm(x.flatten(2))).view(n, self.heads, 3, channels // self.heads, -1)
    q, k, v = qkv.transpose(3, 4).unbind(2)
    out = F.scaled_dot_product_attention(q, k, v)
    return x + self.proj_out(out.transpose(2, 3).reshape(n, channels, -1)).view(x.shape)


def recomputed(self, x, embedding):
    return checkpoint(attention, self, x, embedding, use_reentrant=False)


palette.Attention.forward = recomputed if args.procedure == "authors" else attention


def images(channels=3):
    return torch_peer.in_layout(torch.randn(args.images, channels, args.px, args.px), args)


def steps():
    """Returns the function that takes one step; the up path is built for the authors' procedure alone."""
    student = torch_peer.in_layout(palette.UNet(), args)
    if args.procedure != "authors":
        del student.output_blocks, student.out
    original = copy.deepcopy(student).requires_grad_(False)
    average = copy.deepcopy(original) if args.procedure == "authors" else None
    optimizer = torch.optim.Adam(student.parameters(), 5e-5, fused=True)
    forget = (torch.arange(args.images) % 2 == (args.images > 1)).float()  # a single image is to be forgotten
    y_0, y_cond, noise = images(), images(), images()
    hole = torch.zeros(args.images, 1, args.px, args.px)
    hole[:, :, args.px // 4 : 3 * args.px // 4, args.px // 4 : 3 * args.px // 4] = 1
    level = torch.rand(args.images, 1) * 0.9 + 0.05

    def features(net, in_hole):
        return net.encode(torch.cat([y_cond, in_hole * hole + y_0 * (1 - hole)], 1), level)[0]

    def one_pass(noisy):
        shown = torch.where(forget[:, None, None, None] > 0, noise, noisy)
        weights = torch.where(forget > 0, ALPHA, 1.0) / args.images
        with torch_peer.cast(args):
            with torch.no_grad():
                targets = features(original, shown)
            maps = features(student, noisy)
        return sum(((s.float() - t.float()).square().flatten(1).mean(1) * weights).sum() for s, t in zip(maps, targets))

    def two_passes(noisy):
        f = forget[:, None, None, None]
        with torch.no_grad():
            retained, forgotten = features(original, noisy), features(original, noise)
        return sum(F.mse_loss(s * (1 - f), t * (1 - f)) + ALPHA * F.mse_loss(s * f, n * f)
                   for s, t, n in zip(features(student, noisy), retained, forgotten))

    def step():
        optimizer.zero_grad(set_to_none=True)
        root, rest = level.sqrt()[:, :, None, None], (1 - level).sqrt()[:, :, None, None]
        (two_passes if args.procedure == "both" else one_pass)(root * y_0 + rest * noise).backward()
        optimizer.step()
        if average:
            for a, p in zip(average.parameters(), student.parameters()):
                a.mul_(0.9999).add_(p.detach(), alpha=0.0001)

    return step


def forward():
    net, x, level = torch_peer.in_layout(palette.UNet(), args), images(6), torch.rand(args.images, 1)
    return torch.no_grad()(lambda: net(x, level))


def sample():
    schedule = {"schedule": "linear", "n_timestep": args.sampling_steps, "linear_start": 1e-4, "linear_end": 0.09}
    net = torch_peer.in_layout(palette.Palette({}, schedule), args)
    y_0, y_cond = images(), images()
    mask = (images()[:, :1] > 0).float()
    return torch.no_grad()(lambda: net.sample(y_cond, y_cond, y_0, mask, [images() for _ in range(args.sampling_steps)]))


torch_peer.measure("palette_inpainting_places2", {"step": steps, "forward": forward, "sample": sample}[args.work](), args)
