"""Verifies ours.pth, written by WritePTH, in PyTorch: python3 check.py FOLDER"""
import pathlib, sys
import torch

path = pathlib.Path(sys.argv[1]) / "ours.pth"
first = None
for options in ({}, {"mmap": True}):
    loaded = torch.load(path, weights_only=True, **options)
    assert list(loaded) == ["model"]
    model = loaded["model"]
    assert model["a.weight"].equal(torch.tensor([[1, -2, 3e38], [4, 5, 6]]))
    assert model["ids"].equal(torch.tensor([-1, (1 << 63) - 1]))
    assert model["scalar"].shape == () and model["scalar"] == 7
    assert model["empty"].shape == (0, 4) and model["empty"].dtype == torch.float32
    assert model['na"me<&>\u00e9\n'].equal(torch.ones(1))
    for i, (name, dtype) in enumerate({
        "F64": torch.float64, "F16": torch.float16, "BF16": torch.bfloat16, "I32": torch.int32,
        "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool}.items()):
        t = model[name]
        raw = torch.zeros(3 * t.element_size(), dtype=torch.uint8)
        raw[0] = 1
        if name != "BOOL":
            raw[-1] = i + 1
        assert t.dtype == dtype and t.shape == (3, 1), name
        assert t.contiguous().view(torch.uint8).flatten().equal(raw), name
    assert len(model) == 13
    torch.nn.ParameterDict({"w": torch.zeros(2, 3)}).load_state_dict({"w": model["a.weight"]})
print("ours.pth is what it should be in PyTorch", torch.__version__)
