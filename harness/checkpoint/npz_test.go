package checkpoint

import (
	"archive/zip"
	"io"
	"path/filepath"
	"strings"
	"testing"
)

func TestWriteNPZ(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.npz")
	ts := []Tensor{FromFloat32("rows", []int{2, 3}, []float32{0, 1, 2, 3, 4, 5}), FromInt64("one", []int{1}, []int64{7})}
	if err := WriteNPZ(path, ts); err != nil {
		t.Fatal(err)
	}
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for i, want := range []struct{ name, head string }{
		{"rows.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (2,3,), }"},
		{"one.npy", "{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }"},
	} {
		f, err := z.File[i].Open()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		data := len(raw) - len(ts[i].Data)
		if z.File[i].Name != want.name || !strings.HasPrefix(string(raw), "\x93NUMPY\x01\x00") || data%64 != 0 ||
			raw[data-1] != '\n' || strings.TrimSpace(string(raw[10:data])) != want.head || string(raw[data:]) != string(ts[i].Data) {
			t.Errorf("%s: %q", z.File[i].Name, raw)
		}
	}
	if err := WriteNPZ(path, []Tensor{{Name: "h", DType: F16, Shape: []int{1}, Data: []byte{0, 0}}}); err == nil {
		t.Error("F16 was written")
	}
}
