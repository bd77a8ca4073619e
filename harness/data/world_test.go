package data

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

// worldHash is the SHA-256 of 100 pictures of every class, seed 1. Committed
// weights were trained on this world: the hash must not change.
const worldHash = "4a8edfad28a01d01521b98516d278eeeb7f0bccf9f6abd98e5df5a5ab6c3f4ef"

func TestWorldBytesAreFixed(t *testing.T) {
	h := sha256.New()
	for c := range WorldClasses {
		for i := range 100 {
			h.Write(World(1, c, i).Pix)
		}
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != worldHash {
		t.Errorf("hash of the world is %s, want %s", got, worldHash)
	}
}

func TestWorldDependsOnEveryArgument(t *testing.T) {
	base := World(1, 2, 3)
	for _, other := range []Image{World(2, 2, 3), World(1, 3, 3), World(1, 2, 4)} {
		if bytes.Equal(base.Pix, other.Pix) {
			t.Error("two different pictures have the same bytes")
		}
	}
	if again := World(1, 2, 3); !bytes.Equal(base.Pix, again.Pix) {
		t.Error("one picture drawn twice differs")
	}
}

// TestWorldPicturesVary guards against a painter that ignores its dice or
// paints nothing: within a class pictures differ widely, and none is flat.
func TestWorldPicturesVary(t *testing.T) {
	for c, name := range WorldClasses {
		seen := map[[32]byte]bool{}
		for i := range 50 {
			im := World(7, c, i)
			lo, hi := uint8(255), uint8(0)
			for _, v := range im.Pix {
				lo, hi = min(lo, v), max(hi, v)
			}
			if hi-lo < 60 {
				t.Errorf("%s %d: all bytes lie in [%d,%d]", name, i, lo, hi)
			}
			seen[sha256.Sum256(im.Pix)] = true
		}
		if len(seen) != 50 {
			t.Errorf("%s: 50 indices gave %d pictures", name, len(seen))
		}
	}
}

func TestWorldRejectsUnknownClass(t *testing.T) {
	for _, bad := range [][2]int{{-1, 0}, {10, 0}, {0, -1}} {
		mustPanic(t, func() { World(1, bad[0], bad[1]) })
	}
	if c, ok := WorldClass("fish"); !ok || WorldClasses[c] != "fish" {
		t.Errorf("WorldClass(fish) = %d, %v", c, ok)
	}
	if _, ok := WorldClass("unicorn"); ok {
		t.Error("WorldClass found a unicorn")
	}
}

// TestSheet also writes the contact sheet of the world, one row per class, to
// the file that LETHE_SHEET names, for a person to look at.
func TestSheet(t *testing.T) {
	var p []Image
	for c := range WorldClasses {
		for i := range 12 {
			p = append(p, World(1, c, i))
		}
	}
	s, err := Sheet(p, 12, 4)
	if err != nil {
		t.Fatal(err)
	}
	path := os.Getenv("LETHE_SHEET")
	if path == "" {
		path = filepath.Join(t.TempDir(), "sheet.png")
	}
	var buf bytes.Buffer
	if err := WritePNG(&buf, s); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, buf.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	back, err := png.Decode(&buf)
	if err != nil {
		t.Fatal(err)
	}
	// pixel (2,1) of picture 13 (row 1, column 1), bottom right of its 4x4 block
	r, g, b, _ := back.At(129+11, 129+7).RGBA()
	want := p[13].Pix[(1*32+2)*3:][:3]
	if uint8(r>>8) != want[0] || uint8(g>>8) != want[1] || uint8(b>>8) != want[2] {
		t.Errorf("sheet pixel is %d %d %d, want %v", r>>8, g>>8, b>>8, want)
	}
	if _, err := Sheet([]Image{{W: 1, H: 1, Pix: make([]uint8, 3)}, {W: 2, H: 1, Pix: make([]uint8, 6)}}, 2, 1); err == nil {
		t.Error("pictures of two sizes: no error")
	}
	if _, err := Sheet(nil, 2, 1); err == nil {
		t.Error("no pictures: no error")
	}
}

func mustPanic(t *testing.T, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	f()
}

func BenchmarkWorld(b *testing.B) {
	for c, name := range WorldClasses {
		b.Run("class="+name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				World(1, c, i)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "img/s")
		})
	}
}
