#!/usr/bin/env python3
"""Makes a reference bundle of a masked autoencoder with PyTorch.

    python3 bundle.py OUT --task unlearn --config '{"img_size":16,"patch_size":4,...}'

Weights, images and noise are drawn on the CPU from --seed, so that a bundle has
the same inputs whatever --device computes what is expected of them.
"""
import argparse
import copy
import json
import os

import torch

import tensorfile
from mae import MAE

OPTIMIZER = {"name": "adamw", "lr": 1e-3, "betas": [0.9, 0.95], "eps": 1e-5, "weight_decay": 0.05, "alpha": 0.25, "grad_clip": 1.0}
CHECKPOINTS = ["safetensors", "pth", "pth-bare", "pth-legacy"]


def draw_weights(model, draw):
    """Weights large enough that every tensor matters, biases and scales included."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.endswith("pos_embed"):
                continue
            noise = torch.randn(p.shape, generator=draw)
            if p.dim() > 1 and "token" not in name:
                p.copy_(noise * (2.0 / (p.shape[0] + p[0].numel())) ** 0.5)
            elif name.endswith(".weight"):
                p.copy_(1 + 0.1 * noise)
            else:
                p.copy_(0.1 * noise)


def forward(model, given, ratio):
    with torch.no_grad():
        latent, mask, restore = model.encode(given["images"], given["noise"], ratio)
        pred = model.decode(latent, restore)
        loss = model.loss(given["images"], pred, mask)
    return {"latent": latent, "mask": mask, "ids_restore": restore, "pred": pred, "loss": loss.view(1)}


def make_optimizer(model, settings):
    """The optimizer over the encoder, and the tensors it trains."""
    decoder = ("decoder_", "mask_token")
    trained = {k: p for k, p in model.named_parameters() if p.requires_grad and not k.startswith(decoder)}
    decay = [p for k, p in trained.items() if p.dim() > 1 and not k.endswith(".bias")]
    plain = [p for k, p in trained.items() if not (p.dim() > 1 and not k.endswith(".bias"))]
    groups = [{"params": decay}, {"params": plain, "weight_decay": 0.0}]
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings["name"]]
    known = {k: settings[k] for k in ("lr", "betas", "eps", "weight_decay") if k in settings}
    return kind(groups, **known), list(trained.values())


def unlearn(model, given, ratio, settings):
    original = copy.deepcopy(model)
    opt, trained = make_optimizer(model, settings)
    record = {"loss_retain": [], "loss_forget": [], "loss": [], "grad_norm": []}
    for step in range(given["retain_images"].shape[0]):
        x, y, z = (given[k][step] for k in ("retain_images", "forget_images", "gaussian"))
        retain_noise, forget_noise = given["retain_noise"][step], given["forget_noise"][step]
        with torch.no_grad():
            target_retain = original.encode(x, retain_noise, ratio)[0]
            target_forget = original.encode(z, forget_noise, ratio)[0]
        retain = (model.encode(x, retain_noise, ratio)[0] - target_retain).square().mean()
        forget = (model.encode(y, forget_noise, ratio)[0] - target_forget).square().mean()
        loss = retain + settings["alpha"] * forget
        opt.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(trained, settings.get("grad_clip") or float("inf"))
        opt.step()
        for name, value in zip(record, (retain, forget, loss, norm)):
            record[name].append(value.detach())
    out = {name: torch.stack(values) for name, values in record.items()}
    out.update({"weights." + key: value for key, value in model.state_dict().items()})
    return out


def draw_inputs(task, config, args, draw):
    side = config["img_size"]
    image = (int(config.get("in_chans", 3)), int(side), int(side))
    patches = (int(side) // int(config["patch_size"]),) * 2
    patches = patches[0] * patches[1]
    lead = (args.batch,) if task == "forward" else (args.steps, args.batch)

    def normal():
        return torch.randn(lead + image, generator=draw)

    def uniform():
        return torch.rand(lead + (patches,), generator=draw)

    if task == "forward":
        return {"images": normal(), "noise": uniform()}
    names = ["retain_images", "forget_images", "gaussian"]
    return {**{k: normal() for k in names}, "retain_noise": uniform(), "forget_noise": uniform()}


def save_checkpoint(model, kind, out, args):
    """Saves the weights and returns the name of the file."""
    state = {k: v.detach().clone() for k, v in model.state_dict().items()}
    name = "checkpoint." + ("safetensors" if kind == "safetensors" else "pth")
    path = os.path.join(out, name)
    if kind == "safetensors":
        tensorfile.write(path, state)
    elif kind == "pth":
        opt, _ = make_optimizer(model, OPTIMIZER)
        torch.save({"model": state, "optimizer": opt.state_dict(), "epoch": 3, "scaler": {"scale": 65536.0},
                    "args": argparse.Namespace(batch_size=64, lr=None, norm_pix_loss=False, device="cuda")}, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=kind != "pth-legacy")
    return name


def make(args):
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    config, settings = json.loads(args.config), json.loads(args.optimizer)
    draw = torch.Generator().manual_seed(args.seed)
    whole = {k: int(v) if k not in ("mlp_ratio", "norm_pix_loss") else v for k, v in config.items()}
    model = MAE(**whole)
    draw_weights(model, draw)
    inputs = draw_inputs(args.task, config, args, draw)
    os.makedirs(args.out, exist_ok=True)
    name = save_checkpoint(model, args.checkpoint, args.out, args)
    tensorfile.write(os.path.join(args.out, "inputs.safetensors"), inputs)
    model.to(args.device)
    given = {k: v.to(args.device) for k, v in inputs.items()}
    about = {"format": "lethe-reference/1", "task": args.task, "model": "mae", "config": config, "checkpoint": name,
             "mask_ratio": args.mask_ratio, "made_by": {"torch": torch.__version__, "device": args.device, "seed": args.seed}}
    if args.task == "forward":
        expected = forward(model, given, args.mask_ratio)
    else:
        about.update({"method": "ours", "steps": args.steps, "optimizer": settings})
        expected = unlearn(model, given, args.mask_ratio, settings)
    tensorfile.write(os.path.join(args.out, "expected.safetensors"), expected)
    with open(os.path.join(args.out, "bundle.json"), "w") as f:
        json.dump(about, f, indent=2)
        f.write("\n")


def parser():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out", help="directory to write")
    p.add_argument("--task", choices=["forward", "unlearn"], required=True)
    p.add_argument("--config", required=True, help="constructor arguments as JSON")
    p.add_argument("--optimizer", default=json.dumps(OPTIMIZER), help="task unlearn: optimizer of bundle.json as JSON")
    p.add_argument("--mask-ratio", type=float, default=0.75)
    p.add_argument("--batch", type=int, default=2, help="images, or images per step and group")
    p.add_argument("--steps", type=int, default=4)
    p.add_argument("--checkpoint", choices=CHECKPOINTS, default="safetensors")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--device", default="cpu")
    return p


if __name__ == "__main__":
    make(parser().parse_args())
