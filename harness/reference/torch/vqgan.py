"""The VQGAN that turns MAGE's images into tokens, in plain PyTorch: the state-dict
keys and the mathematics of the reference implementation."""
import torch
import torch.nn.functional as F
from torch import nn


def normalization(channels):
    return nn.GroupNorm(32, channels, eps=1e-6)


class ResBlock(nn.Module):
    """Where the channels change, the 1x1 shortcut is applied to the block's own
    output and the input is dropped: out = W h + h, as the weights expect."""

    def __init__(self, channels, out_channels):
        super().__init__()
        self.norm1 = normalization(channels)
        self.conv1 = nn.Conv2d(channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = normalization(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.nin_shortcut = None
        if channels != out_channels:
            self.nin_shortcut = nn.Conv2d(out_channels, out_channels, 1, bias=False)

    def forward(self, x):
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        return h + (x if self.nin_shortcut is None else self.nin_shortcut(h))


class Group(nn.Module):
    """A plain holder of submodules, so that their keys have its name."""

    def __init__(self, **modules):
        super().__init__()
        for name, module in modules.items():
            self.add_module(name, module)


def middle(channels):
    return Group(block_1=ResBlock(channels, channels), block_2=ResBlock(channels, channels))


class Encoder(nn.Module):
    def __init__(self, ch, ch_mult, num_res_blocks, in_channels, z_channels):
        super().__init__()
        self.conv_in = nn.Conv2d(in_channels, ch, 3, padding=1, bias=False)
        self.down = nn.ModuleList()
        c = ch
        for mult in ch_mult:
            blocks = nn.ModuleList()
            for _ in range(num_res_blocks):
                blocks.append(ResBlock(c, ch * mult))
                c = ch * mult
            self.down.append(Group(block=blocks))
        self.mid = middle(c)
        self.norm_out = normalization(c)
        self.conv_out = nn.Conv2d(c, z_channels, 1)

    def forward(self, x):
        h = self.conv_in(x)
        for i, level in enumerate(self.down):
            if i > 0:
                h = F.avg_pool2d(h, 2)
            for block in level.block:
                h = block(h)
        h = self.mid.block_2(self.mid.block_1(h))
        return self.conv_out(F.silu(self.norm_out(h)))


class Decoder(nn.Module):
    def __init__(self, ch, ch_mult, num_res_blocks, out_ch, z_channels):
        super().__init__()
        c = ch * ch_mult[-1]
        self.conv_in = nn.Conv2d(z_channels, c, 3, padding=1)
        self.mid = middle(c)
        levels = []
        for i, mult in reversed(list(enumerate(ch_mult))):
            blocks = nn.ModuleList()
            for _ in range(num_res_blocks):
                blocks.append(ResBlock(c, ch * mult))
                c = ch * mult
            level = Group(block=blocks)
            if i > 0:
                level.upsample = Group(conv=nn.Conv2d(c, c, 3, padding=1))
            levels.insert(0, level)
        self.up = nn.ModuleList(levels)
        self.norm_out = normalization(c)
        self.conv_out = nn.Conv2d(c, out_ch, 3, padding=1)

    def forward(self, z):
        h = self.mid.block_2(self.mid.block_1(self.conv_in(z)))
        for i, level in reversed(list(enumerate(self.up))):
            for block in level.block:
                h = block(h)
            if i > 0:
                h = level.upsample.conv(F.interpolate(h, scale_factor=2, mode="nearest"))
        return self.conv_out(F.silu(self.norm_out(h)))


class Quantizer(nn.Module):
    def __init__(self, codes, width):
        super().__init__()
        self.embedding = nn.Embedding(codes, width)

    def distances(self, z):
        """z [N,C,H,W] -> squared L2 distances [N*H*W,codes]."""
        rows, table = z.permute(0, 2, 3, 1).flatten(0, 2), self.embedding.weight
        return rows.square().sum(1, keepdim=True) + table.square().sum(1) - 2 * rows @ table.t()

    def forward(self, z):
        """z [N,C,H,W] -> quantized [N,C,H,W], indices [N,H*W]."""
        n, _, height, width = z.shape
        indices = self.distances(z).argmin(1)
        quantized = self.embedding(indices).view(n, height, width, -1).permute(0, 3, 1, 2)
        return z + (quantized - z).detach(), indices.view(n, -1)


class VQGAN(nn.Module):
    def __init__(self, ch=128, ch_mult=(1, 1, 2, 2, 4), num_res_blocks=2, z_channels=256, embed_dim=256, n_embed=1024,
                 resolution=256, in_channels=3, out_ch=3):
        super().__init__()
        if z_channels != embed_dim:
            raise SystemExit("vqgan: z_channels is %d, want embed_dim, which is %d" % (z_channels, embed_dim))
        self.encoder = Encoder(ch, ch_mult, num_res_blocks, in_channels, z_channels)
        self.decoder = Decoder(ch, ch_mult, num_res_blocks, out_ch, z_channels)
        self.quantize = Quantizer(n_embed, embed_dim)

    def encode(self, images):
        return self.quantize(self.encoder(images))

    def decode(self, z):
        return self.decoder(z)
