"""Makes the PyTorch fixtures of this folder: python3 make.py FOLDER

Written and run with PyTorch 2.6.0, NumPy 2.2.4, Python 3.13. Every .pth here
must give the tensors of expected.safetensors, but for refused_*.pth, which the
reader must refuse. The safetensors file is written by the few lines below, not
by the code under test.
"""
import argparse, collections, json, os, pathlib, pickle, struct, sys, warnings, zipfile
import numpy as np
import torch

out = pathlib.Path(sys.argv[1])
torch.manual_seed(0)
warnings.simplefilter("ignore")  # TypedStorage is deprecated


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.proj = torch.nn.Linear(3, 2)
        self.norm = torch.nn.BatchNorm1d(2)
        self.token = torch.nn.Parameter(torch.randn(1, 1, 4))


net = Net()
opt = torch.optim.AdamW(net.parameters(), lr=1e-3)
(net.norm(net.proj(torch.randn(5, 3))).pow(2).sum() + net.token.sum()).backward()
opt.step()

base = torch.arange(24, dtype=torch.float32)
state = net.state_dict()  # an OrderedDict with _metadata
state.update({
    "view.transposed": base.reshape(4, 6).t(),
    "view.permuted": base.reshape(2, 3, 4).permute(2, 0, 1),
    "view.offset": base[5:17].reshape(3, 4),
    "view.step": base[1::5],
    "view.same": base,
    "view.expanded": torch.tensor([[1.5], [2.5]]).expand(2, 3),
    "view.one": base.as_strided((1, 3), (17, 1), 2),
    "type.f16": torch.tensor([1.0, -2.5, 6e-8, float("inf")], dtype=torch.float16),
    "type.bf16": torch.tensor([1.0, -2.5, 1e-40, 3e38], dtype=torch.bfloat16),
    "type.f64": torch.tensor([[1 / 3, -1e300]], dtype=torch.float64),
    "type.i64": torch.tensor([-1, 1 << 40]),
    "type.i32": torch.tensor([-1, 1 << 30], dtype=torch.int32),
    "type.i16": torch.tensor([-1, 1 << 14], dtype=torch.int16),
    "type.i8": torch.tensor([-128, 127], dtype=torch.int8),
    "type.u8": torch.tensor([0, 255, 7], dtype=torch.uint8),
    "type.bool": torch.tensor([[True], [False], [True]]),
    "type.bool.t": torch.tensor([[True, False, True], [False, False, True]]).t(),
    "type.parameter": torch.nn.Parameter(torch.randn(2, 2)),
    "shape.scalar": torch.tensor(7.25),
    "shape.empty": torch.zeros(0, 4),
    "name.\u00e9\u4e16": torch.ones(1),
})
training = {
    "model": state,
    "optimizer": opt.state_dict(),
    "epoch": 3,
    "scaler": {"scale": 65536.0, "growth_interval": 2000},
    "args": argparse.Namespace(lr=1e-3, out=pathlib.PosixPath("runs"), betas=(0.9, 0.95), tags={"a"}, device=torch.device("cpu")),
    "best": np.float64(0.5),
    "history": [0.5, 0.25],
    "rng": {"numpy": np.arange(3), "torch": torch.get_rng_state()[:8]},
    "seen": collections.defaultdict(list, {"a": [1]}),
    "milestones": collections.Counter([3, 5, 3]),
    "dtype": torch.float32,
    "size": torch.Size([2, 3]),
    "big": 1 << 80,
    "raw": b"\x00\xff",
}

torch.save(training, out / "train_zip.pth")
torch.save(training, out / "train_zip_protocol5.pth", pickle_protocol=5)
torch.save(training, out / "train_legacy.pth", _use_new_zipfile_serialization=False)
torch.save(training, out / "train_legacy_protocol4.pth", pickle_protocol=4, _use_new_zipfile_serialization=False)
torch.save(state, out / "bare_zip.pth")
torch.save({"state_dict": state, "epoch": 1}, out / "state_dict_zip.pth")
torch.serialization.set_crc32_options(False)
torch.save(state, out / "no_checksum.pth")
torch.serialization.set_crc32_options(True)


def rezip(name, change, method=zipfile.ZIP_STORED, zip64=False):
    """bare_zip.pth again, with change(short name, bytes) -> bytes or None."""
    with zipfile.ZipFile(out / "bare_zip.pth") as src, zipfile.ZipFile(out / name, "w", method) as dst:
        for i in src.infolist():
            data = change(i.filename.split("/", 1)[1], src.read(i))
            if data is not None:
                info = zipfile.ZipInfo("other/" + i.filename.split("/", 1)[1])
                info.compress_type = method
                with dst.open(info, "w", force_zip64=zip64) as f:
                    f.write(data)


keys = {}  # storage key -> bytes of an element


class Sizes(pickle.Unpickler):
    def persistent_load(self, pid):
        keys[pid[2]] = torch.empty(0, dtype=pid[1].dtype).element_size()
        return torch.storage.TypedStorage(wrap_storage=torch.UntypedStorage(1 << 12), dtype=pid[1].dtype, _internal=True)


with zipfile.ZipFile(out / "bare_zip.pth") as z:
    Sizes(z.open("bare_zip/data.pkl")).load()


def big(name, data):
    if name == "byteorder":
        return b"big"
    if name.startswith("data/"):
        return np.frombuffer(data, dtype=np.uint8).reshape(-1, keys[name[5:]])[:, ::-1].tobytes()
    return data


rezip("deflated.pth", lambda n, d: d, zipfile.ZIP_DEFLATED)
rezip("zip64.pth", lambda n, d: d, zip64=True)
rezip("big_endian.pth", big)
for name in ("big_endian.pth", "zip64.pth", "no_checksum.pth"):
    again = torch.load(out / name, weights_only=True)
    assert all(torch.equal(again[k], state[k]) for k in state), name

torch.save({"net": net}, out / "refused_module.pth")


class Program(torch.nn.Module):
    """A TorchScript program with a buffer, modules in modules and plain attributes, as OpenAI publishes CLIP, in half precision."""

    def __init__(self):
        super().__init__()
        self.register_buffer("size", torch.tensor(4))
        self.inner = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1, bias=False))
        self.title: str = "program"
        self.numbers: list[int] = [1, 2]

    def forward(self, x):
        return self.inner(x)


program = Program().eval()
with torch.no_grad():
    for i, p in enumerate(program.parameters()):
        p.copy_(torch.arange(p.numel()).view(p.shape) / 4 + i)
torch.jit.script(program.half()).save(out / "torchscript.pth")


class Evil:
    def __reduce__(self):
        return os.system, ("touch refused_was_executed",)


torch.save({"model": {"w": torch.ones(1)}, "x": Evil()}, out / "refused_system.pth")
torch.save({"model": {"w": torch.ones(1)}, "x": Evil()}, out / "refused_system_legacy.pth", _use_new_zipfile_serialization=False)
torch.save({"w": torch.ones(1, dtype=torch.complex64)}, out / "refused_complex.pth")
torch.save({"w": torch.ones(2, 2).to_sparse()}, out / "refused_sparse.pth")
torch.save({"w": torch.arange(3).to(torch.uint16)}, out / "refused_uint16.pth")

names = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.float64: "F64", torch.int64: "I64",
         torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL"}
header, data = {}, b""
for k, t in state.items():
    b = t.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes() if t.numel() else b""
    header[k] = {"dtype": names[t.dtype], "shape": list(t.shape), "data_offsets": [len(data), len(data) + len(b)]}
    data += b
text = json.dumps(header).encode()
(out / "expected.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
