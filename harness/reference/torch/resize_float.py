#!/usr/bin/env python3
"""Prints a checksum of a float32 resampling by Pillow, as TestResizeFloat of
harness/data has it: sum and weighted sum of a pattern scaled both ways."""
import numpy as np
from PIL import Image

for (w, h), (ow, oh) in (((23, 17), (40, 29)), ((61, 47), (19, 13)), ((20, 30), (20, 11))):
    i = np.arange(w * h * 3, dtype=np.uint64)
    pix = ((i * 2654435761 >> np.uint64(7)) % np.uint64(256)).astype(np.float32).reshape(h, w, 3)
    for name, f in (("Bicubic", Image.BICUBIC), ("Bilinear", Image.BILINEAR)):
        out = np.stack([np.asarray(Image.fromarray(pix[:, :, c], mode="F").resize((ow, oh), f)) for c in range(3)], 2)
        bits = out.ravel().view(np.uint32).astype(np.uint64)
        print(w, h, ow, oh, name, int((bits * (np.arange(bits.size, dtype=np.uint64) + np.uint64(1))).sum() & np.uint64(2**63 - 1)))
