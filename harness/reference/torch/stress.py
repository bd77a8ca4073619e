"""Random, odd configurations for bundle.py --random."""
import copy
import json
import os
import random


def bundles(args, tasks):
    """Yields what args would be for each of args.random bundles in args.out."""
    for i in range(args.random):
        rng = random.Random("%s %d %d" % (args.model, args.seed, i))
        one = copy.copy(args)
        one.task, one.seed = tasks[i % len(tasks)], 1000 * args.seed + i
        one.out = os.path.join(args.out, "%s-%s-%d-%03d" % (args.model, one.task, args.seed, i))
        one.batch, one.steps = rng.randint(1, 5), rng.randint(1, 4)
        one.checkpoint = rng.choice(["safetensors", "pth", "pth-bare", "pth-legacy"])
        one.store = rng.choice(["f32", "f32", "f16", "bf16"])
        one.optimizer = json.dumps(optimizer(rng))
        one.terse = rng.random() < 0.3
        one.loss_reduction = rng.choice(["paper-code", "group-mean"]) if args.model == "mage" or not one.terse else "paper-code"
        one.config = json.dumps({"mae": mae, "mage": mage, "palette": palette}[args.model](rng, one))
        yield one


def optimizer(rng):
    settings = {"name": rng.choice(["adam", "adamw"]), "lr": rng.choice([1e-3, 3e-3]),
                "betas": rng.choice([[0.9, 0.95], [0.9, 0.999], [0.5, 0.9]]), "eps": rng.choice([3e-5, 1e-4]),
                "weight_decay": rng.choice([0, 0.05, 0.3]), "alpha": rng.choice([0.1, 0.25, 1, 2])}
    if rng.random() < 0.5:
        settings["grad_clip"] = rng.choice([0.05, 0.5, 3.0, 100.0])
    return settings


def transformer(rng):
    heads, decoder_heads = rng.randint(1, 5), rng.randint(1, 5)
    return {"in_chans": 3, "embed_dim": 4 * heads * rng.randint(1, 5), "depth": rng.randint(1, 3), "num_heads": heads,
            "decoder_embed_dim": 4 * decoder_heads * rng.randint(1, 5), "decoder_depth": rng.randint(1, 2),
            "decoder_num_heads": decoder_heads, "mlp_ratio": rng.choice([1, 2.5, 3.3, 4.0])}


def mae(rng, args):
    patch, side = rng.randint(1, 7), rng.randint(3, 7)
    args.mask_ratio = rng.choice([0.0, 0.3, 0.5, 0.75, 0.8]) if args.task == "unlearn" else rng.choice([0.3, 0.5, 0.75])
    return {"img_size": patch * side, "patch_size": patch, **transformer(rng), "in_chans": rng.randint(1, 4),
            "norm_pix_loss": patch > 1 and rng.random() < 0.5}


def mage(rng, args):
    levels, side = rng.randint(1, 3), rng.randint(2, 7)
    patch, z = 2 ** (levels - 1), rng.randint(2, 9)
    vqgan = {"ch": 32, "ch_mult": [rng.randint(1, 3) for _ in range(levels)], "num_res_blocks": rng.randint(1, 2), "z_channels": z,
             "embed_dim": z, "n_embed": rng.randint(5, 50), "resolution": patch * side, "in_channels": 3, "out_ch": 3}
    return {"img_size": patch * side, "patch_size": patch, **transformer(rng), "vqgan": vqgan}


def palette(rng, args):
    levels = rng.randint(1, 3)
    inner, mults = rng.choice([(32, [1, 2, 3]), (16, [2, 4]), (8, [4, 8]), (96, [1])])
    low = rng.randint(2, 5), rng.randint(2, 5)
    args.height, args.width = (d * 2 ** (levels - 1) for d in low)
    args.teacher_keys, args.no_schedule = rng.random() < 0.3, rng.random() < 0.3
    unet = {"in_channel": 6, "out_channel": 3, "inner_channel": inner, "channel_mults": [rng.choice(mults) for _ in range(levels)],
            "attn_res": rng.sample([1, 2, 4, 8, 16], rng.randint(0, 3)), "num_head_channels": rng.choice([4, 8, 16, 32]),
            "res_blocks": rng.randint(1, 3), "dropout": rng.choice([0, 0.2]), "image_size": args.width}
    ends = rng.choice([(1e-6, 0.01), (1e-4, 0.09), (1e-3, 0.4)])
    return {"unet": unet, "beta_schedule": {"schedule": "linear", "n_timestep": rng.randint(2, 30),
                                            "linear_start": ends[0], "linear_end": ends[1]}}
