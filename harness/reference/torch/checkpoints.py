"""Checkpoints as the reference programs save them, and the reading of any of them."""
import argparse
import os
import sys

import torch

import tensorfile
from palette import SCHEDULE
from unlearning import make_optimizer

KINDS = ("safetensors", "pth", "pth-bare", "pth-legacy")
STORED = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
TEACHER = "teacher_denoise_fn."


def round_weights(model, stored):
    """Rounds the weights to what a file of this type can hold."""
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(p.to(STORED[stored]))


def save(model, trained, args):
    """Saves the weights in args.out and returns the name of the file."""
    state = {k: v.detach().clone() for k, v in model.state_dict().items()}
    for key in dict(model.named_parameters()):
        state[key] = state[key].to(STORED[args.store])
    if args.no_schedule:
        state = {k: v for k, v in state.items() if k not in SCHEDULE}
    if args.teacher_keys:  # one element stretched: not the teacher's weights, and no room in the file
        state.update({TEACHER + k[len("denoise_fn."):]: torch.full((), 0.5).expand(v.shape)
                      for k, v in state.items() if k.startswith("denoise_fn.")})
    name = "checkpoint." + ("safetensors" if args.checkpoint == "safetensors" else "pth")
    path = os.path.join(args.out, name)
    if args.checkpoint == "safetensors":
        tensorfile.write(path, state)
    elif args.checkpoint == "pth":
        opt = make_optimizer(trained, {"name": "adamw", "lr": 1e-3, "betas": [0.9, 0.95], "eps": 1e-5, "weight_decay": 0.05})
        torch.save({"model": state, "optimizer": opt.state_dict(), "epoch": 3, "scaler": {"scale": 65536.0},
                    "args": argparse.Namespace(batch_size=64, lr=None, norm_pix_loss=False, device="cuda")}, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=args.checkpoint != "pth-legacy")
    return name


def load(model, path):
    """Loads a file strictly but for a teacher's copy, which is dropped, and for
    buffers: those follow from the configuration."""
    if path.endswith(".safetensors"):
        state = tensorfile.read(path)
    else:
        torch.serialization.add_safe_globals([argparse.Namespace])
        state = torch.load(path, map_location="cpu", weights_only=True)
    state = state.get("model", state)
    state = {k: v for k, v in state.items() if not k.startswith(TEACHER)}
    for name, own in model.named_buffers():
        stored = state.get(name)
        if stored is not None and (stored.shape != own.shape or not torch.allclose(stored.to(own), own, rtol=1e-4, atol=1e-6)):
            print("%s: buffer %s is not what the configuration gives, which is used" % (path, name), file=sys.stderr)
        state[name] = own
    model.load_state_dict({k: v.to(torch.float32) if v.is_floating_point() else v for k, v in state.items()})
