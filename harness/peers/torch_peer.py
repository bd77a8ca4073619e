"""What the PyTorch peers share: their arguments, the clock and
the row they print. Import it before torch, so that the libraries see the threads.

One process measures one piece of work, so that its peak memory is that work's:

    net=palette/px=64/images=4 work=step precision=f32 procedure=same layout=last threads=2 seconds=0.51 min=0.5 max=0.53 n=5 peak_mib=812 torch=2.6.0
"""
import argparse
import ctypes
import os
import resource
import statistics
import sys
import time


def arguments(description, images, procedures, extra=()):
    """procedures: dict of name to what it means, the first being the default; extra: pairs of a flag and its options."""
    p = argparse.ArgumentParser(description=description)
    p.add_argument("--work", choices=["step", "forward", "sample"], default="step",
                   help="an unlearning step; a forward pass of the whole model; --sampling-steps of sampling")
    p.add_argument("--procedure", choices=procedures, default=next(iter(procedures)),
                   help="of a step: " + "; ".join("%s: %s" % item for item in procedures.items()))
    p.add_argument("--px", type=int, default=256)
    p.add_argument("--images", type=int, default=images, help="a step; every second one is to be forgotten")
    p.add_argument("--layout", choices=["first", "last"], default="first", help="memory format of the maps: channels first or last")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=5, help="timed; 1 for a script that takes turns")
    p.add_argument("--warm", type=int, default=2, help="rounds before the timed ones")
    p.add_argument("--malloc", choices=["keep", "default"], default=os.environ.get("MALLOC", "keep"),
                   help="keep: glibc's malloc keeps what is freed, which is faster where page faults are slow; default: as it comes")
    p.add_argument("--sampling-steps", type=int, default=10)
    p.add_argument("--precision", choices=["f32", "bf16"], default="f32", help="bf16: autocast around the passes forward; f32 weights and optimizer")
    p.add_argument("--rows", choices=["text", "go"], default="text", help="go: a row in Go's benchmark format, named as ours is, isa=torch, torch-last (the layout) or torch-malloc (--malloc default)")
    for flags, options in extra:
        p.add_argument(flags, **options)
    args = p.parse_args()
    if args.malloc == "keep":
        libc = ctypes.CDLL(None)
        libc.mallopt(-4, 0)  # M_MMAP_MAX: no block of its own from the system
        libc.mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD: 2 GiB at the top stay
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(args.threads)
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "reference", "torch"))
    return args


def ready(args):
    """Sets the threads and the seed."""
    import torch
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)


def cast(args):
    """The context of a pass forward in the precision of args."""
    import torch
    return torch.autocast("cpu", torch.bfloat16, enabled=args.precision == "bf16")


def in_layout(x, args):
    """A model or a batch of images in the memory format of args."""
    import torch
    return x.to(memory_format=torch.channels_last) if args.layout == "last" else x


def measure(net, work, args, size=None):
    """Runs work, prints the row. size is what tells rows of one net apart."""
    import torch
    for _ in range(args.warm):
        work()
    times = []
    for _ in range(args.rounds):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = size or "px=%d/images=%d" % (args.px, args.images)
    if args.rows == "go":
        kind = {"step": "UnlearnStep", "forward": "Forward", "sample": "Sample"}[args.work]
        print("Benchmark%s/isa=torch%s/net=%s/prec=%s/%s\t%d\t%.0f ns/op\t%.1f peak-MiB" % (
            kind, "-malloc" if args.malloc == "default" else "-last" if args.layout == "last" else "", net, args.precision, size, len(times), statistics.median(times) * 1e9, peak), flush=True)
        return
    print("net=%s/%s work=%s precision=%s procedure=%s layout=%s threads=%d seconds=%.4f min=%.4f max=%.4f n=%d peak_mib=%.0f torch=%s" % (
        net, size, args.work, args.precision, args.procedure if args.work == "step" else "-", args.layout, args.threads,
        statistics.median(times), min(times), max(times), len(times), peak, torch.__version__), flush=True)
