#!/usr/bin/env python3
"""Prints checksums of torchvision's and clean-fid's preparations of a pattern, as
TestPreparations of harness/feature has them."""
import numpy as np
import torch
from PIL import Image
from torchvision import transforms as T
from torchvision.transforms.functional import InterpolationMode as I

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
HALF = ((0.5,) * 3, (0.5,) * 3)
CIFAR = ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))


def recipe(short, filter, crop, stats):
    return T.Compose([T.Resize(short, filter), T.CenterCrop(crop), T.ToTensor(), T.Normalize(*stats)])


def fid(im):
    pix = np.asarray(im).astype(np.float32)
    out = [np.asarray(Image.fromarray(pix[:, :, c], mode="F").resize((299, 299), Image.BICUBIC)).clip(0, 255) for c in range(3)]
    return (torch.from_numpy(np.stack(out)) - 128) / 128


for w, h in ((301, 200), (150, 233)):
    i = np.arange(w * h * 3, dtype=np.uint64)
    im = Image.fromarray(((i * 2654435761 >> np.uint64(7)) % np.uint64(256)).astype(np.uint8).reshape(h, w, 3))
    for name, f in (
        ("imagenet", recipe(256, I.BILINEAR, 224, IMAGENET)),
        ("places", recipe((256, 256), I.BILINEAR, 224, IMAGENET)),
        ("inception", recipe(342, I.BILINEAR, 299, HALF)),
        ("paper-code", recipe((299, 299), I.BILINEAR, 299, CIFAR)),
        ("clip", recipe(224, I.BICUBIC, 224, CLIP)),
        ("fid", fid),
    ):
        x = f(im).numpy().transpose(1, 2, 0).astype(np.float64).ravel()
        print(f'{{"{name}", {w}, {h}, {x.sum():.6f}, {(x * (np.arange(x.size) % 1009)).sum():.3f}}},')
