"""What the tasks `unlearn` of all models share: the optimizer and its step."""
import torch


def make_optimizer(trained, settings):
    """trained: dict of name to parameter. Decay applies to tensors of rank above 1
    whose name does not end in .bias."""
    decay = [p for k, p in trained.items() if p.dim() > 1 and not k.endswith(".bias")]
    plain = [p for k, p in trained.items() if not (p.dim() > 1 and not k.endswith(".bias"))]
    groups = [{"params": decay}, {"params": plain, "weight_decay": 0.0}]
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings["name"]]
    known = {k: settings[k] for k in ("lr", "betas", "eps", "weight_decay") if settings.get(k) is not None}
    return kind(groups, **known)


def take_step(optimizer, trained, loss, settings):
    """Backward, clip, update; returns the norm of the gradients before clipping."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(list(trained.values()), settings.get("grad_clip") or float("inf"))
    optimizer.step()
    return norm


def squared_errors(got, want):
    """Mean squared error of each image, in single precision at least."""
    wide = torch.promote_types(got.dtype, torch.float32)
    return (got.to(wide) - want.to(wide)).square().flatten(1).mean(1)


def group_losses(each, labels, reduction):
    """each [B]: mean squared errors of the images; labels [B]: +1 retain, -1 forget.
    Returns the retain and the forget loss under MAGE's two reductions."""
    retain, forget = (1 + labels) / 2, (1 - labels) / 2
    if reduction == "paper-code":
        return (2 * retain * each).mean(), (2 * forget * each).mean()
    if reduction == "group-mean":
        return tuple((group * each).sum() / group.sum().clamp(min=1) for group in (retain, forget))
    raise SystemExit("loss_reduction is %r, want paper-code or group-mean" % reduction)


def draw_labels(steps, batch, draw):
    """Labels [S,B]: in the first step only the last image is to be forgotten, in the
    others chance decides."""
    labels = (torch.rand(steps, batch, generator=draw) < 0.5).float() * 2 - 1
    labels[0] = 1
    labels[0, -1] = -1
    return labels
