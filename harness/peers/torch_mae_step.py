#!/usr/bin/env python3
"""The unlearning step of `ours` in PyTorch, for comparison with
BenchmarkUnlearnStep: student on the retain and the forget images, frozen original
on the retain images and on noise, mean squared errors, backward, AdamW.

usage: torch_mae_step.py [--model mae_vit_base_patch16|mae_tiny] [--precision f32|bf16]
  [--threads 2] [--steps 5] [--images 8] [--separate] [--malloc keep|default] [--rows]
Prints the milliseconds of each step after the first two, and the peak resident
memory; with --rows their median in Go's benchmark format. --separate runs retain and
forget images one after the other; bf16 is autocast. --malloc keep makes glibc's
malloc keep what is freed, which is faster where page faults are slow."""
import argparse
import ctypes
import os
import resource
import sys
import time

a = argparse.ArgumentParser()
a.add_argument("--threads", type=int, default=2)
a.add_argument("--steps", type=int, default=5)
a.add_argument("--images", type=int, default=8)
a.add_argument("--separate", action="store_true")
a.add_argument("--model", choices=["mae_vit_base_patch16", "mae_tiny"], default="mae_vit_base_patch16")
a.add_argument("--precision", choices=["f32", "bf16"], default="f32")
a.add_argument("--malloc", choices=["keep", "default"], default="keep")
a.add_argument("--rows", action="store_true")
args = a.parse_args()
if args.malloc == "keep":
    libc = ctypes.CDLL(None)
    libc.mallopt(-4, 0)  # M_MMAP_MAX: no block of its own from the system
    libc.mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD: 2 GiB at the top stay
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = str(args.threads)

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "reference", "torch"))
import mae

torch.set_num_threads(args.threads)
torch.manual_seed(0)


def attention(self, x):
    """The library's fused attention in place of the three explicit products."""
    n, tokens, width = x.shape
    q, k, v = self.qkv(x).view(n, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
    return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


mae.Attention.forward = attention


def encoder():
    """The model without its decoder, which `ours` never runs."""
    if args.model == "mae_tiny":
        return mae.MAE(img_size=32, patch_size=4, embed_dim=128, depth=6, num_heads=4, decoder_embed_dim=16, decoder_depth=0, decoder_num_heads=1)
    return mae.MAE(embed_dim=768, depth=12, num_heads=12, decoder_embed_dim=16, decoder_depth=0, decoder_num_heads=1)


student, original = encoder(), encoder()
original.load_state_dict(student.state_dict())
original.requires_grad_(False)
trained = [p for k, p in student.named_parameters() if p.requires_grad and not k.startswith("decoder") and k != "mask_token"]
optimizer = torch.optim.AdamW(trained, 1e-4, betas=(0.9, 0.95), weight_decay=0, fused=True)
side = 32 if args.model == "mae_tiny" else 224
patches = (side // student.patch) ** 2
shape = (args.images, 3, side, side)
retain, forget, noise = (torch.randn(shape) for _ in range(3))


def encode(model, x, order):
    return model.encode(x, order, 0.75)[0]


def step():
    optimizer.zero_grad(set_to_none=True)
    order = torch.rand(2 * args.images, patches)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.precision == "bf16"):
        if args.separate:
            with torch.no_grad():
                tr, tf = encode(original, retain, order[: args.images]), encode(original, noise, order[args.images :])
            sr, sf = encode(student, retain, order[: args.images]), encode(student, forget, order[args.images :])
        else:
            with torch.no_grad():
                tr, tf = encode(original, torch.cat([retain, noise]), order).chunk(2)
            sr, sf = encode(student, torch.cat([retain, forget]), order).chunk(2)
        loss = F.mse_loss(sr.float(), tr.float()) + 0.25 * F.mse_loss(sf.float(), tf.float())
    loss.backward()
    optimizer.step()


times = []
for i in range(args.steps + 2):
    began = time.perf_counter()
    step()
    if i > 1:
        times.append((time.perf_counter() - began) * 1e3)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
if args.rows:
    print("BenchmarkStep/isa=torch/net=%s/prec=%s\t%d\t%.0f ns/op\t%.0f peak-MiB" % (args.model, args.precision, len(times), sorted(times)[len(times) // 2] * 1e6, peak))
    sys.exit()
print("torch %s, %d threads: ms %s; peak %.0f MiB" % (torch.__version__, args.threads, " ".join("%.0f" % t for t in times), peak))
