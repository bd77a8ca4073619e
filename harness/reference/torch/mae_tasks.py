"""The tasks of model mae."""
import copy

import torch

from mae import MAE
from unlearning import make_optimizer, take_step

TASKS = ("forward", "unlearn")


def build(config):
    return MAE(**{k: int(v) if k not in ("mlp_ratio", "norm_pix_loss") else v for k, v in config.items()})


def draw_weights(model, draw):
    """Weights large enough that every tensor matters, biases and scales included."""
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


def draw_inputs(model, about, size, draw):
    config = about["config"]
    side = int(config["img_size"])
    image = (int(config.get("in_chans", 3)), side, side)
    patches = (side // int(config["patch_size"])) ** 2
    lead = (size.batch,) if about["task"] == "forward" else (size.steps, size.batch)

    def normal():
        return torch.randn(lead + image, generator=draw)

    def uniform():
        return torch.rand(lead + (patches,), generator=draw)

    if about["task"] == "forward":
        return {"images": normal(), "noise": uniform()}
    names = ["retain_images", "forget_images", "gaussian"]
    return {**{k: normal() for k in names}, "retain_noise": uniform(), "forget_noise": uniform()}


def trained(model):
    frozen = ("decoder_", "mask_token")
    return {k: p for k, p in model.named_parameters() if p.requires_grad and not k.startswith(frozen)}


def run(model, about, given):
    return {"forward": forward, "unlearn": unlearn}[about["task"]](model, about, given)


def forward(model, about, given):
    with torch.no_grad():
        latent, mask, restore = model.encode(given["images"], given["noise"], about["mask_ratio"])
        pred = model.decode(latent, restore)
        loss = model.loss(given["images"], pred, mask)
    return {"latent": latent, "mask": mask, "ids_restore": restore, "pred": pred, "loss": loss.view(1)}


def unlearn(model, about, given):
    original, ratio, settings = copy.deepcopy(model), about["mask_ratio"], about["optimizer"]
    params = trained(model)
    opt = make_optimizer(params, settings)
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
        norm = take_step(opt, params, loss, settings)
        for name, value in zip(record, (retain, forget, loss, norm)):
            record[name].append(value.detach())
    out = {name: torch.stack(values) for name, values in record.items()}
    out.update({"weights." + key: value for key, value in model.state_dict().items()})
    return out
