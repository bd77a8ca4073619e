"""Makes the golden pictures of this folder with Pillow and libjpeg-turbo's cjpeg.

    python3 make.py        # in this folder; needs python3-pil, numpy, libjpeg-turbo-progs

Every input is computed here. For an input NAME.jpg or NAME.png, NAME.rgb.png is
what Pillow's convert("RGB") makes of it.
"""
import subprocess
import numpy as np
from PIL import Image, ImageFilter, features

rng = np.random.default_rng(20240131)


def picture(w, h):
    """Smooth waves with sharp coloured edges."""
    y, x = np.mgrid[0:h, 0:w]
    c = [128 + 100 * np.sin(x / 5.0 + k) * np.cos(y / (4.0 + k)) + 60 * ((x // 7 + y // 9 + k) % 2) - 30 for k in range(3)]
    return np.clip(np.stack(c, -1), 0, 255).astype(np.uint8)


def blocks(w, h, bw, bh):
    """Blocks of one random colour each."""
    c = rng.integers(0, 256, (-(-h // bh), -(-w // bw), 3)).astype(np.uint8)
    return np.ascontiguousarray(c.repeat(bh, 0).repeat(bw, 1)[:h, :w])


def expect(path):
    im = Image.open(path)
    im.convert("RGB").save(path.rsplit(".", 1)[0] + ".rgb.png", optimize=True)


def cjpeg(name, a, *args):
    ppm = b"P6 %d %d 255\n" % (a.shape[1], a.shape[0]) + a.tobytes()
    with open(name, "wb") as f:
        f.write(subprocess.run(["cjpeg", *args], input=ppm, stdout=subprocess.PIPE, check=True).stdout)
    expect(name)


def jpegs():
    for tag, sample in [("444", "1x1"), ("422", "2x1"), ("420", "2x2"), ("440", "1x2"), ("411", "4x1")]:
        cjpeg(f"jpeg_{tag}.jpg", picture(61, 43), "-quality", "85", "-sample", sample)
        # whole coding units of one colour: only DC coefficients, so no IDCT rounding
        cjpeg(f"jpeg_{tag}_dc.jpg", blocks(187, 139, 8 * int(sample[0]), 8 * int(sample[2])), "-quality", "80", "-sample", sample)
    for w, h in [(1, 1), (2, 2), (3, 3), (4, 5), (5, 4), (1, 9), (9, 1)]:
        cjpeg(f"jpeg_420_{w}x{h}.jpg", picture(w, h), "-quality", "90", "-sample", "2x2")
    cjpeg("jpeg_420_progressive.jpg", picture(61, 43), "-quality", "85", "-sample", "2x2", "-progressive")
    cjpeg("jpeg_rgb.jpg", picture(33, 21), "-quality", "90", "-rgb")
    cjpeg("jpeg_grey.jpg", picture(33, 21), "-quality", "90", "-grayscale")
    cmyk = np.concatenate([picture(33, 21), (picture(33, 21)[..., :1] // 3)], -1)
    Image.fromarray(cmyk, "CMYK").save("jpeg_cmyk.jpg", quality=90)
    expect("jpeg_cmyk.jpg")
    b = bytearray(open("jpeg_cmyk.jpg", "rb").read())
    at = b.index(b"Adobe")
    assert b[at + 11] == 0
    b[at + 11] = 2  # the same data, declared YCCK
    open("jpeg_ycck.jpg", "wb").write(bytes(b))
    expect("jpeg_ycck.jpg")


def pngs():
    a = picture(19, 13)
    alpha = (a[..., :1].astype(int) * 7 % 256).astype(np.uint8)
    for name, im in {
        "png_rgb": Image.fromarray(a),
        "png_rgba": Image.fromarray(np.concatenate([a, alpha], -1), "RGBA"),
        "png_la": Image.fromarray(np.concatenate([a[..., :1], alpha], -1), "LA"),
        "png_grey": Image.fromarray(a[..., 0], "L"),
        "png_bit": Image.fromarray(a[..., 0], "L").convert("1"),
        "png_palette": Image.fromarray(a).quantize(23),
    }.items():
        im.save(name + ".png")
        expect(name + ".png")
    Image.fromarray(a).quantize(23).save("png_palette_clear.png", transparency=3)
    expect("png_palette_clear.png")
    # Pillow clips 16-bit grey at 255, so the golden file is the high byte instead
    deep = a[..., 0].astype(np.uint16) * 256 + 200
    Image.fromarray(deep).save("png_grey16.png")
    Image.fromarray(a[..., 0]).convert("RGB").save("png_grey16.rgb.png")


def resizes():
    src = np.clip(picture(61, 43).astype(int) + rng.integers(-60, 60, (43, 61, 3)), 0, 255).astype(np.uint8)
    im = Image.fromarray(src)
    im.save("resize.png", optimize=True)
    for name, f in [("bicubic", Image.BICUBIC), ("bilinear", Image.BILINEAR)]:
        for w, h in [(32, 32), (7, 5), (90, 64), (61, 20), (24, 43), (1, 1), (61, 43), (123, 2)]:
            im.resize((w, h), f).save(f"resize_{name}_{w}x{h}.png", optimize=True)
    # a crop and its enlargement, as RandomResizedCrop makes
    im.crop((11, 3, 11 + 29, 3 + 23)).resize((32, 32), Image.BICUBIC).save("resize_crop.png", optimize=True)


def blurs():
    im = Image.open("resize.png").convert("L")
    im.save("blur.png", optimize=True)
    for radius in (0, 0.4, 1, 1.75, 3.5, 7, 40):  # the last box is longer than the image
        im.filter(ImageFilter.GaussianBlur(radius)).save(f"blur_{radius}.png", optimize=True)
    hole = np.zeros((64, 64), np.uint8)
    hole[12:52, 9:52] = 255
    Image.fromarray(hole, "L").save("blur_hole.png", optimize=True)
    Image.fromarray(hole, "L").filter(ImageFilter.GaussianBlur(7)).save("blur_hole_7.png", optimize=True)


print(Image.__version__, features.version("libjpeg_turbo"))
jpegs()
pngs()
resizes()
blurs()
