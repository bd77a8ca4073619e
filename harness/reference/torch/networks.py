#!/usr/bin/env python3
"""Writes what torchvision's and OpenAI's networks compute from weights and
images that are a formula of key and number, so that the Go networks can be held
against them without a weight in the tree:

    python3 harness/reference/torch/networks.py layers/pretrained/counted/testdata/networks.json

FID-Inception is torchvision's Inception with the pools of pytorch-fid, CLIP's
image tower is written out here. Needs torch, torchvision, numpy.
"""
import json
import sys

import numpy as np
import torch
import torchvision
from torch import nn
from torch.nn import functional as F
from torchvision.models import inception as tv


def unit(key, count):
    """unit is counted.Unit of the Go side for the first count numbers of a key."""
    h = 2166136261
    for b in key.encode():
        h = ((h ^ b) * 16777619) & 0xFFFFFFFF
    z = (np.uint64(h) + np.arange(count, dtype=np.uint64) * np.uint64(0x9E3779B9)).astype(np.uint32)
    z = (z ^ (z >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    z = (z ^ (z >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return (z ^ (z >> np.uint32(16))).astype(np.float64) / 2**32


def fill(net):
    """fill gives every tensor of a network its values by formula."""
    state = net.state_dict()
    for key, t in state.items():
        if key.endswith("num_batches_tracked"):
            continue
        low, span = -0.1, 0.2
        fan = t.numel() // t.shape[0]
        if key.endswith("running_var"):
            low, span = 0.5, 1
        elif t.dim() == 4:
            low, span = -np.sqrt(6 / fan), 2 * np.sqrt(6 / fan)
        elif t.dim() == 2:
            low, span = -np.sqrt(3 / fan), 2 * np.sqrt(3 / fan)
        elif key.endswith(".weight"):
            low, span = 0.75, 0.5
        t.copy_(torch.from_numpy((low + span * unit(key, t.numel())).astype(np.float32)).view(t.shape))
    return net.eval()


def images(n, h, w):
    return torch.from_numpy((2 * unit("input", n * 3 * h * w) - 1).astype(np.float32)).view(n, 3, h, w)


class AvgBare:
    """AvgBare replaces avg_pool2d within a block: padding is not counted."""

    def __init__(self, block, pool):
        self.block, self.pool = block, pool

    def __call__(self, x):
        kept, F.avg_pool2d = F.avg_pool2d, self.pool
        try:
            return type(self.block).forward(self.block, x)
        finally:
            F.avg_pool2d = kept


def fid_inception():
    """pytorch-fid: average pools without padding in the A, C and first E block, a
    maximum in the second E block, 1008 classes."""
    net = tv.Inception3(num_classes=1008, aux_logits=False, init_weights=False, transform_input=False)
    average = F.avg_pool2d
    bare = lambda x, **_: average(x, kernel_size=3, stride=1, padding=1, count_include_pad=False)
    top = lambda x, **_: F.max_pool2d(x, kernel_size=3, stride=1, padding=1)
    for name, block in net.named_children():
        if isinstance(block, (tv.InceptionA, tv.InceptionC, tv.InceptionE)):
            block.forward = AvgBare(block, top if name == "Mixed_7c" else bare)
    return net


class SmallBlock(nn.Module):
    def __init__(self, cin, cout, stride, project):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False), nn.BatchNorm2d(cout)
        self.conv2, self.bn2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False), nn.BatchNorm2d(cout)
        self.pad = 0 if cin == cout else cout // 4
        if project and cin != cout:
            self.downsample = nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if hasattr(self, "downsample"):
            x = self.downsample(x)
        elif self.pad:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad))
        return F.relu(x + y)


class SmallResNet(nn.Module):
    def __init__(self, blocks, project, head):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        cin = 16
        for stage, cout in enumerate((16, 32, 64)):
            layers = []
            for i in range(blocks):
                layers.append(SmallBlock(cin, cout, 2 if stage and i == 0 else 1, project))
                cin = cout
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.head = head
        setattr(self, head, nn.Linear(64, 10))

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x))).mean((2, 3))
        return x, getattr(self, self.head)(x)


class Quick(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


class ClipBlock(nn.Module):
    def __init__(self, width, heads, hidden, act):
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.Sequential()
        self.mlp.add_module("c_fc", nn.Linear(width, hidden))
        self.mlp.add_module("gelu", act)
        self.mlp.add_module("c_proj", nn.Linear(hidden, width))

    def forward(self, x):
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.ln_2(x))


class Tower(nn.Module):
    def __init__(self, size, patch, width, depth, heads, hidden, embed, act):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.positional_embedding = nn.Parameter(torch.zeros((size // patch) ** 2 + 1, width))
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.transformer = nn.Module()
        self.transformer.resblocks = nn.Sequential(*[ClipBlock(width, heads, hidden, act) for _ in range(depth)])
        self.proj = nn.Parameter(torch.zeros(width, embed))

    def forward(self, x):
        x = self.conv1(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_embedding.expand(x.shape[0], 1, -1), x], 1) + self.positional_embedding
        x = self.transformer.resblocks(self.ln_pre(x))
        return self.ln_post(x[:, 0]) @ self.proj


def classified(net, x, pooled):
    """classified returns the input of the last layer, pooled over pixels, and its logits."""
    seen = []
    handle = pooled.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    logits = net(x)
    handle.remove()
    return (seen[0].mean((2, 3)) if seen[0].dim() == 4 else seen[0]), logits


def outputs():
    models = torchvision.models
    x = images(2, 139, 107)
    net = fill(tv.Inception3(num_classes=1000, aux_logits=False, init_weights=False, transform_input=False))
    yield "Inception-v3", classified(net, x, net.avgpool)
    net = fill(fid_inception())
    yield "FID-Inception-v3", classified(net, x, net.avgpool)
    for name, classes in (("ResNet-50", 1000), ("ResNet-50-Places365", 365)):
        net = fill(models.resnet50(num_classes=classes))
        yield name, classified(net, images(2, 97, 64), net.fc)
    for blocks in (3, 9):
        yield f"ResNet-{6 * blocks + 2}", fill(SmallResNet(blocks, False, "linear"))(images(2, 32, 32))
    yield "ResNet-20-projected", fill(SmallResNet(3, True, "fc"))(images(2, 32, 32))
    for name, make, taps in (("SqueezeNet-1.0", models.squeezenet1_0, (1, 4, 5, 8, 9, 10, 12)),
                             ("SqueezeNet-1.1", models.squeezenet1_1, (1, 4, 7, 9, 10, 11, 12))):
        net, x = fill(make()), images(2, 80, 71)
        yield name, classified(net, x, net.classifier)
        for i, t in enumerate(taps):
            yield f"{name}/tap{i}", (net.features[: t + 1](x),)
    yield "CLIP-B/32", (fill(Tower(224, 32, 768, 12, 12, 3072, 512, Quick()))(images(1, 224, 224)),)
    yield "CLIP-H-small", (fill(Tower(56, 14, 160, 3, 2, 640, 64, nn.GELU()))(images(2, 56, 56)),)


def summary(t):
    flat = t.double().flatten()
    step = max(flat.numel() // 64, 1)
    return {"shape": list(t.shape), "norm": float(flat.norm()), "values": [float(f"{v:.7g}") for v in flat[::step][:64]]}


def main():
    torch.set_num_threads(2)
    out = {}
    with torch.no_grad():
        for name, tensors in outputs():
            for kind, t in zip(("features", "logits"), tensors):
                out[f"{name}:{kind}"] = summary(t)
    lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in out.items())
    with open(sys.argv[1], "w", encoding="utf-8") as f:
        f.write("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()
