#!/usr/bin/env python3
"""Makes reference bundles with PyTorch, and computes what any bundle expects.

    python3 bundle.py OUT --model mae --task unlearn --config '{"img_size":16,"patch_size":4,...}'
    python3 bundle.py --expected BUNDLE --out FILE.safetensors --device cuda --precision tf32
    python3 bundle.py --random 10 --model palette --seed 7 OUT

The first form draws weights and inputs on the CPU from --seed, so that a bundle
has the same inputs whatever --device computes what is expected of them. The
second computes the tensors of a bundle that exists, made by anyone, and writes
them to --out (default: the bundle's expected.safetensors). The third makes
bundles of odd sizes in OUT.
"""
import argparse
import json
import os

import torch

import checkpoints
import mae_tasks
import mage_tasks
import palette_tasks
import stress
import tensorfile

MODELS = {"mae": mae_tasks, "mage": mage_tasks, "palette": palette_tasks}
TERSE = {"mae": ("steps",), "mage": ("steps", "method"), "palette": ("steps", "method", "loss_reduction")}
OPTIMIZER = {"name": "adamw", "lr": 1e-3, "betas": [0.9, 0.95], "eps": 1e-5, "weight_decay": 0.05, "alpha": 0.25, "grad_clip": 1.0}


def compute(model, about, inputs, args):
    """Runs the task on args.device at args.precision."""
    torch.backends.cuda.matmul.allow_tf32 = args.precision == "tf32"
    torch.backends.cudnn.allow_tf32 = args.precision == "tf32"
    kind = torch.float64 if args.precision == "f64" else torch.float32
    model.to(args.device, kind)
    given = {k: v.to(args.device, kind) for k, v in inputs.items()}
    with torch.autocast(torch.device(args.device).type, torch.bfloat16, enabled=args.precision == "bf16"):
        out = MODELS[about["model"]].run(model, about, given)
    return {k: v.float() if v.is_floating_point() else v for k, v in out.items()}


def describe(args):
    """The description, with the name of the checkpoint if that is given."""
    about = {"format": "lethe-reference/1", "task": args.task, "model": args.model, "config": json.loads(args.config),
             "checkpoint": args.weights}
    if args.model == "mae":
        about["mask_ratio"] = args.mask_ratio
    about["made_by"] = {"torch": torch.__version__, "device": args.device, "seed": args.seed}
    if args.task == "unlearn":
        about.update({"method": "ours", "steps": args.steps, "optimizer": json.loads(args.optimizer)})
        if args.model != "mae":
            about["loss_reduction"] = args.loss_reduction
        if args.terse:
            about = {k: v for k, v in about.items() if k not in TERSE[args.model]}
    return about


def make(args):
    """Makes the bundle args.out."""
    tasks, about = MODELS[args.model], describe(args)
    if args.task not in tasks.TASKS:
        raise SystemExit("task of model %s is %r, want one of %s" % (args.model, args.task, ", ".join(tasks.TASKS)))
    draw = torch.Generator().manual_seed(args.seed)
    model = tasks.build(about["config"])
    os.makedirs(args.out, exist_ok=True)
    if args.weights:
        checkpoints.load(model, os.path.join(args.out, args.weights))
    else:
        with torch.no_grad():
            tasks.draw_weights(model, draw)
        checkpoints.round_weights(model, args.store)
        about["checkpoint"] = checkpoints.save(model, tasks.trained(model), args)
    inputs = tasks.draw_inputs(model, about, args, draw)
    tensorfile.write(os.path.join(args.out, "inputs.safetensors"), inputs)
    tensorfile.write(os.path.join(args.out, "expected.safetensors"), compute(model, about, inputs, args))
    with open(os.path.join(args.out, "bundle.json"), "w") as f:
        json.dump(about, f, indent=2)
        f.write("\n")


def expect(args):
    """Computes what the bundle args.expected expects."""
    with open(os.path.join(args.expected, "bundle.json")) as f:
        about = json.load(f)
    if about["format"] != "lethe-reference/1" or about["model"] not in MODELS:
        raise SystemExit("%s: unknown format or model" % args.expected)
    model = MODELS[about["model"]].build(about["config"])
    checkpoints.load(model, os.path.join(args.expected, about["checkpoint"]))
    inputs = tensorfile.read(os.path.join(args.expected, "inputs.safetensors"))
    tensorfile.write(args.out or os.path.join(args.expected, "expected.safetensors"), compute(model, about, inputs, args))


def parser():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("place", nargs="?", help="directory to write a new bundle, or random ones, to")
    p.add_argument("--expected", metavar="BUNDLE", help="compute the expected tensors of this bundle")
    p.add_argument("--out", help="with --expected: file to write")
    p.add_argument("--random", type=int, metavar="N", help="make N bundles of random configurations")
    p.add_argument("--model", choices=MODELS, default="mae")
    p.add_argument("--task", choices=["forward", "sample", "unlearn"])
    p.add_argument("--config", help="constructor arguments as JSON")
    p.add_argument("--optimizer", default=json.dumps(OPTIMIZER), help="task unlearn: optimizer of bundle.json as JSON")
    p.add_argument("--mask-ratio", type=float, default=0.75, help="model mae")
    p.add_argument("--loss-reduction", default="paper-code", help="models mage and palette: paper-code or group-mean")
    p.add_argument("--terse", action="store_true", help="leave out of bundle.json what goes without saying")
    p.add_argument("--batch", type=int, default=2, help="images, or images per step (mae: and group)")
    p.add_argument("--steps", type=int, default=4)
    p.add_argument("--height", type=int, help="model palette: of the images, instead of image_size")
    p.add_argument("--width", type=int)
    p.add_argument("--checkpoint", choices=checkpoints.KINDS, default="safetensors")
    p.add_argument("--weights", help="use this checkpoint, relative to the bundle, instead of drawing one")
    p.add_argument("--store", choices=checkpoints.STORED, default="f32", help="type of the weights in the checkpoint")
    p.add_argument("--teacher-keys", action="store_true", help="model palette: checkpoint with teacher_denoise_fn.*")
    p.add_argument("--no-schedule", action="store_true", help="model palette: checkpoint without the schedule's buffers")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--device", default="cpu")
    p.add_argument("--precision", choices=["f64", "f32", "tf32", "bf16"], default="f32",
                   help="of the computation; tf32 is a GPU's, bf16 is autocast")
    return p


def main():
    p = parser()
    args = p.parse_args()
    if args.expected:
        return expect(args)
    if not args.place or not args.random and not (args.task and args.config):
        p.error("want --expected BUNDLE, or a directory with --random N or with --task and --config")
    args.out = args.place
    for one in stress.bundles(args, MODELS[args.model].TASKS) if args.random else [args]:
        make(one)


if __name__ == "__main__":
    main()
