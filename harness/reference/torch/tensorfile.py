"""Writes .safetensors, so that PyTorch alone is enough to make a bundle."""
import json
import struct

import torch

DTYPES = {torch.float32: "F32", torch.int64: "I64"}


def write(path, tensors):
    """tensors: dict of name to tensor, float32 or int64."""
    header, blobs, at = {}, [], 0
    for name, tensor in tensors.items():
        blob = tensor.detach().cpu().contiguous().numpy().tobytes()
        header[name] = {"dtype": DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [at, at + len(blob)]}
        blobs.append(blob)
        at += len(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))
