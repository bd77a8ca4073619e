"""The tasks of model palette."""
import copy

import torch

from mage_tasks import whole
from palette import SCHEDULE, Palette
from unlearning import draw_labels, make_optimizer, squared_errors, take_step

TASKS = ("forward", "sample", "unlearn")


def build(config):
    unet = whole(config["unet"], ("dropout", "channel_mults"))
    return Palette(unet, config["beta_schedule"])


def draw_weights(model, draw):
    """Weights large enough that every tensor matters, those included that the
    reference starts at zero."""
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=draw)
        if p.dim() > 1:
            p.copy_(noise * (2.0 / (p.shape[0] + p[0].numel())) ** 0.5)
        elif name.endswith(".weight"):  # of a group normalization
            p.copy_(1 + 0.1 * noise)
        else:
            p.copy_(0.1 * noise)


def draw_inputs(model, about, size, draw):
    unet = about["config"]["unet"]
    out = int(unet["out_channel"])
    height, width = size.height or int(unet["image_size"]), size.width or int(unet["image_size"])

    def normal(*lead, channels=out):
        return torch.randn(lead + (channels, height, width), generator=draw)

    def hole(*lead):
        """One rectangle of ones an image, anywhere."""
        at = torch.rand(lead + (4,), generator=draw)
        rows, columns = torch.arange(height), torch.arange(width)
        top, left = (at[..., 0:1] * height * 0.6).floor(), (at[..., 1:2] * width * 0.6).floor()
        down = (rows >= top) & (rows <= top + at[..., 2:3] * height / 2)
        along = (columns >= left) & (columns <= left + at[..., 3:4] * width / 2)
        return (down[..., :, None] & along[..., None, :]).float().unsqueeze(-3)

    if about["task"] == "forward":
        return {"x": normal(size.batch, channels=int(unet["in_channel"])), "gammas": levels(model, (size.batch,), draw)}
    lead = (size.batch,) if about["task"] == "sample" else (size.steps, size.batch)
    mask, truth = hole(*lead), torch.tanh(normal(*lead))
    given = {"y_0": truth, "y_cond": truth * (1 - mask) + mask * normal(*lead), "mask": mask}
    if about["task"] == "sample":
        steps = len(model.gammas)
        return {**given, "y_t": given["y_cond"].clone(), "step_noise": normal(steps, *lead)}
    return {**given, "noise": normal(*lead), "gammas": levels(model, lead, draw), "labels": draw_labels(*lead, draw)}


def levels(model, lead, draw):
    """Noise levels lead+[1], each uniform between two neighbours of the schedule."""
    t = torch.randint(1, len(model.gammas), lead + (1,), generator=draw)
    return model.gammas[t] + torch.rand(lead + (1,), generator=draw) * (model.gammas[t - 1] - model.gammas[t])


def trained(model):
    return {k: p for k, p in model.named_parameters()
            if k.startswith(("denoise_fn.cond_embed.", "denoise_fn.input_blocks.", "denoise_fn.middle_block."))}


def run(model, about, given):
    model.eval()
    return {"forward": forward, "sample": sample, "unlearn": unlearn}[about["task"]](model, about, given)


def forward(model, about, given):
    with torch.no_grad():
        maps, embedding = model.denoise_fn.encode(given["x"], given["gammas"])
        out = {"feature.%d" % i: m for i, m in enumerate(maps)}
        out["noise_hat"] = model.denoise_fn.decode(maps, embedding)
    return out


def sample(model, about, given):
    with torch.no_grad():
        names = ("y_cond", "y_t", "y_0", "mask", "step_noise")
        return {"output": model.sample(*(given[k] for k in names))}


def unlearn(model, about, given):
    original, settings = copy.deepcopy(model), about["optimizer"]
    params = trained(model)
    opt = make_optimizer(params, settings)
    losses = []
    for step in range(len(given["y_0"])):
        y_0, y_cond, noise, hole, level, labels = (
            given[k][step] for k in ("y_0", "y_cond", "noise", "mask", "gammas", "labels"))
        root = level.sqrt()[:, :, None, None]
        noisy = root * y_0 + (1 - level).sqrt()[:, :, None, None] * noise
        shown = torch.where(labels[:, None, None, None] > 0, noisy, noise)

        def features(unet, in_hole):
            return unet.encode(torch.cat([y_cond, in_hole * hole + y_0 * (1 - hole)], 1), level)[0]

        with torch.no_grad():
            targets = features(original.denoise_fn, shown)
        loss = 0
        for got, want in zip(features(model.denoise_fn, noisy), targets):
            loss = loss + map_loss(squared_errors(got, want), labels, about, settings["alpha"])
        take_step(opt, params, loss, settings)
        losses.append(loss.detach())
    out = {"loss": torch.stack(losses)}
    out.update({"weights." + k: v for k, v in model.state_dict().items() if k not in SCHEDULE})
    return out


def map_loss(each, labels, about, alpha):
    """each [B]: mean squared errors of one feature map. The paper's code averages
    either group's over the whole batch."""
    retain, forget = (1 + labels) / 2, (1 - labels) / 2
    if about.get("loss_reduction", "paper-code") == "paper-code":
        return (retain * each).mean() + alpha * (forget * each).mean()
    if about["loss_reduction"] == "group-mean":
        return sum(a * (g * each).sum() / g.sum().clamp(min=1) for a, g in ((1, retain), (alpha, forget)))
    raise SystemExit("loss_reduction is %r, want paper-code or group-mean" % about["loss_reduction"])
