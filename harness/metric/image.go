package metric

import "fmt"

// Image is one image as it is displayed.
//
// Shapes: Pix [C,H,W], row-major, channel planes one after another.
// Units: 0 is black, 1 is full; values outside are clamped where they are
// measured, as a screen would.
type Image struct {
	C, H, W int
	Pix     []float32
}

// Bytes is the image in 8 bits, interleaved [H,W,C], clamped and rounded to
// nearest; a NaN becomes 0. For pictures, not for measuring.
func (m Image) Bytes() []uint8 {
	m.check("Bytes")
	out := make([]uint8, len(m.Pix))
	plane := m.H * m.W
	for i := range out {
		v := clamp01(float64(m.Pix[i%m.C*plane+i/m.C]))
		if v == v {
			out[i] = uint8(v*255 + 0.5)
		}
	}
	return out
}

func (m Image) check(op string) {
	if m.C < 1 || m.H < 1 || m.W < 1 {
		panic(fmt.Sprintf("metric: %s: image is %dx%dx%d, want at least 1x1x1", op, m.C, m.H, m.W))
	}
	needLen(op, "Pix", len(m.Pix), m.C*m.H*m.W)
}

// checkPair panics when two images differ in shape, and returns an error when
// either holds a value that is not finite.
func checkPair(op string, got, want Image) error {
	got.check(op)
	want.check(op)
	if got.C != want.C || got.H != want.H || got.W != want.W {
		panic(fmt.Sprintf("metric: %s: images are %dx%dx%d and %dx%dx%d, want the same shape",
			op, got.C, got.H, got.W, want.C, want.H, want.W))
	}
	if err := finite(op, "got", got.Pix); err != nil {
		return err
	}
	return finite(op, "want", want.Pix)
}

// clamp01 is v limited to [0,1]; a NaN stays a NaN.
func clamp01(v float64) float64 {
	switch {
	case v < 0:
		return 0
	case v > 1:
		return 1
	}
	return v
}
