package npz

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestReadsWhatNumpyWrites(t *testing.T) {
	mu, sigma := []float64{0.5, -1.25, 3}, []float64{2, 0.25, 0, 0.25, 1, -0.5, 0, -0.5, 4}
	for _, name := range []string{"stats.npz", "packed.npz"} {
		got, err := Read(filepath.Join("testdata", name), "mu", "sigma")
		if err != nil {
			t.Fatal(err)
		}
		if m := got["mu"]; !slices.Equal(m.Data, mu) || !slices.Equal(m.Shape, []int{3}) {
			t.Errorf("%s: mu is %+v", name, m)
		}
		if s := got["sigma"]; !slices.Equal(s.Data, sigma) || !slices.Equal(s.Shape, []int{3, 3}) {
			t.Errorf("%s: sigma is %+v", name, s)
		}
	}
	odd, err := Read("testdata/packed.npz", "odd")
	if err != nil || !slices.Equal(odd["odd"].Data, []float64{1, 2, 3, 4, 5, 6}) || !slices.Equal(odd["odd"].Shape, []int{2, 3}) {
		t.Errorf("the Fortran array is %+v, %v", odd, err)
	}
}

func TestReadRefuses(t *testing.T) {
	whole, err := os.ReadFile("testdata/stats.npz")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	put := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	huge := slices.Clone(whole) // the size promised grows, the sum over the bytes does not fit
	at := strings.Index(string(huge), "(3, 3)")
	copy(huge[at:], "(9,99)")
	for _, c := range []struct{ path, array, text string }{
		{"testdata/stats.npz", "nu", `holds ["mu" "sigma"]`},
		{"testdata/packed.npz", "whole", `"<i8"`},
		{"testdata/packed.npz", "cube", "more than two"},
		{put("cut.npz", whole[:200]), "mu", "not a usable"},
		{put("text.npz", []byte("no zip")), "mu", "not a usable"},
		{put("huge.npz", huge), "sigma", "truncated"},
	} {
		if _, err := Read(c.path, c.array); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s, %s: %v, want %q", filepath.Base(c.path), c.array, err, c.text)
		}
	}
	if _, err := Read("testdata/none.npz", "mu"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file gave %v", err)
	}
}

// FuzzNPY reads damaged arrays: an error or an array that fits its shape, never
// a panic.
func FuzzNPY(f *testing.F) {
	for _, s := range []struct{ version, header, data string }{
		{"\x01\x00\x60\x00", "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }", "12345678"},
		{"\x02\x00\x60\x00\x00\x00", "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 1), }", "12345678"},
		{"\x01\x00\x60\x00", "{'descr': '<f4', 'fortran_order': False, 'shape': (), }", "1234"},
	} {
		whole := fmt.Appendf(nil, "\x93NUMPY%s%-95s\n%s", s.version, s.header, s.data)
		if _, err := array(bytes.NewReader(whole)); err != nil {
			f.Fatal(err)
		}
		f.Add(whole)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		a, err := array(bytes.NewReader(file))
		if err != nil {
			return
		}
		total := 1
		for _, n := range a.Shape {
			total *= n
		}
		if len(a.Data) != total {
			t.Errorf("shape %v holds %d elements", a.Shape, len(a.Data))
		}
	})
}
