"""A masked autoencoder in plain PyTorch: the state-dict keys and the mathematics
of the reference implementation, the random numbers as arguments."""
import torch
import torch.nn.functional as F
from torch import nn


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        n, tokens, width = x.shape
        qkv = self.qkv(x).view(n, tokens, 3, self.heads, width // self.heads)
        q, k, v = (part.transpose(1, 2) for part in qkv.unbind(2))  # [N,heads,T,dim]
        scores = q @ k.transpose(2, 3) * (width // self.heads) ** -0.5
        return self.proj((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))


class MLP(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, width, heads, ratio):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = MLP(width, int(width * ratio))

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class PatchEmbed(nn.Module):
    def __init__(self, channels, patch, width):
        super().__init__()
        self.proj = nn.Conv2d(channels, width, patch, patch)

    def forward(self, images):
        return self.proj(images).flatten(2).transpose(1, 2)


def positions(side, width):
    """Fixed sin-cos embedding [1,1+side*side,width], a zero row first."""
    omega = 10000.0 ** (-torch.arange(width // 4, dtype=torch.float64) / (width // 4))
    angle = torch.arange(side, dtype=torch.float64)[:, None] * omega
    axis = torch.cat([angle.sin(), angle.cos()], 1)  # [side,width/2]
    x = axis.repeat(side, 1)
    y = axis.repeat_interleave(side, 0)
    table = torch.cat([x, y], 1)
    return torch.cat([torch.zeros(1, width, dtype=torch.float64), table])[None].float()


class MAE(nn.Module):
    def __init__(self, img_size=224, patch_size=16, in_chans=3, embed_dim=1024, depth=24, num_heads=16,
                 decoder_embed_dim=512, decoder_depth=8, decoder_num_heads=16, mlp_ratio=4.0, norm_pix_loss=False):
        super().__init__()
        self.patch, self.norm_pix = patch_size, norm_pix_loss
        side = img_size // patch_size
        self.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        self.pos_embed = nn.Parameter(positions(side, embed_dim), requires_grad=False)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, decoder_embed_dim))
        self.decoder_pos_embed = nn.Parameter(positions(side, decoder_embed_dim), requires_grad=False)
        self.patch_embed = PatchEmbed(in_chans, patch_size, embed_dim)
        self.blocks = nn.ModuleList(Block(embed_dim, num_heads, mlp_ratio) for _ in range(depth))
        self.norm = nn.LayerNorm(embed_dim, eps=1e-6)
        self.decoder_embed = nn.Linear(embed_dim, decoder_embed_dim)
        self.decoder_blocks = nn.ModuleList(
            Block(decoder_embed_dim, decoder_num_heads, mlp_ratio) for _ in range(decoder_depth))
        self.decoder_norm = nn.LayerNorm(decoder_embed_dim, eps=1e-6)
        self.decoder_pred = nn.Linear(decoder_embed_dim, patch_size ** 2 * in_chans)

    def encode(self, images, noise, ratio):
        """Returns latent [N,1+keep,D], mask [N,L] (1 = removed), ids_restore [N,L]."""
        x = self.patch_embed(images) + self.pos_embed[:, 1:]
        n, patches, width = x.shape
        keep = int(patches * (1 - ratio))
        order = noise.argsort(dim=1, stable=True)
        restore = order.argsort(1)
        x = x.gather(1, order[:, :keep, None].expand(-1, -1, width))
        x = torch.cat([(self.cls_token + self.pos_embed[:, :1]).expand(n, -1, -1), x], 1)
        for block in self.blocks:
            x = block(x)
        return self.norm(x), (restore >= keep).float(), restore

    def decode(self, latent, restore):
        """Returns pred [N,L,p*p*C]."""
        x = self.decoder_embed(latent)
        n, patches = restore.shape
        fill = self.mask_token.expand(n, patches + 1 - x.shape[1], -1)
        rows = torch.cat([x[:, 1:], fill], 1)
        rows = rows.gather(1, restore[:, :, None].expand(-1, -1, x.shape[2]))
        x = torch.cat([x[:, :1], rows], 1) + self.decoder_pos_embed
        for block in self.decoder_blocks:
            x = block(x)
        return self.decoder_pred(self.decoder_norm(x))[:, 1:]

    def loss(self, images, pred, mask):
        n, channels, height, width = images.shape
        p = self.patch
        target = images.view(n, channels, height // p, p, width // p, p)
        target = target.permute(0, 2, 4, 3, 5, 1).reshape(n, -1, p * p * channels)
        if self.norm_pix:
            mean, var = target.mean(-1, keepdim=True), target.var(-1, keepdim=True)
            target = (target - mean) / (var + 1e-6).sqrt()
        return (((pred - target) ** 2).mean(-1) * mask).sum() / mask.sum()
