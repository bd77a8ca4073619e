#!/usr/bin/env python3
"""Seconds of the peers for a forward pass of the networks that measure images, as rows
in Go's benchmark format: PyTorch in both memory formats, or onnxruntime.

    torch_networks.py --peer torch|torch-last|onnxruntime --net ResNet-50|Inception-v3|CLIP-B/32

The networks are torchvision's and, for CLIP, the one of harness/reference/torch/networks.py;
their weights are random. onnxruntime gets PyTorch's own export, batch norms folded.
"""
import argparse
import io
import os
import statistics
import sys
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--peer", choices=["torch", "torch-last", "onnxruntime"], default="torch")
parser.add_argument("--net", choices=["ResNet-50", "Inception-v3", "CLIP-B/32"], required=True)
parser.add_argument("--images", type=int, default=8)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rounds", type=int, default=4)
args = parser.parse_args()
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = str(args.threads)
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "reference", "torch"))

import torch  # noqa: E402
import torchvision  # noqa: E402


def network():
    """The network and the side of its images."""
    if args.net == "ResNet-50":
        return torchvision.models.resnet50(), 224
    if args.net == "Inception-v3":
        return torchvision.models.inception_v3(weights=None, init_weights=False, aux_logits=False, transform_input=False), 299
    import networks
    tower = networks.Tower(224, 32, 768, 12, 12, 3072, 512, networks.Quick())
    for p in tower.parameters():
        torch.nn.init.normal_(p, std=0.02)
    return tower, 224


def session(net, x):
    """A function that runs the network by onnxruntime."""
    import onnxruntime
    file = io.BytesIO()
    torch.onnx.export(net, (x,), file, opset_version=17, input_names=["x"], output_names=["y"], dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = args.threads, 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    run = onnxruntime.InferenceSession(file.getvalue(), options, providers=["CPUExecutionProvider"])
    feed = {"x": x.numpy()}
    return lambda: run.run(None, feed)


def main():
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    net, side = network()
    net.eval()
    x = torch.rand(args.images, 3, side, side)
    if args.peer == "onnxruntime":
        work = session(net, x)
    else:
        if args.peer == "torch-last":
            net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
        work = lambda: net(x)  # noqa: E731
    times = []
    with torch.inference_mode():
        work()
        work()
        for _ in range(args.rounds):
            began = time.perf_counter()
            work()
            times.append(time.perf_counter() - began)
    seconds = statistics.median(times)
    print("BenchmarkFeatures/isa=%s/net=%s/prec=f32/px=%d/images=%d\t%d\t%.0f ns/op\t%.2f images/s" % (
        args.peer, args.net.replace("/", "-"), side, args.images, len(times), seconds * 1e9, args.images / seconds), flush=True)


if __name__ == "__main__":
    main()
