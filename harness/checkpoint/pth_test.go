package checkpoint

import (
	"archive/zip"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Files that PyTorch wrote (testdata/make.py) give exactly the tensors that it
// said were in them: views, shared storages, all dtypes, both formats,
// protocols 2, 4 and 5, deflated, zip64, without checksums and big-endian.
func TestPTHMatchesPyTorch(t *testing.T) {
	want := mustOpen(t, filepath.Join("testdata", "expected.safetensors"))
	training := []string{
		"optimizer (optimizer state)", "epoch (int 3)", "scaler (dict of 2)", "args (argparse.Namespace)",
		"best (numpy._core.multiarray.scalar)", "history (list of 2)", "rng (dict of 2)", "seen (dict of 1)",
		"milestones (dict of 2)", "dtype (torch.float32)", "size (torch.Size)", "big (int)",
	}
	for name, c := range map[string]struct {
		format  string
		skipped []string
	}{
		"train_zip.pth":              {FormatPTHZip, append(training[:12:12], "raw (_codecs.encode)")},
		"train_zip_protocol5.pth":    {FormatPTHZip, append(training[:12:12], "raw (bytes, 2)")},
		"train_legacy.pth":           {FormatPTHLegacy, append(training[:12:12], "raw (_codecs.encode)")},
		"train_legacy_protocol4.pth": {FormatPTHLegacy, append(training[:12:12], "raw (bytes, 2)")},
		"bare_zip.pth":               {FormatPTHZip, nil},
		"state_dict_zip.pth":         {FormatPTHZip, []string{"epoch (int 1)"}},
		"deflated.pth":               {FormatPTHZip, nil},
		"zip64.pth":                  {FormatPTHZip, nil},
		"no_checksum.pth":            {FormatPTHZip, nil},
		"big_endian.pth":             {FormatPTHZip, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := mustOpen(t, filepath.Join("testdata", name))
			if f.Format != c.format || !slices.Equal(f.Skipped, c.skipped) {
				t.Errorf("format %q, skipped %q, want %q, %q", f.Format, f.Skipped, c.format, c.skipped)
			}
			sameTensors(t, f, want)
			for i, w := range want.Tensors {
				if i < len(f.Tensors) && f.Tensors[i].Name != w.Name {
					t.Errorf("tensor %d is %q, want %q", i, f.Tensors[i].Name, w.Name)
				}
			}
		})
	}
}

func TestPTHRefuses(t *testing.T) {
	for name, want := range map[string]string{
		"refused_system.pth":        `"posix.system" refused`,
		"refused_system_legacy.pth": `"posix.system" refused`,
		"refused_module.pth":        "state_dict()",
		"refused_sparse.pth":        `"torch._utils._rebuild_sparse_tensor" refused`,
		"refused_complex.pth":       `tensor "w": dtype "complex64"`,
		"refused_uint16.pth":        `tensor "w": dtype "uint16"`,
	} {
		_, err := Open(filepath.Join("testdata", name))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", name, err, want)
		}
	}
	var refusal *RefusedError
	if _, err := Open(filepath.Join("testdata", "refused_system.pth")); !errors.As(err, &refusal) || refusal.Global != "posix.system" {
		t.Errorf("error %v does not carry the global", err)
	}
}

// A TorchScript program (testdata/make.py) gives the parameters and buffers of its
// modules by the names of its state_dict; none of its code is read.
func TestPTHReadsTorchScript(t *testing.T) {
	f := mustOpen(t, filepath.Join("testdata", "torchscript.pth"))
	if f.Format != FormatPTHZip || len(f.Skipped) != 0 {
		t.Errorf("format %q, skipped %q", f.Format, f.Skipped)
	}
	want := map[string][]float32{
		"inner.0.weight": {0, 0.25, 0.5, 0.75, 1, 1.25}, "inner.0.bias": {1, 1.25, 1.5}, "inner.2.weight": {2, 2.25, 2.5},
	}
	for _, x := range f.Tensors {
		if x.Name == "size" {
			if x.DType.IsFloat() || len(x.Shape) != 0 {
				t.Errorf("size is %v of %v", x.Shape, x.DType)
			}
			continue
		}
		got, err := x.Float32()
		if err != nil || x.DType != F16 || !slices.Equal(got, want[x.Name]) {
			t.Errorf("%s is %v of %v, %v, want %v", x.Name, got, x.DType, err, want[x.Name])
		}
		delete(want, x.Name)
	}
	if len(want) != 0 || len(f.Tensors) != 4 {
		t.Errorf("%d tensors, without %v", len(f.Tensors), want)
	}
}

// ours.pth is what WritePTH made of everyType, and was loaded by PyTorch 2.6.0
// with weights_only=True and compared there (testdata/check.py).
func TestWritePTHGivesTheVerifiedBytes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ours.pth")
	if err := WritePTH(path, everyType()); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join("testdata", "ours.pth"))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("bytes differ from testdata/ours.pth, %v; if that is meant, verify the new file in PyTorch", err)
	}
	f := mustOpen(t, path)
	sameTensors(t, f, &File{Tensors: everyType()})
	r, err := zip.NewReader(bytes.NewReader(got), int64(len(got)))
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range r.File {
		if at, err := record.DataOffset(); err != nil || at%recordAlign != 0 {
			t.Errorf("%s begins at byte %d, %v", record.Name, at, err)
		}
	}
}

// zipOf makes an archive of stored or deflated records.
func zipOf(t *testing.T, method uint16, records ...[2]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, r := range records {
		out, err := w.CreateHeader(&zip.FileHeader{Name: r[0], Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write([]byte(r[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestZipRefuses(t *testing.T) {
	weight := string(stateDictPickle([]Tensor{FromFloat32("w", []int{2}, make([]float32, 2))}))
	huge := int(3 << 20)
	zeros := string(stateDictPickle([]Tensor{{Name: "w", DType: U8, Shape: []int{huge}, Data: make([]byte, huge)}}))
	flipped := zipOf(t, zip.Store, [2]string{"a/data.pkl", weight}, [2]string{"a/data/0", "12345678"})
	flipped[bytes.Index(flipped, []byte("12345678"))] ^= 1
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"no storage":     {zipOf(t, zip.Store, [2]string{"a/data.pkl", weight}), `"data/0" is missing`},
		"short storage":  {zipOf(t, zip.Store, [2]string{"a/data.pkl", weight}, [2]string{"a/data/0", "1234567"}), "claims 2 elements of F32"},
		"checksum":       {flipped, "checksum"},
		"two pickles":    {zipOf(t, zip.Store, [2]string{"a/data.pkl", weight}, [2]string{"b/data.pkl", weight}), "has data.pkl in"},
		"same record":    {zipOf(t, zip.Store, [2]string{"a/data.pkl", weight}, [2]string{"a/data.pkl", weight}), "occurs twice"},
		"no pickle":      {zipOf(t, zip.Store, [2]string{"readme", "x"}), `first record is "readme"`},
		"npz":            {zipOf(t, zip.Store, [2]string{"a.npy", "x"}), "NumPy .npz"},
		"byteorder":      {zipOf(t, zip.Store, [2]string{"a/data.pkl", weight}, [2]string{"a/byteorder", "middle"}), "neither little nor big"},
		"bomb":           {zipOf(t, zip.Deflate, [2]string{"a/data.pkl", zeros}, [2]string{"a/data/0", strings.Repeat("\x00", huge)}), "more than 16 times"},
		"nothing at all": {[]byte("PK\x05\x06" + strings.Repeat("\x00", 18)), "not a checkpoint"},
	} {
		_, err := parse(c.file)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
	root := zipOf(t, zip.Store, [2]string{"data.pkl", weight}, [2]string{"data/0", "12345678"})
	if f, err := parse(root); err != nil || len(f.Tensors) != 1 {
		t.Errorf("data.pkl outside any folder: %v", err)
	}
}
