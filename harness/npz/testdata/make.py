# Writes the .npz files of this folder.
#
#     python3 make.py
import os

import numpy as np

here = os.path.dirname(os.path.abspath(__file__))
mu = np.array([0.5, -1.25, 3])
sigma = np.array([[2, 0.25, 0], [0.25, 1, -0.5], [0, -0.5, 4]])
odd = np.array([[1, 2, 3], [4, 5, 6]], dtype=np.float32)
np.savez(os.path.join(here, "stats.npz"), mu=mu, sigma=sigma)
np.savez_compressed(os.path.join(here, "packed.npz"), mu=mu.astype(np.float32), sigma=np.asfortranarray(sigma),
                    odd=np.asfortranarray(odd), whole=np.arange(3), cube=np.zeros((2, 2, 2)))
