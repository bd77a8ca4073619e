#!/usr/bin/env python3
"""LayerNorm, GELU, softmax and AdamW of PyTorch, for comparison with the rows
net=peers of BenchmarkMemoryBound in package kernels. Prints Go's benchmark format.

usage: torch_ops.py [--threads 2] [--seconds 0.2]"""
import argparse
import ctypes
import os
import time

a = argparse.ArgumentParser()
a.add_argument("--threads", type=int, default=2)
a.add_argument("--seconds", type=float, default=0.2)
args = a.parse_args()
libc = ctypes.CDLL(None)
libc.mallopt(-4, 0)  # M_MMAP_MAX: memory that is freed stays, page faults are slow
libc.mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = str(args.threads)

import torch
import torch.nn.functional as F

torch.set_num_threads(args.threads)
torch.manual_seed(0)


def row(op, elements, work):
    work()
    runs, began = 0, time.perf_counter()
    while runs == 0 or time.perf_counter() - began < args.seconds:
        work()
        runs += 1
    each = (time.perf_counter() - began) / runs
    print("BenchmarkMemoryBound/isa=torch/prec=f32/op=%s/n=%d\t%d\t%.0f ns/op\t%.4f ns/elem" % (op, elements, runs, each * 1e9, each * 1e9 / elements), flush=True)


with torch.no_grad():
    x, g, b = torch.randn(1576, 768), torch.randn(768), torch.randn(768)
    row("layernorm", x.numel(), lambda: F.layer_norm(x, (768,), g, b, 1e-6))
    h = torch.randn(1576, 3072)
    row("gelu", h.numel(), lambda: F.gelu(h))
    s = torch.randn(8 * 12 * 197, 197)
    row("softmax", s.numel(), lambda: F.softmax(s, -1))
d = torch.randn(1576, 768)
x.requires_grad_(True), g.requires_grad_(True), b.requires_grad_(True)
y = F.layer_norm(x, (768,), g, b, 1e-6)
row("layernorm.grad", x.numel(), lambda: torch.autograd.grad(y, (x, g, b), d, retain_graph=True))
hd, h = torch.randn(1576, 3072), h.requires_grad_(True)
z = F.gelu(h)
row("gelu.grad", h.numel(), lambda: torch.autograd.grad(z, h, hd, retain_graph=True))
w = torch.randn(86_000_000).requires_grad_(True)
w.grad = torch.randn(86_000_000)
opt = torch.optim.AdamW([w], 1e-5, betas=(0.9, 0.95), weight_decay=0.05, fused=True)
row("adamw", w.numel(), opt.step)
