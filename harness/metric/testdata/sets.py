# Writes sets.json: the metrics over sets by numpy, scipy, scikit-learn and
# scikit-image in float64, the textbook way: roots of whole matrices, kernels
# of whole sets. The inputs are those of sets_test.go, bit for bit.
#
#     python3 sets.py > sets.json
import json

import numpy as np
import scipy.linalg
import scipy.special
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from sklearn.metrics.pairwise import polynomial_kernel


def noise(n, seed):
    """A linear congruential generator modulo 2^32, its high 16 bits, in [0,1)."""
    out, s = np.empty(n), seed
    for i in range(n):
        s = (s * 1664525 + 1013904223) % 2**32
        out[i] = (s >> 16) / 65536
    return out


def features(n, d, seed):
    """Correlated, skewed features as float32, exact in float64: neighbours are
    mixed by halves, which rounds nothing."""
    u = noise(n * (d + 1), seed).reshape(n, d + 1)
    x = 0.5 * u[:, :-1] + 0.25 * u[:, 1:] + 0.125 * (seed % 7)
    return x.astype(np.float32).astype(np.float64)


def frechet(x, y):
    mx, my = x.mean(0), y.mean(0)
    cx, cy = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    if min(len(x), len(y)) > x.shape[1]:
        root = np.trace(scipy.linalg.sqrtm(cx @ cy).real)
    else:  # a root that needs no full rank: C1^(1/2) C2 C1^(1/2) by eigenvectors
        v, q = np.linalg.eigh(cx)
        keep = v > 1e-12 * v[-1]
        f = q[:, keep] * np.sqrt(v[keep])
        root = np.sqrt(np.linalg.eigvalsh(f.T @ cy @ f).clip(0)).sum()
    return float(((mx - my) ** 2).sum() + np.trace(cx) + np.trace(cy) - 2 * root)


def mmd(x, y):
    kw = dict(degree=3, gamma=None, coef0=1)
    xx, yy, xy = polynomial_kernel(x, **kw), polynomial_kernel(y, **kw), polynomial_kernel(x, y, **kw)
    m = len(x)
    return float((xx.sum() - np.trace(xx) + yy.sum() - np.trace(yy)) / (m * (m - 1)) - 2 * xy.sum() / m**2)


def inception(logits, splits):
    p = scipy.special.softmax(logits, axis=1)
    n = len(p) // splits
    scores = []
    for i in range(splits):
        part = p[i * n:(i + 1) * n]
        scores.append(np.exp(scipy.special.rel_entr(part, part.mean(0, keepdims=True)).sum(1).mean()))
    return [float(np.mean(scores)), float(np.std(scores))]


def lpips(x, y, w):
    def unit(a):
        return a / (np.sqrt((a * a).sum(0, keepdims=True)) + 1e-10)
    return float((w[:, None, None] * (unit(x) - unit(y)) ** 2).sum(0).mean())


out = {"frechet": [], "kid": [], "is": [], "cosine": [], "lpips": [], "images": []}
for nx, ny, d in [(120, 90, 24), (700, 650, 300), (20, 33, 64), (40, 200, 64), (64, 64, 64), (65, 66, 64)]:
    out["frechet"].append({"nx": nx, "ny": ny, "d": d, "value": frechet(features(nx, d, 1), features(ny, d, 2))})
for nx, ny, d, m in [(50, 50, 32, 50), (90, 70, 48, 40)]:
    x, y = features(nx, d, 1), features(ny, d, 2)
    # subset s takes every sample whose place is (i*stride+s) mod n: primes to n
    values = [mmd(x[[(i * 7 + s) % nx for i in range(m)]], y[[(i * 11 + s) % ny for i in range(m)]]) for s in range(5)]
    out["kid"].append({"nx": nx, "ny": ny, "d": d, "m": m, "mean": float(np.mean(values)), "sd": float(np.std(values))})
for n, c, splits in [(60, 10, 1), (105, 20, 10), (200, 1008, 10)]:
    v = inception(16 * features(n, c, 3), splits)
    out["is"].append({"n": n, "classes": c, "splits": splits, "mean": v[0], "sd": v[1]})
x, y = features(30, 17, 1), features(30, 17, 2)
c = (x * y).sum(1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1)
out["cosine"].append({"n": 30, "d": 17, "mean": float(c.mean()), "sd": float(c.std(ddof=1)),
                      "mse": float(((x - y) ** 2).mean())})
total = 0
for c, h, w in [(8, 5, 7), (16, 3, 2)]:
    a, b = (features(c, h * w, s).reshape(c, h, w) for s in (1, 2))
    a[:, 0, 0] = 0  # a place without any activation has no direction
    total += lpips(a, b, features(1, c, 4)[0])
out["lpips"].append({"value": total})
for c, h, w in [(3, 32, 32), (3, 37, 61), (1, 11, 13)]:
    x, y = features(c, h * w, 1).reshape(c, h, w), features(c, h * w, 2).reshape(c, h, w)
    out["images"].append({"c": c, "h": h, "w": w,
                          "psnr": float(peak_signal_noise_ratio(x, y, data_range=1)),
                          "ssim": float(structural_similarity(x, y, data_range=1, channel_axis=0, gaussian_weights=True,
                                                              sigma=1.5, use_sample_covariance=False)),
                          "mse": float(((x - y) ** 2).mean()),
                          "hole": float(((x - y) ** 2).reshape(c * h, w)[::2].mean())})
print(json.dumps(out, indent=1))
