# Writes resizes.json: CRC-32 of what Pillow makes of one picture at odd sizes
# and crops: 8-bit bicubic and bilinear, and bicubic on float32 planes clipped to
# [0,255], the "clean" way of FID. The picture is that of resize_float_test.go.
#
#     python3 resizes.py > resizes.json
import json
import zlib

import numpy as np
import PIL
from PIL import Image


def noise(n, seed):
    out, s = np.empty(n, np.uint8), seed
    for i in range(n):
        s = (s * 1664525 + 1013904223) % 2**32
        out[i] = s >> 24
    return out


def picture(w, h):
    """Noise on a checkerboard of 9 pixels, so that edges overshoot."""
    n = noise(h * w * 3, 5).reshape(h, w, 3) // 4
    board = ((np.arange(h)[:, None] // 9 + np.arange(w)[None] // 9) % 2 * 192).astype(np.uint8)
    return n + board[..., None]


def clean(im, size):
    planes = [np.asarray(Image.fromarray(np.asarray(im)[..., c].astype(np.float32), mode="F").resize(size, Image.BICUBIC)).clip(0, 255)
              for c in range(3)]
    return np.stack(planes).astype("<f4")


im = Image.fromarray(picture(157, 113))
cases = []
for box in [(0, 0, 157, 113), (13, 7, 120, 112), (1, 2, 98, 3), (50, 40, 57, 111)]:
    part = im.crop(box)
    for size in [(299, 299), (224, 224), (64, 48), (33, 77), (157, 31), (31, 113), (7, 3), (1, 1), (509, 2)]:
        cases.append({"box": box, "size": size,
                      "bicubic": zlib.crc32(part.resize(size, Image.BICUBIC).tobytes()),
                      "bilinear": zlib.crc32(part.resize(size, Image.BILINEAR).tobytes()),
                      "float": zlib.crc32(clean(part, size).tobytes())})
print(json.dumps({"pillow": PIL.__version__, "cases": cases}))
