package metric

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"testing"
)

//go:embed testdata/golden.json
var goldenText []byte

type golden struct {
	Images []struct {
		C, H, W    int
		PSNR, SSIM float64
	}
	Encoder struct{ RMS, Unit float64 }
	Values  struct{ Mean, StdErr, Q05, P95 float64 }
}

func readGolden(t *testing.T) golden {
	t.Helper()
	var g golden
	if err := json.Unmarshal(goldenText, &g); err != nil {
		t.Fatal(err)
	}
	if len(g.Images) == 0 {
		t.Fatal("golden.json holds no images")
	}
	return g
}

// hashed is image of testdata/golden.py.
func hashed(c, h, w int, seed uint64) Image {
	m := Image{C: c, H: h, W: w, Pix: make([]float32, c*h*w)}
	for i := range m.Pix {
		k := uint64(i) + seed*1000003
		noise := k * k * 2654435761 % (1 << 32) >> 16
		slope := float64(i%w) / float64(w)
		low := float64(0.7 * slope)
		m.Pix[i] = float32(low + float64(0.6*(float64(noise)/65536)) - 0.15)
	}
	return m
}

func blend(x, y Image) Image {
	out := Image{C: x.C, H: x.H, W: x.W, Pix: make([]float32, len(x.Pix))}
	for i := range out.Pix {
		a := float64(0.75 * float64(x.Pix[i]))
		out.Pix[i] = float32(a + float64(0.25*float64(y.Pix[i])))
	}
	return out
}

// near accepts a relative difference of tol; float64 sums of up to 150528 terms
// stay well below 1e-11, whatever their order.
func near(got, want float64) bool { return math.Abs(got-want) <= 1e-11*math.Abs(want) }

func TestImagesMatchNumpy(t *testing.T) {
	for _, c := range readGolden(t).Images {
		x := hashed(c.C, c.H, c.W, 1)
		y := blend(x, hashed(c.C, c.H, c.W, 2))
		if got, err := SSIM(y, x); err != nil || !near(got, c.SSIM) {
			t.Errorf("SSIM of %dx%dx%d is %v, %v, want %v", c.C, c.H, c.W, got, err, c.SSIM)
		}
		if got, err := PSNR(y, x); err != nil || !near(got, c.PSNR) {
			t.Errorf("PSNR of %dx%dx%d is %v, %v, want %v", c.C, c.H, c.W, got, err, c.PSNR)
		}
	}
}

func TestEqualImages(t *testing.T) {
	for _, m := range []Image{hashed(3, 32, 32, 9), constant(0), constant(1), constant(0.25)} {
		if got, err := SSIM(m, m); err != nil || !near(got, 1) {
			t.Errorf("SSIM of equal images is %v, %v, want 1", got, err)
		}
		if got, err := PSNR(m, m); err != nil || got != PSNRCap {
			t.Errorf("PSNR of equal images is %v, %v, want the cap %v", got, err, PSNRCap)
		}
	}
}

func constant(v float32) Image {
	m := Image{C: 1, H: 16, W: 12, Pix: make([]float32, 16*12)}
	for i := range m.Pix {
		m.Pix[i] = v
	}
	return m
}

// Two constants have no variance, so SSIM is its luminance term alone, and PSNR
// is that of the one difference.
func TestConstantImagesByHand(t *testing.T) {
	a, b := constant(0.25), constant(0.75)
	want := (2*0.25*0.75 + 1e-4) / (0.25*0.25 + 0.75*0.75 + 1e-4)
	if got, err := SSIM(a, b); err != nil || !near(got, want) {
		t.Errorf("SSIM is %v, %v, want %v", got, err, want)
	}
	if got, err := PSNR(a, b); err != nil || !near(got, 20*math.Log10(2)) {
		t.Errorf("PSNR is %v, %v, want %v", got, err, 20*math.Log10(2))
	}
}

// What a screen clamps must not count.
func TestDisplayedValuesAreClamped(t *testing.T) {
	for _, pair := range [][2]float32{{-3, 0}, {7, 1}} {
		if got, err := PSNR(constant(pair[0]), constant(pair[1])); err != nil || got != PSNRCap {
			t.Errorf("PSNR of %v against %v is %v, %v, want %v", pair[0], pair[1], got, err, PSNRCap)
		}
		if got, err := SSIM(constant(pair[0]), constant(pair[1])); err != nil || !near(got, 1) {
			t.Errorf("SSIM of %v against %v is %v, %v, want 1", pair[0], pair[1], got, err)
		}
	}
}

func TestSSIMOfOppositeImagesIsNegative(t *testing.T) {
	m := hashed(1, 32, 32, 6)
	flipped := Image{C: 1, H: 32, W: 32, Pix: make([]float32, len(m.Pix))}
	for i, v := range m.Pix {
		flipped.Pix[i] = 1 - float32(clamp01(float64(v)))
	}
	if got, err := SSIM(m, flipped); err != nil || !(got < 0) {
		t.Errorf("SSIM of an image and its negative is %v, %v, want below 0", got, err)
	}
}

func TestSSIMRefusesSmallImages(t *testing.T) {
	for _, size := range [][2]int{{10, 11}, {11, 10}, {1, 1}} {
		m := Image{C: 1, H: size[0], W: size[1], Pix: make([]float32, size[0]*size[1])}
		if _, err := SSIM(m, m); err == nil {
			t.Errorf("SSIM of %v gave no error", size)
		}
	}
}

func TestHoleMSEByHand(t *testing.T) {
	pred := []float32{1, 2, 9, 9, -1, 0, 5, 5}
	target := []float32{0, 0, 0, 0, 1, 0, 5, 2}
	for _, c := range []struct {
		removed []float32
		want    float64
	}{
		{[]float32{1, 0, 0, 0}, (1.0 + 4) / 2},
		{[]float32{1, 0, 1, 0}, (1.0 + 4 + 4 + 0) / 4}, // the visible patch of 81s does not count
		{[]float32{1, 1, 1, 1}, (1.0 + 4 + 81 + 81 + 4 + 0 + 0 + 9) / 8},
	} {
		if got, err := HoleMSE(pred, target, c.removed); err != nil || got != c.want {
			t.Errorf("HoleMSE with %v is %v, %v, want %v", c.removed, got, err, c.want)
		}
	}
	if _, err := HoleMSE(pred, target, make([]float32, 4)); !errors.Is(err, ErrEmpty) {
		t.Errorf("HoleMSE of no hole: %v, want ErrEmpty", err)
	}
}

func TestEncoderDistance(t *testing.T) {
	g := readGolden(t).Encoder
	u, v := hashed(1, 17, 64, 3).Pix, hashed(1, 17, 64, 4).Pix
	if d, err := EncoderDistance(u, v); err != nil || !near(d.RMS, g.RMS) || !near(d.Unit, g.Unit) {
		t.Errorf("distance is %+v, %v, want %+v", d, err, g)
	}
	for _, c := range []struct {
		u, v []float32
		want Distance
	}{
		{[]float32{3, 4}, []float32{3, 4}, Distance{0, 0}},
		{[]float32{3, 4}, []float32{-3, -4}, Distance{math.Sqrt(50), 2}},
		{[]float32{2, 0}, []float32{0, 5}, Distance{math.Sqrt(14.5), math.Sqrt2}},
		{[]float32{1e30, 0}, []float32{2e30, 0}, Distance{0, 0}}, // same direction; RMS below
	} {
		d, err := EncoderDistance(c.u, c.v)
		if err != nil || !(math.Abs(d.Unit-c.want.Unit) <= 1e-15) {
			t.Errorf("unit distance of %v and %v is %v, %v, want %v", c.u, c.v, d.Unit, err, c.want.Unit)
		}
		if c.u[0] < 1e30 && !(math.Abs(d.RMS-c.want.RMS) <= 1e-14) {
			t.Errorf("RMS of %v and %v is %v, want %v", c.u, c.v, d.RMS, c.want.RMS)
		}
	}
	if _, err := EncoderDistance([]float32{0, 0}, []float32{1, 0}); !errors.Is(err, ErrEmpty) {
		t.Errorf("a zero embedding: %v, want ErrEmpty", err)
	}
}

func TestNonFiniteInputIsAnError(t *testing.T) {
	good := hashed(1, 16, 16, 1)
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
		m := Image{C: 1, H: 16, W: 16, Pix: append([]float32(nil), good.Pix...)}
		m.Pix[200] = bad
		calls := map[string]func() error{
			"SSIM got":        func() error { _, err := SSIM(m, good); return err },
			"SSIM want":       func() error { _, err := SSIM(good, m); return err },
			"PSNR got":        func() error { _, err := PSNR(m, good); return err },
			"PSNR want":       func() error { _, err := PSNR(good, m); return err },
			"HoleMSE pred":    func() error { _, err := HoleMSE(m.Pix, good.Pix, make([]float32, 4)); return err },
			"HoleMSE target":  func() error { _, err := HoleMSE(good.Pix, m.Pix, make([]float32, 4)); return err },
			"EncoderDistance": func() error { _, err := EncoderDistance(good.Pix, m.Pix); return err },
		}
		for name, call := range calls {
			if err := call(); !errors.Is(err, ErrNonFinite) {
				t.Errorf("%s with %v: %v, want ErrNonFinite", name, bad, err)
			}
		}
	}
}

func TestImageBytes(t *testing.T) {
	m := Image{C: 3, H: 1, W: 2, Pix: []float32{0, 0.4, 0.2, 0.6, 1, 0.8}} // one row of two RGB pixels
	if got, want := m.Bytes(), []uint8{0, 51, 255, 102, 153, 204}; string(got) != string(want) {
		t.Errorf("bytes are %v, want %v", got, want)
	}
	m = Image{C: 1, H: 1, W: 3, Pix: []float32{-1, 9, float32(math.NaN())}}
	if got, want := m.Bytes(), []uint8{0, 255, 0}; string(got) != string(want) {
		t.Errorf("bytes of values out of range are %v, want %v", got, want)
	}
}

func TestBrokenShapesPanic(t *testing.T) {
	small := Image{C: 1, H: 11, W: 11, Pix: make([]float32, 121)}
	for name, call := range map[string]func(){
		"HoleMSE lengths":  func() { HoleMSE(make([]float32, 4), make([]float32, 3), make([]float32, 2)) },
		"HoleMSE division": func() { HoleMSE(make([]float32, 5), make([]float32, 5), make([]float32, 2)) },
		"HoleMSE half":     func() { HoleMSE(make([]float32, 4), make([]float32, 4), []float32{0.5, 1}) },
		"PSNR shapes":      func() { PSNR(small, Image{C: 1, H: 1, W: 121, Pix: make([]float32, 121)}) },
		"SSIM pixels":      func() { SSIM(small, Image{C: 1, H: 11, W: 11, Pix: make([]float32, 120)}) },
		"EncoderDistance":  func() { EncoderDistance(make([]float32, 2), make([]float32, 3)) },
		"Quantile":         func() { Quantile([]float64{1}, 1.5) },
		"Bootstrap":        func() { Interval([]float64{1}, Bootstrap{Level: 2}, nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s did not panic", name)
				}
			}()
			call()
		}()
	}
}

func ExampleHoleMSE() {
	pred, target := []float32{1, 1, 0, 0}, []float32{0, 0, 0, 0}
	mse, err := HoleMSE(pred, target, []float32{1, 0}) // two patches of two pixels, the first removed
	fmt.Println(mse, err)
	// Output: 1 <nil>
}
