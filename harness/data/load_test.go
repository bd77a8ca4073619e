package data

import (
	"bytes"
	"math"
	"runtime"
	"strings"
	"testing"
)

func TestLoadFits(t *testing.T) {
	wide, _ := decoded(t, "resize.png") // 61x43
	root := writeTree(t, map[string][]byte{"wide.png": golden(t, "resize.png"), "exact.png": encoded(t, 0, 0)})
	s := mustOpen(t, root, Options{})
	calls := 0
	if err := s.Load(32, LoadOptions{Progress: func(done, total int) { calls += done; _ = total }}); err != nil {
		t.Fatal(err)
	}
	if calls != 2 || s.Size() != 32 {
		t.Errorf("progress saw %d pictures, size is %d", calls, s.Size())
	}
	if !bytes.Equal(s.Pixels(0), World(1, 0, 0).Pix) {
		t.Error("a picture of the right size was changed")
	}
	whole := Resize(wide, 45, 32, Bicubic) // 32*61/43 = 45.4
	for y := range 32 {                    // the crop begins at column (45-32)/2 = 6.5, rounded to even: 6
		if !bytes.Equal(s.Pixels(1)[y*96:][:96], whole.Pix[(y*45+6)*3:][:96]) {
			t.Fatalf("row %d of the crop differs", y)
		}
	}
	if err := s.Load(32, LoadOptions{Squash: true, Filter: Bilinear}); err != nil {
		t.Fatal(err)
	}
	if want, _ := decoded(t, "resize_bilinear_32x32.png"); !bytes.Equal(s.Pixels(1), want.Pix) {
		t.Error("squashed picture differs from Pillow's")
	}
	if err := s.Load(0, LoadOptions{}); err == nil {
		t.Error("size 0: no error")
	}
	mustPanic(t, func() { mustOpen(t, root, Options{}).Pixels(0) })
}

func TestShapesOfFitting(t *testing.T) {
	for _, c := range [][5]int{ // w, h, size, and torchvision's w, h
		{61, 43, 32, 45, 32}, {43, 61, 32, 32, 45}, {500, 375, 224, 298, 224}, {10, 10, 64, 64, 64}, {3, 1000, 8, 8, 2666},
	} {
		if w, h := shortSide(c[0], c[1], c[2]); w != c[3] || h != c[4] {
			t.Errorf("shortSide(%v) = %d, %d", c[:3], w, h)
		}
	}
	for _, c := range [][3]int{{45, 32, 6}, {47, 32, 8}, {46, 32, 7}, {32, 32, 0}} { // 6.5 and 7.5 go to even
		if got := centreOffset(c[0], c[1]); got != c[2] {
			t.Errorf("centreOffset(%d, %d) = %d, want %d", c[0], c[1], got, c[2])
		}
	}
}

func TestLoadIgnoresWorkers(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var first [][]byte
	for _, workers := range []int{1, 2, 3} {
		runtime.GOMAXPROCS(workers)
		s := mustOpen(t, "world:train?per-class=3", Options{})
		if err := s.Load(24, LoadOptions{}); err != nil {
			t.Fatal(err)
		}
		if len(s.Items) != 30 {
			t.Fatalf("%d pictures, want 30", len(s.Items))
		}
		for i := range s.Items {
			if workers == 1 {
				first = append(first, s.Pixels(i))
			} else if !bytes.Equal(s.Pixels(i), first[i]) {
				t.Fatalf("%d workers: picture %d differs", workers, i)
			}
		}
	}
}

func TestNormalize(t *testing.T) {
	pix := []uint8{0, 128, 255, 10, 20, 30, 40, 50, 60, 70, 80, 90}
	x := make([]float32, 12)
	Normalize(x, pix, 2, ImageNetMean, ImageNetStd)
	for c := range 3 {
		for i := range 4 {
			want := (float64(pix[i*3+c])/255 - float64(ImageNetMean[c])) / float64(ImageNetStd[c])
			// three float32 operations on values below 5
			if got := float64(x[c*4+i]); !(math.Abs(got-want) <= 3*5*math.Pow(2, -24)) {
				t.Errorf("channel %d pixel %d is %g, want %g", c, i, got, want)
			}
		}
	}
	Normalize(x, pix, 2, HalfMean, HalfStd)
	if x[0] != -1 || x[8] != 1 {
		t.Errorf("ends of the scale are %g and %g, want -1 and 1", x[0], x[8])
	}
	mustPanic(t, func() { Normalize(x, pix[:11], 2, HalfMean, HalfStd) })
}

func TestOverlapIsByContent(t *testing.T) {
	a := mustOpen(t, writeTree(t, map[string][]byte{"x/1.png": encoded(t, 0, 0), "x/2.png": encoded(t, 0, 1), "x/3.png": encoded(t, 0, 1)}), Options{})
	b := mustOpen(t, writeTree(t, map[string][]byte{"y/7.png": encoded(t, 0, 1), "y/8.png": encoded(t, 0, 2)}), Options{})
	if got := Overlap(a, b); len(got) != 1 || got[0] != (Shared{"x/2.png", "y/7.png"}) {
		t.Errorf("overlap %v", got)
	}
	err := NeedDisjoint(a, b)
	if err == nil || !strings.Contains(err.Error(), "x/2.png") || !strings.Contains(err.Error(), "y/7.png") {
		t.Errorf("error %v", err)
	}
	if c := mustOpen(t, writeTree(t, map[string][]byte{"y/8.png": encoded(t, 0, 2)}), Options{}); NeedDisjoint(a, c) != nil {
		t.Errorf("disjoint sets: %v", NeedDisjoint(a, c))
	}
}

func TestManifestSeesEveryChange(t *testing.T) {
	open := func(files map[string][]byte) string { return mustOpen(t, writeTree(t, files), Options{}).Manifest() }
	base := open(map[string][]byte{"1.png": encoded(t, 0, 0), "2.png": encoded(t, 0, 1)})
	for _, other := range []map[string][]byte{
		{"1.png": encoded(t, 0, 0), "2.png": encoded(t, 0, 2)},
		{"1.png": encoded(t, 0, 0), "3.png": encoded(t, 0, 1)},
		{"1.png": encoded(t, 0, 0)},
	} {
		if open(other) == base {
			t.Errorf("%v: the manifest did not change", sortedKeys(other))
		}
	}
}
