package checkpoint

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestOpenSaysWhatItGot(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.pth")
	for name, c := range map[string]struct{ content, want string }{
		"empty":   {"", "is empty"},
		"html":    {"\n<!DOCTYPE html><html>", "an HTML page"},
		"lfs":     {"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"},
		"annex":   {"/annex/objects/MD5-s3--0\n", "git-annex"},
		"annex 2": {"../.git/annex/objects/ab/cd/MD5", "git-annex"},
		"jpeg":    {"\xff\xd8\xff\xe0", "JPEG"},
		"gzip":    {"\x1f\x8b\x08", "gzip"},
		"tar":     {strings.Repeat("a", 257) + "ustar\x00" + strings.Repeat("\x00", 300), "tar archive"},
		"zeros":   {strings.Repeat("\x00", 1000), "zero bytes"},
		"text":    {"epoch,loss\n1,0.5\n", `text beginning "epoch`},
		"json":    {`{"model": 1}`, "text beginning"},
		"binary":  {"\x01\x02\x03", "binary data beginning 01 02 03"},
		"numpy":   {"\x93NUMPY\x01\x00", "NumPy array"},
		"pickle":  {"\x80\x04K\x05.", "Python pickle (int 5) that torch.save did not write"},
		"zip":     {"PK\x03\x04", "truncated or damaged"},
	} {
		if err := os.WriteFile(path, []byte(c.content), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Count(err.Error(), path) != 1 {
			t.Errorf("%s: error %v, want one with %q and the path", name, err, c.want)
		}
	}
	for p, want := range map[string]string{
		dir:                        "is a directory",
		filepath.Join(dir, "none"): "no such file",
		os.DevNull:                 "not a regular file",
	} {
		if _, err := Open(p); err == nil || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), p) != 1 {
			t.Errorf("%s: error %v, want one with %q", p, err, want)
		}
	}
}

// A fixture cut anywhere is an error, and past its first bytes one that says
// so. Long ones are cut at every 13th byte, to keep this short.
func TestOpenTruncatedAnywhere(t *testing.T) {
	for _, name := range []string{"expected.safetensors", "train_zip.pth", "train_legacy.pth", "train_legacy_protocol4.pth"} {
		whole, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parse(whole); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for n := 0; n < len(whole); n += 1 + 12*min(n/2048, 1) {
			_, err := parse(whole[:n])
			if err == nil {
				t.Fatalf("%s: the first %d of %d bytes were accepted", name, n, len(whole))
			}
			if n > 64 && !strings.Contains(err.Error(), "truncated") && !strings.Contains(err.Error(), "end of line") {
				t.Fatalf("%s cut to %d bytes: error %v", name, n, err)
			}
		}
	}
}

// The number of missing bytes is exact where the format tells it.
func TestOpenCountsMissingBytes(t *testing.T) {
	for name, want := range map[string]string{
		"expected.safetensors": "truncated: 5 bytes are missing",
		"train_legacy.pth":     "truncated: 5 bytes are missing",
	} {
		whole, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parse(whole[:len(whole)-5]); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", name, err, want)
		}
	}
	path := filepath.Join(t.TempDir(), "x.pth")
	const n = 1 << 16
	if err := WritePTH(path, []Tensor{FromFloat32("w", []int{n}, make([]float32, n))}); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parse(whole[:n]); err == nil || !strings.Contains(err.Error(), "at least 196") { // 3n = 196608 and the head
		t.Errorf("zip: error %v", err)
	}
}

// Opening a large file costs no memory in proportion to it, and a change of the
// values stays out of the file.
func TestOpenMapsLargeFiles(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("files are mapped on Linux only")
	}
	const n = 4 << 20 // 16 MiB
	values := make([]float32, n)
	values[n-1] = 3
	dir := t.TempDir()
	for name, write := range map[string]func(string) error{
		"x.safetensors": func(p string) error {
			return WriteSafetensors(p, []Tensor{FromFloat32("w", []int{n}, values)}, nil)
		},
		"x.pth": func(p string) error { return WritePTH(p, []Tensor{FromFloat32("w", []int{n}, values)}) },
	} {
		path := filepath.Join(dir, name)
		if err := write(path); err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f := mustOpen(t, path)
		w, err := f.Tensors[0].Float32()
		runtime.ReadMemStats(&after)
		if err != nil || len(w) != n || w[n-1] != 3 {
			t.Fatalf("%s: %d values, %v", name, len(w), err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
			t.Errorf("%s: opening allocated %d bytes", name, used)
		}
		w[0] = 9
		again := mustOpen(t, path)
		v, err := again.Tensors[0].Float32()
		if err != nil || v[0] != 0 {
			t.Errorf("%s: a write to the values reached the file: %g, %v", name, v[0], err)
		}
	}
}

func TestCloseTwice(t *testing.T) {
	f, err := Open(filepath.Join("testdata", "expected.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, ok := f.Get("norm.weight"); ok {
		t.Error("a closed file still gives tensors")
	}
}
