#!/usr/bin/env python3
"""LayerNorm, GELU, softmax and fused AdamW in PyTorch, f32, at the activations of ViT-B
(8 images of 197 tokens) and its 86 million weights, for comparison with the
benchmarks of package kernels. Prints rows in Go's benchmark format.

usage: torch_ops.py [--threads 1] [--seconds 0.1] [--no-adam]
op=grad is the backward pass alone, of a graph that is kept."""
import argparse
import os
import time

p = argparse.ArgumentParser()
p.add_argument("--threads", type=int, default=1)
p.add_argument("--seconds", type=float, default=0.1, help="of one measurement")
p.add_argument("--no-adam", action="store_true", help="leave the weights out, which want 1.4 GB")
args = p.parse_args()

import ctypes

libc = ctypes.CDLL(None)
libc.mallopt(-4, 0)  # as in torch_peer.py: what is freed stays with the process,
libc.mallopt(-1, 2**31 - 1)  # which is faster where page faults are slow
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = str(args.threads)

import torch
import torch.nn.functional as F

torch.set_num_threads(args.threads)
torch.manual_seed(0)


def row(name, run):
    """Runs for about the seconds asked for, after two runs to warm up."""
    run()
    run()
    n, began = 0, time.perf_counter()
    while n == 0 or time.perf_counter() - began < args.seconds:
        run()
        n += 1
    print("Benchmark%s\t%d\t%.0f ns/op" % (name, n, (time.perf_counter() - began) / n * 1e9), flush=True)


def both(kind, size, function, x, *parameters):
    with torch.no_grad():
        row("%s/isa=torch/prec=f32/op=fwd/%s" % (kind, size), lambda: function(x))
    x = x.clone().requires_grad_()
    y = function(x)
    dy = torch.randn_like(y)
    row("%s/isa=torch/prec=f32/op=grad/%s" % (kind, size), lambda: torch.autograd.grad(y, (x, *parameters), dy, retain_graph=True))


norm = torch.nn.LayerNorm(768, eps=1e-6)
both("LayerNorm", "r=1576/c=768", norm, torch.randn(1576, 768), norm.weight, norm.bias)
both("Gelu", "n=%d" % (1576 * 3072), F.gelu, torch.randn(1576, 3072))
both("Softmax", "r=18912/c=197", lambda t: t.softmax(-1), torch.randn(8, 12, 197, 197))
if not args.no_adam:
    sizes = [768 * 3072] * 36
    sizes.append(86_000_000 - sum(sizes))
    weights = [torch.randn(n).mul_(0.02).requires_grad_() for n in sizes]
    for w in weights:
        w.grad = torch.randn_like(w) * 1e-3
    optimizer = torch.optim.AdamW(weights, 1e-5, betas=(0.9, 0.95), weight_decay=0.05, fused=True)
    row("Adam/isa=torch/prec=f32/n=86000000", optimizer.step)
