"""Palette's guided-diffusion U-Net in plain PyTorch: the state-dict keys and the
mathematics of the reference implementation, the random numbers as arguments."""
import math

import torch
import torch.nn.functional as F
from torch import nn

SCHEDULE = ("gammas", "sqrt_recip_gammas", "sqrt_recipm1_gammas", "posterior_log_variance_clipped",
            "posterior_mean_coef1", "posterior_mean_coef2")


def normalization(channels):
    return nn.GroupNorm(32, channels, eps=1e-5)


class ResBlock(nn.Module):
    """resample: None, "down" (2x2 average) or "up" (nearest x2)."""

    def __init__(self, channels, out_channels, embedding, dropout, resample=None):
        super().__init__()
        self.resample = resample
        self.in_layers = nn.Sequential(normalization(channels), nn.SiLU(), nn.Conv2d(channels, out_channels, 3, padding=1))
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embedding, 2 * out_channels))
        self.out_layers = nn.Sequential(normalization(out_channels), nn.SiLU(), nn.Dropout(dropout),
                                        nn.Conv2d(out_channels, out_channels, 3, padding=1))
        self.skip_connection = nn.Identity() if channels == out_channels else nn.Conv2d(channels, out_channels, 1)

    def resampled(self, x):
        if self.resample == "down":
            return F.avg_pool2d(x, 2)
        return F.interpolate(x, scale_factor=2, mode="nearest") if self.resample == "up" else x

    def forward(self, x, embedding):
        h = self.resampled(self.in_layers[1](self.in_layers[0](x)))
        h = self.in_layers[2](h)
        scale, shift = self.emb_layers(embedding)[:, :, None, None].chunk(2, dim=1)
        h = self.out_layers[0](h) * (1 + scale) + shift
        return self.skip_connection(self.resampled(x)) + self.out_layers[1:](h)


class Attention(nn.Module):
    """Self-attention over pixels; the rows of qkv are [heads, 3, dim]."""

    def __init__(self, channels, heads):
        super().__init__()
        self.heads = heads
        self.norm = normalization(channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = nn.Conv1d(channels, channels, 1)

    def forward(self, x, embedding):
        flat = x.flatten(2)
        n, channels, pixels = flat.shape
        dim = channels // self.heads
        q, k, v = self.qkv(self.norm(flat)).reshape(n, self.heads, 3, dim, pixels).unbind(2)
        scores = (q * dim ** -0.25).transpose(2, 3) @ (k * dim ** -0.25)  # [N,heads,T,T]
        out = v @ scores.softmax(-1).transpose(2, 3)
        return x + self.proj_out(out.reshape(n, channels, pixels)).view_as(x)


class Stage(nn.Sequential):
    """Modules in a row, of which those that want the embedding get it."""

    def forward(self, x, embedding):
        for module in self:
            x = module(x) if isinstance(module, nn.Conv2d) else module(x, embedding)
        return x


def gamma_embedding(gammas, width):
    """gammas [N] -> [N,width]: cosines, then sines, a zero last if width is odd."""
    half = width // 2
    frequencies = torch.exp(-math.log(10000) * torch.arange(half, dtype=torch.float32, device=gammas.device) / half)
    angles = gammas[:, None] * frequencies
    return F.pad(torch.cat([angles.cos(), angles.sin()], 1), (0, width % 2))


class UNet(nn.Module):
    def __init__(self, in_channel=6, out_channel=3, inner_channel=64, channel_mults=(1, 2, 4, 8), attn_res=(16,),
                 num_head_channels=32, res_blocks=2, dropout=0.0, image_size=256, num_heads=1):
        super().__init__()
        self.inner = inner_channel
        emb = 4 * inner_channel
        widths = [int(m * inner_channel) for m in channel_mults]

        def res(channels, out, resample=None):
            return ResBlock(channels, out, emb, dropout, resample)

        def attention(channels):
            return Attention(channels, num_heads if num_head_channels == -1 else channels // num_head_channels)

        self.cond_embed = nn.Sequential(nn.Linear(inner_channel, emb), nn.SiLU(), nn.Linear(emb, emb))
        c = widths[0]
        self.input_blocks = nn.ModuleList([Stage(nn.Conv2d(in_channel, c, 3, padding=1))])
        skips, factor = [c], 1
        for level, width in enumerate(widths):
            for _ in range(res_blocks):
                self.input_blocks.append(Stage(res(c, width), *([attention(width)] if factor in attn_res else [])))
                c = width
                skips.append(c)
            if level < len(widths) - 1:
                self.input_blocks.append(Stage(res(c, c, "down")))
                skips.append(c)
                factor *= 2
        self.middle_block = Stage(res(c, c), attention(c), res(c, c))
        self.output_blocks = nn.ModuleList()
        for level, width in reversed(list(enumerate(widths))):
            for i in range(res_blocks + 1):
                stage = [res(c + skips.pop(), width)]
                c = width
                if factor in attn_res:
                    stage.append(attention(c))
                if level > 0 and i == res_blocks:
                    stage.append(res(c, c, "up"))
                    factor //= 2
                self.output_blocks.append(Stage(*stage))
        self.out = nn.Sequential(normalization(c), nn.SiLU(), nn.Conv2d(c, out_channel, 3, padding=1))

    def encode(self, x, gammas):
        """x [N,6,H,W], gammas [N,1] -> feature maps of the down path and the middle, embedding."""
        embedding = self.cond_embed(gamma_embedding(gammas.reshape(-1), self.inner))
        maps = []
        for block in self.input_blocks:
            x = block(x, embedding)
            maps.append(x)
        return maps + [self.middle_block(x, embedding)], embedding

    def decode(self, maps, embedding):
        h, skips = maps[-1], list(maps[:-1])
        for block in self.output_blocks:
            h = block(torch.cat([h, skips.pop()], 1), embedding)
        return self.out(h)

    def forward(self, x, gammas):
        return self.decode(*self.encode(x, gammas))


class Palette(nn.Module):
    """The U-Net as denoise_fn, beside the buffers of the noise schedule."""

    def __init__(self, unet, beta_schedule):
        super().__init__()
        self.denoise_fn = UNet(**unet)
        for name, values in schedule(beta_schedule).items():
            self.register_buffer(name, values)

    def reverse(self, y_t, t, y_cond, noise):
        """One reverse step from y_t at step t to t-1; noise is not looked at when t is 0."""
        level = self.gammas[t].expand(len(y_t), 1)
        predicted = self.denoise_fn(torch.cat([y_cond, y_t], 1), level)
        y_0 = (self.sqrt_recip_gammas[t] * y_t - self.sqrt_recipm1_gammas[t] * predicted).clamp(-1, 1)
        mean = self.posterior_mean_coef1[t] * y_0 + self.posterior_mean_coef2[t] * y_t
        return mean + noise * (0.5 * self.posterior_log_variance_clipped[t]).exp() if t > 0 else mean

    def sample(self, y_cond, y_t, y_0, mask, step_noise):
        """step_noise [T,N,3,H,W]: entry k for t = T-1-k; known pixels (mask 0) are pasted after each step."""
        for k, t in enumerate(reversed(range(len(self.gammas)))):
            y_t = self.reverse(y_t, t, y_cond, step_noise[k])
            y_t = y_0 * (1 - mask) + mask * y_t
        return y_t


def schedule(settings):
    """The buffers of a beta schedule, in float64 until they are rounded."""
    steps = int(settings["n_timestep"])
    start, end = settings.get("linear_start", 1e-6), settings.get("linear_end", 1e-2)
    if settings["schedule"] == "linear":
        betas = torch.linspace(start, end, steps, dtype=torch.float64)
    elif settings["schedule"] == "quad":
        betas = torch.linspace(start ** 0.5, end ** 0.5, steps, dtype=torch.float64) ** 2
    else:
        raise SystemExit("beta_schedule: schedule is %r, want linear or quad" % settings["schedule"])
    alphas = 1 - betas
    gammas = alphas.cumprod(0)
    before = torch.cat([torch.ones(1, dtype=torch.float64), gammas[:-1]])
    variance = betas * (1 - before) / (1 - gammas)
    values = (gammas, (1 / gammas).sqrt(), (1 / gammas - 1).sqrt(), variance.clamp(min=1e-20).log(),
              betas * before.sqrt() / (1 - gammas), (1 - before) * alphas.sqrt() / (1 - gammas))
    return {name: value.float() for name, value in zip(SCHEDULE, values)}
