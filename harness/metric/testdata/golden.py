# Writes golden.json: values of the metrics by numpy, float64, in the steps of
# skimage.metrics.structural_similarity with gaussian_weights=True, sigma=1.5,
# use_sample_covariance=False, data_range=1: reflect the border, filter, crop.
#
#     python3 golden.py > golden.json
import json
import numpy as np


def image(c, h, w, seed):
    """Hash noise over a gradient, the same integers as in metric_test.go."""
    i = np.arange(c * h * w, dtype=np.uint64)
    k = i + np.uint64(seed * 1000003)
    noise = ((k * k * np.uint64(2654435761)) % np.uint64(2**32)) >> np.uint64(16)
    slope = (i % np.uint64(w)).astype(np.float64) / w
    v = 0.7 * slope + 0.6 * (noise.astype(np.float64) / 65536) - 0.15
    return v.astype(np.float32).astype(np.float64).reshape(c, h, w)


def gaussian(x):
    r = int(3.5 * 1.5 + 0.5)
    k = np.arange(-r, r + 1)
    w = np.exp(-0.5 / 1.5**2 * k**2)
    w /= w.sum()
    for axis in range(2):
        pad = [(0, 0), (0, 0)]
        pad[axis] = (r, r)
        p = np.pad(x, pad, mode="symmetric")  # scipy calls it reflect
        x = np.apply_along_axis(lambda v: np.convolve(v, w, "valid"), axis, p)
    return x


def ssim(x, y):
    c1, c2 = 0.01**2, 0.03**2
    ux, uy = gaussian(x), gaussian(y)
    vx, vy, vxy = gaussian(x * x) - ux * ux, gaussian(y * y) - uy * uy, gaussian(x * y) - ux * uy
    s = ((2 * ux * uy + c1) * (2 * vxy + c2)) / ((ux**2 + uy**2 + c1) * (vx + vy + c2))
    pad = 5
    return s[pad:-pad, pad:-pad].mean()


def psnr(x, y):
    return 10 * np.log10(1 / np.mean((x - y) ** 2))


cases = []
for c, h, w in [(3, 32, 32), (3, 224, 224), (1, 11, 11), (3, 11, 40), (1, 37, 12)]:
    x, y = image(c, h, w, 1), image(c, h, w, 2)
    y = (0.75 * x + 0.25 * y).astype(np.float32).astype(np.float64)
    x, y = x.clip(0, 1), y.clip(0, 1)
    cases.append({"c": c, "h": h, "w": w, "psnr": psnr(x, y),
                  "ssim": float(np.mean([ssim(x[k], y[k]) for k in range(c)]))})

u, v = image(1, 17, 64, 3).ravel(), image(1, 17, 64, 4).ravel()
values = image(1, 1, 37, 5).ravel()
print(json.dumps({
    "images": cases,
    "encoder": {"rms": float(np.sqrt(np.mean((u - v) ** 2))),
                "unit": float(np.linalg.norm(u / np.linalg.norm(u) - v / np.linalg.norm(v)))},
    "values": {"mean": float(values.mean()), "stderr": float(values.std(ddof=1) / np.sqrt(len(values))),
               "q05": float(np.quantile(values, 0.05)), "p95": float(np.quantile(values, 0.95))},
}, indent=1))
