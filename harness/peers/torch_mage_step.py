#!/usr/bin/env python3
"""MAGE of width 768 in PyTorch, for comparison with the benchmarks of layers/mage:
the unlearning step of `ours` (tokens of a VQGAN, half of them dropped, squared
errors of the latent, AdamW), a forward pass and steps of sampling.

usage: torch_mage_step.py [--work step] [--procedure same] [--images 4] [--layout last] [--rounds 5]"""
import math

import torch_peer

args = torch_peer.arguments(__doc__, images=4, procedures={
    "same": "tokens of an image computed once, one pass of the original a sample",
    "authors": "three tokenizations and two passes of the original a sample, as in the authors' code"})

import torch
import torch.nn.functional as F

import mae
import mage
import vqgan

torch_peer.ready(args)
SIDE = args.px // 16
BASE = {"img_size": args.px, "embed_dim": 768, "depth": 12, "num_heads": 12, "decoder_embed_dim": 768, "decoder_depth": 8,
        "decoder_num_heads": 16}
ENCODER = {**BASE, "decoder_embed_dim": 16, "decoder_depth": 0, "decoder_num_heads": 1}


def attention(self, x):
    """The library's fused attention in place of the three explicit products."""
    n, tokens, width = x.shape
    q, k, v = self.qkv(x).view(n, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
    return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


mae.Attention.forward = attention


def images():
    return torch_peer.in_layout(torch.rand(args.images, 3, args.px, args.px), args)


def steps():
    """Returns the function that takes one step; neither decoder is built."""
    tokenizer = torch_peer.in_layout(vqgan.VQGAN(), args).requires_grad_(False)
    del tokenizer.decoder
    student, original = (mage.MAGE(**ENCODER, vqgan={"ch": 32, "ch_mult": [1]}) for _ in range(2))
    for net in (student, original):
        del net.vqgan, net.mlm_layer
        net.eval()
    original.load_state_dict(student.state_dict())
    original.requires_grad_(False)
    trained = {k: p for k, p in student.named_parameters() if k.startswith(("token_emb.", "blocks.", "norm."))}
    decay = [p for p in trained.values() if p.dim() > 1]
    groups = [{"params": decay, "weight_decay": 0.05}, {"params": [p for p in trained.values() if p.dim() == 1], "weight_decay": 0}]
    optimizer = torch.optim.AdamW(groups, 1e-4, betas=(0.9, 0.95), fused=True)
    forget = torch.arange(args.images) % 2 == (args.images > 1)  # a single image is to be forgotten
    seen, noise = images(), images()

    def tokens(x):
        with torch.no_grad():
            return tokenizer.encode(x)[1]

    def same(drop, masked):
        """One tokenization of what either model sees, one pass of the original."""
        ids = tokens(seen)
        shown = ids.clone()
        shown[forget] = tokens(noise[forget])
        with torch.no_grad():
            target = original.encode(shown, drop, masked)
        each = (student.encode(ids, drop, masked) - target).square().mean((1, 2))
        return each[~forget].sum() / max(1, (~forget).sum()) + 0.25 * each[forget].sum() / max(1, forget.sum())

    def authors(drop, masked):
        """Every model tokenizes for itself, the original sees image and noise of every sample."""
        latent = student.encode(tokens(seen), drop, masked)
        with torch.no_grad():
            retained, forgotten = (original.encode(tokens(x), drop, masked) for x in (seen, noise))
        weight = 2.0 * forget
        retain = ((latent - retained).square().mean((1, 2)) * (2 - weight)).mean()
        return retain + 0.25 * ((latent - forgotten).square().mean((1, 2)) * weight).mean()

    def step():
        optimizer.zero_grad(set_to_none=True)
        rank = torch.rand(args.images, SIDE * SIDE).argsort(1).argsort(1)
        drop, masked = (rank < SIDE * SIDE // 2).float(), (rank < int(0.7 * SIDE * SIDE)).float()
        {"same": same, "authors": authors}[args.procedure](drop, masked).backward()
        torch.nn.utils.clip_grad_norm_(trained.values(), 3.0)
        optimizer.step()

    return step


def whole():
    net = mage.MAGE(**BASE).eval().requires_grad_(False)
    torch_peer.in_layout(net.vqgan, args)
    return net


def forward():
    net, x = whole(), images()
    rank = torch.rand(args.images, SIDE * SIDE).argsort(1).argsort(1)
    drop, masked = (rank < SIDE * SIDE // 2).float(), (rank < int(0.7 * SIDE * SIDE)).float()

    def run():
        z, ids = net.vqgan.encode(x)
        return net.vqgan.decode(z), net.decode(net.encode(ids, drop, masked), drop, masked)

    return torch.no_grad()(run)


def sample():
    """Tokenize, predict every token anew and keep the most confident of each step, decode."""
    net, x = whole(), images()
    nothing = torch.zeros(args.images, SIDE * SIDE)

    def run():
        ids, masked = net.tokens(x), torch.ones_like(nothing)
        for k in range(args.sampling_steps):
            log = net.decode(net.encode(ids, nothing, masked), nothing, masked)[:, 1:, : net.codes].log_softmax(-1)
            drawn = torch.distributions.Categorical(logits=log).sample()
            ids = torch.where(masked.bool(), drawn, ids)
            share = (k + 1) / args.sampling_steps
            score = log.gather(2, drawn[:, :, None])[:, :, 0] - 6.0 * (1 - share) * torch.rand_like(masked).log().neg().log()
            left = int(SIDE * SIDE * math.cos(math.pi / 2 * share))
            rank = torch.where(masked.bool(), score, torch.inf).argsort(1).argsort(1)
            masked = (rank < left).float()
        table = net.vqgan.quantize.embedding(ids)
        return net.vqgan.decode(table.view(args.images, SIDE, SIDE, -1).permute(0, 3, 1, 2))

    return torch.no_grad()(run)


torch_peer.measure("mage_vit_base_patch16", {"step": steps, "forward": forward, "sample": sample}[args.work](), args)
