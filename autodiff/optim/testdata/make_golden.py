# Writes golden.json: trajectories of torch.optim on fixed numbers, PyTorch 2.6.
#   python3 make_golden.py > golden.json
# Gradients are given, not computed, so only the optimizers are compared.
# A null gradient stands for .grad = None.
import json, math, torch

def values(n, seed):  # multiples of 2^-8, so that JSON keeps them exactly
    return [((i * 37 + seed * 101) % 257 - 128) / 256 for i in range(n)]

def run(make, steps=5, n=19, lr=0.01):
    a, b = (torch.nn.Parameter(torch.tensor(values(n, s))) for s in (1, 2))
    opt = make(a, b)
    out = {"lr": lr, "w": [a.tolist(), b.tolist()], "grads": [], "after": []}
    for t in range(steps):
        for g in opt.param_groups:
            g["lr"] = lr
        ga, gb = values(n, 10 + t), None if t in (0, 2) else values(n, 20 + t)
        a.grad = torch.tensor(ga)
        b.grad = None if gb is None else torch.tensor(gb)
        opt.step()
        out["grads"].append([ga, gb])
        out["after"].append([a.tolist(), b.tolist()])
    return out

groups = lambda wd: (lambda a, b: [{"params": [a], "weight_decay": wd}, {"params": [b], "weight_decay": 0.0}])
golden = {
    "adamw": run(lambda a, b: torch.optim.AdamW(groups(0.05)(a, b), betas=(0.9, 0.95), eps=1e-8, foreach=False)),
    "adam": run(lambda a, b: torch.optim.Adam(groups(0.1)(a, b), betas=(0.9, 0.999), eps=1e-6, foreach=False)),
    "sgd": run(lambda a, b: torch.optim.SGD(groups(0.1)(a, b), lr=0.01, momentum=0.9, foreach=False)),
    "sgd_plain": run(lambda a, b: torch.optim.SGD(groups(0.0)(a, b), lr=0.01, momentum=0.0, foreach=False)),
    "clip": [],
}
for limit in (0.5, 3.0, 100.0):
    p = [torch.nn.Parameter(torch.zeros(19)) for _ in range(2)]
    for i, q in enumerate(p):
        q.grad = torch.tensor(values(19, 30 + i))
    before = [q.grad.tolist() for q in p]
    norm = torch.nn.utils.clip_grad_norm_(p, limit, foreach=False)
    golden["clip"].append({"limit": limit, "grads": before, "norm": norm.item(), "after": [q.grad.tolist() for q in p]})
print(json.dumps(golden))
