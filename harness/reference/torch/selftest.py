#!/usr/bin/env python3
"""Asserts that the models have the tensors of the reference: keys, shapes and
counts, at the sizes of its checkpoints.

    python3 selftest.py
"""
import torch

from mage import MAGE
from palette import SCHEDULE, Palette

UNET = {"in_channel": 6, "out_channel": 3, "inner_channel": 64, "channel_mults": [1, 2, 4, 8], "attn_res": [16],
        "num_head_channels": 32, "res_blocks": 2, "dropout": 0.0, "image_size": 256}
TRAIN = {"schedule": "linear", "n_timestep": 2000, "linear_start": 1e-6, "linear_end": 0.01}
UNUSED = ("patch_embed.", "cls_token", "pos_embed", "mask_token", "decoder_pred.")


def count(model, *prefixes):
    return sum(p.numel() for k, p in model.named_parameters() if k.startswith(prefixes or ("",)))


def equal(what, got, want):
    assert got == want, "%s: %s, want %s" % (what, got, want)


def palette():
    model = Palette(UNET, TRAIN)
    state = model.state_dict()
    equal("cond_embed", count(model, "denoise_fn.cond_embed."), 82_432)
    equal("input_blocks", count(model, "denoise_fn.input_blocks."), 13_940_672)
    equal("middle_block", count(model, "denoise_fn.middle_block."), 11_021_312)
    equal("output_blocks, out", count(model, "denoise_fn.output_blocks.", "denoise_fn.out."), 37_596_931)
    equal("parameters", count(model), 62_641_347)
    unet = [k for k in state if k.startswith("denoise_fn.")]
    equal("tensors", len(unet), 326)
    parts = ("denoise_fn.cond_embed.", "denoise_fn.input_blocks.", "denoise_fn.middle_block.")
    equal("tensors of the encoder", sum(k.startswith(parts) for k in unet), 148)
    equal("buffers", {k: tuple(v.shape) for k, v in state.items() if k not in unet}, {k: (2000,) for k in SCHEDULE})
    for key, shape in {
        "cond_embed.0.weight": (256, 64), "cond_embed.2.bias": (256,), "input_blocks.0.0.weight": (64, 6, 3, 3),
        "input_blocks.4.0.skip_connection.weight": (128, 64, 1, 1), "input_blocks.3.0.in_layers.2.weight": (64, 64, 3, 3),
        "input_blocks.10.0.emb_layers.1.weight": (1024, 256), "middle_block.1.qkv.weight": (1536, 512, 1),
        "middle_block.1.proj_out.weight": (512, 512, 1), "output_blocks.2.1.out_layers.3.weight": (512, 512, 3, 3),
        "out.2.weight": (3, 64, 3, 3),
    }.items():
        equal(key, tuple(state["denoise_fn." + key].shape), shape)
    for t, want in {0: 0.999999, 1999: 4.386e-5}.items():
        assert abs(state["gammas"][t] / want - 1) < 1e-3, (t, state["gammas"][t])
    assert min(abs(state["gammas"][t] / 0.0813746 - 1) for t in (999, 1000)) < 1e-5, state["gammas"][998:1002]
    with torch.no_grad():
        maps, embedding = model.denoise_fn.encode(torch.zeros(1, 6, 32, 32), torch.ones(1, 1))
        out = model.denoise_fn.decode(maps, embedding)
    equal("feature maps", len(maps), 13)
    equal("elements at 256 px", 64 * sum(m.numel() for m in maps), 22_282_240)
    equal("output", tuple(out.shape), (1, 3, 32, 32))


def mage(sizes, encoder, decoder, unused):
    model = MAGE(img_size=256, patch_size=16, **sizes)
    state = model.state_dict()
    equal("encoder", count(model, "token_emb.", "blocks.", "norm."), encoder)
    rest = count(model, "decoder_embed.", "decoder_pos_embed_learned", "decoder_blocks.", "decoder_norm.", "mlm_layer.")
    equal("decoder", rest, decoder)
    equal("unused", count(model, *UNUSED) + model.decoder_pos_embed.numel(), unused)
    equal("vqgan encoder", count(model, "vqgan.encoder."), 23_775_104)
    equal("vqgan decoder", count(model, "vqgan.decoder."), 30_478_339)
    equal("codebook", count(model, "vqgan.quantize."), 262_144)
    equal("vqgan", count(model, "vqgan."), 54_515_587)
    equal("vqgan tensors", sum(k.startswith("vqgan.") for k in state), 168)
    shortcuts = [k for k in state if k.startswith("vqgan.encoder.") and "nin_shortcut" in k]
    equal("shortcuts", shortcuts, ["vqgan.encoder.down.%d.block.0.nin_shortcut.weight" % i for i in (2, 4)])
    equal("all", count(model), encoder + decoder + unused + 54_515_587)
    width = sizes["embed_dim"]
    for key, shape in {
        "token_emb.word_embeddings.weight": (2025, width), "token_emb.position_embeddings.weight": (257, width),
        "token_emb.position_ids": (1, 257), "decoder_pos_embed_learned": (1, 257, sizes["decoder_embed_dim"]),
        "mlm_layer.bias": (1, 1, 2025), "mlm_layer.fc.weight": (width, sizes["decoder_embed_dim"]),
        "vqgan.encoder.conv_out.weight": (256, 512, 1, 1), "vqgan.decoder.up.4.upsample.conv.bias": (512,),
        "vqgan.quantize.embedding.weight": (1024, 256), "vqgan.encoder.conv_in.weight": (128, 3, 3, 3),
        "vqgan.decoder.conv_in.bias": (512,), "vqgan.encoder.down.4.block.0.nin_shortcut.weight": (512, 512, 1, 1),
    }.items():
        equal(key, tuple(state[key].shape), shape)
    equal("ids", (model.class_id, model.mask_id), (1100, 2024))


if __name__ == "__main__":
    palette()
    base = {"embed_dim": 768, "depth": 12, "num_heads": 12, "decoder_embed_dim": 768, "decoder_depth": 8, "decoder_num_heads": 16}
    large = {"embed_dim": 1024, "depth": 24, "num_heads": 16, "decoder_embed_dim": 1024, "decoder_depth": 8, "decoder_num_heads": 16}
    mage(base, 86_810_112, 58_086_633, 1_577_472)
    mage(large, 304_650_240, 103_138_281, 2_103_040)
    print("ok")
