"""The tasks of model mage."""
import copy
import math

import torch

from mage import MAGE
from unlearning import draw_labels, group_losses, make_optimizer, squared_errors, take_step

TASKS = ("forward", "unlearn")
MARGIN = 1e-3  # between a pixel's two nearest codes, relative to their squared lengths


def whole(values, real=()):
    return {k: v if k in real or isinstance(v, (list, tuple)) else int(v) for k, v in values.items()}


def build(config):
    vqgan = whole(config.get("vqgan", {}))
    vqgan["ch_mult"] = [int(m) for m in vqgan.get("ch_mult", (1, 1, 2, 2, 4))]
    rest = {k: v for k, v in config.items() if k != "vqgan"}
    return MAGE(**whole(rest, ("mlp_ratio",)), vqgan=vqgan)


def draw_weights(model, draw):
    """Weights large enough that every tensor matters, codes where the encoder's
    outputs are, and something else in every tensor that nothing uses."""
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=draw)
        if "embeddings" in name or "pos_embed" in name or name in ("cls_token", "mask_token", "mlm_layer.bias"):
            p.copy_(0.3 * noise)
        elif p.dim() > 1:
            p.copy_(noise * (2.0 / (p.shape[0] + p[0].numel())) ** 0.5)
        elif name.endswith(".weight"):
            p.copy_(1 + 0.1 * noise)
        else:
            p.copy_(0.1 * noise)
    z = model.vqgan.encoder(images((8,), model, draw)).transpose(0, 1).flatten(1)
    codes = model.vqgan.quantize.embedding.weight
    codes.copy_(z.mean(1) + z.std(1) * torch.randn(codes.shape, generator=draw))


def images(lead, model, draw):
    """Images in [0,1] of smooth and of rough parts."""
    side = model.pos_embed.shape[1] - 1
    patch = model.patch_embed.proj
    side = math.isqrt(side) * patch.kernel_size[0]
    shape = lead + (patch.in_channels, side, side)
    base = torch.rand(lead + (patch.in_channels, 1, 1), generator=draw)
    return (base + 0.3 * torch.randn(shape, generator=draw)).clamp(0, 1)


def clear(model, batch):
    """Whether no pixel of the code map is about as near to a second code."""
    z = model.vqgan.encoder(batch)
    near = model.vqgan.quantize.distances(z).topk(2, 1, largest=False).values
    length = z.square().sum(1).flatten().mean() + model.vqgan.quantize.embedding.weight.square().sum(1).mean()
    return bool(((near[:, 1] - near[:, 0]) > MARGIN * length).all())


def clear_images(lead, model, draw):
    """Images whose tokens rounding cannot change, drawn one by one."""
    out = images(lead, model, draw)
    flat = out.view(-1, *out.shape[-3:])
    for i in range(len(flat)):
        while not clear(model, flat[i : i + 1]):
            flat[i] = images((1,), model, draw)[0]
    return out


def draw_masks(lead, tokens, draw):
    """Masks lead+[L]: the smallest numbers are dropped, as many in each row; of the
    rest some more are masked, but one token at least is seen."""
    dropped = math.ceil(tokens * 0.5)
    masked = torch.randint(dropped, tokens, lead[:-1] + (1, 1), generator=draw)
    rank = torch.rand(lead + (tokens,), generator=draw).argsort(-1).argsort(-1)
    return {"token_drop_mask": (rank < dropped).float(), "token_all_mask": (rank < masked).float()}


def draw_inputs(model, about, size, draw):
    lead = (size.batch,) if about["task"] == "forward" else (size.steps, size.batch)
    tokens = model.pos_embed.shape[1] - 1
    with torch.no_grad():
        given = {"images": clear_images(lead, model, draw)}
        if about["task"] == "unlearn":
            given["noise_images"] = clear_images(lead, model, draw)
            given["labels"] = draw_labels(size.steps, size.batch, draw)
    return {**given, **draw_masks(lead, tokens, draw)}


def trained(model):
    return {k: p for k, p in model.named_parameters() if k.startswith(("token_emb.", "blocks.", "norm."))}


def run(model, about, given):
    model.eval()
    return {"forward": forward, "unlearn": unlearn}[about["task"]](model, about, given)


def forward(model, about, given):
    drop, masked = given["token_drop_mask"], given["token_all_mask"]
    with torch.no_grad():
        with torch.autocast(masked.device.type, enabled=False):  # tokens are the same at any precision
            z_q, indices = model.vqgan.encode(given["images"])
        reconstruction = model.vqgan.decode(z_q)
        latent = model.encode(indices, drop, masked)
        logits = model.decode(latent, drop, masked)
        loss = model.loss(indices, logits, masked)
    return {"token_indices": indices, "z_q": z_q, "reconstruction": reconstruction, "latent": latent,
            "logits": logits, "loss": loss.view(1)}


def unlearn(model, about, given):
    original, settings = copy.deepcopy(model), about["optimizer"]
    params = trained(model)
    opt = make_optimizer(params, settings)
    record = {"loss_retain": [], "loss_forget": []}
    for step in range(len(given["images"])):
        images, noise, labels, drop, masked = (
            given[k][step] for k in ("images", "noise_images", "labels", "token_drop_mask", "token_all_mask"))
        with torch.autocast(images.device.type, enabled=False):
            seen = model.tokens(images)
            shown = torch.where(labels[:, None] > 0, seen, model.tokens(noise))
        with torch.no_grad():
            target = original.encode(shown, drop, masked)
        each = squared_errors(model.encode(seen, drop, masked), target)
        retain, forget = group_losses(each, labels, about["loss_reduction"])
        take_step(opt, params, retain + settings["alpha"] * forget, settings)
        for name, value in zip(record, (retain, forget)):
            record[name].append(value.detach())
    out = {name: torch.stack(values) for name, values in record.items()}
    out.update({"weights." + key: value for key, value in trained(model).items()})
    return out
