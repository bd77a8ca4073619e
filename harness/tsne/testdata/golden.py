# Writes golden.json: t-SNE's objective and gradient by scikit-learn on a given
# embedding, its joint probabilities, a trustworthiness and the variances of a
# PCA. The inputs are those of tsne_test.go, bit for bit.
#
#     python3 golden.py > golden.json
import json

import numpy as np
import scipy.special
from scipy.optimize import brentq
from scipy.spatial.distance import pdist, squareform
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from sklearn.manifold._t_sne import _joint_probabilities, _kl_divergence


def noise(n, seed):
    """A linear congruential generator modulo 2^32, its high 16 bits, in [0,1)."""
    out, s = np.empty(n), seed
    for i in range(n):
        s = (s * 1664525 + 1013904223) % 2**32
        out[i] = (s >> 16) / 65536
    return out


def joint(d2, perplexity):
    """The joint probabilities with exact entropies: scikit-learn stops its search
    at 1e-5, and rounds distances to float32."""
    n = len(d2)
    p = np.zeros((n, n))
    for i in range(n):
        d = np.delete(d2[i], i) - np.delete(d2[i], i).min()

        def conditional(log_b):
            e = np.exp(-np.exp(log_b) * d)
            return e / e.sum()

        def gap(log_b):
            return scipy.special.entr(conditional(log_b)).sum() - np.log(perplexity)
        p[i] = np.insert(conditional(brentq(gap, -20, 20, xtol=1e-14, rtol=1e-14)), i, 0)
    return squareform((p + p.T) / (2 * n), checks=False)


n, d = 45, 12
x = noise(n * d, 1).reshape(n, d)
x[:, 0] += 2 * (np.arange(n) % 3)
y = 4 * noise(n * 2, 2).reshape(n, 2)
out = {}
for perplexity in (5, 14):
    theirs = _joint_probabilities(squareform(pdist(x, "sqeuclidean")), perplexity, 0)
    p = joint(squareform(pdist(x, "sqeuclidean")), perplexity)
    assert np.abs(theirs - p).max() < 1e-4 * p.max()
    kl, g = _kl_divergence(y.ravel(), p, 1, n, 2)
    g = g.reshape(n, 2)
    out[str(perplexity)] = {"kl": float(kl), "p": [float(v) for v in p[:6]],
                            "gradient": [float(v) for v in g[[0, 7, 44]].ravel()],
                            "norm": float(np.linalg.norm(g))}
print(json.dumps({"n": n, "d": d, "perplexity": out,
                  "trust": float(trustworthiness(x, y, n_neighbors=5)),
                  "variance": [float(v) for v in PCA(4, svd_solver="full").fit(x).singular_values_ ** 2]}, indent=1))
