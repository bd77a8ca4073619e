#!/usr/bin/env python3
"""Prints PyTorch's images a second for one network: NAME [THREADS]."""
import sys
import time

import torch
import torchvision


def main():
    name, threads = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 2
    torch.set_num_threads(threads)
    models = torchvision.models
    if "Inception" in name:
        net, side = models.inception_v3(weights=None, init_weights=False, transform_input=False), 299
    elif name.startswith("ResNet-50"):
        net, side = models.resnet50(), 224
    elif name == "CLIP-B/32":
        net, side = models.vit_b_32(), 224
    else:
        sys.exit(f"no peer for {name}")
    x, best = torch.rand(8, 3, side, side), float("inf")
    with torch.inference_mode():
        net.eval()(x)
        for _ in range(4):
            start = time.perf_counter()
            net(x)
            best = min(best, time.perf_counter() - start)
    print(f"torch {torch.__version__}  {name}  {len(x) / best:.1f} images/s, the best of 4 batches of 8")


if __name__ == "__main__":
    main()
