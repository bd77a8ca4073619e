package kernels

import (
	"math"
	"math/rand/v2"
	"testing"

	"lethe/kernels/ref"
)

// TestPoolsMatchRef covers the windows of the networks: overhanging ones, kept
// and left out, padded ones, and images smaller than a window with its padding.
func TestPoolsMatchRef(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	cases := []PoolShape{
		{ImageShape{2, 7, 9, 5}, 3, 2, 0, false},  // Inception's reductions
		{ImageShape{1, 8, 8, 3}, 3, 1, 1, false},  // its average pools
		{ImageShape{2, 9, 6, 4}, 3, 2, 1, false},  // ResNet's stem
		{ImageShape{1, 8, 10, 7}, 3, 2, 0, true},  // SqueezeNet, the last window hangs over
		{ImageShape{1, 7, 7, 2}, 3, 2, 0, true},   // and does not
		{ImageShape{1, 4, 4, 1}, 2, 2, 1, true},   // padded and overhanging
		{ImageShape{1, 1, 1, 17}, 3, 1, 1, false}, // one pixel
		{ImageShape{0, 3, 3, 2}, 3, 1, 1, false},  // no image
	}
	for _, s := range cases {
		x := make([]float32, s.ImageShape.len())
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		n := s.N * s.OutH() * s.OutW() * s.C
		top, padded, bare := ref.Pools(x, ref.Pool{N: s.N, H: s.H, W: s.W, C: s.C, OutH: s.OutH(), OutW: s.OutW(), Kernel: s.Kernel, Stride: s.Stride, Pad: s.Pad})
		y := make([]float32, n+1)
		y[n] = 42
		// A sum of K*K terms of at most 6 each, and the rounded divisor.
		tol := 6 * float64(s.Kernel*s.Kernel+2) / (1 << 24) * float64(s.Kernel*s.Kernel)
		for name, run := range map[string]func() ([]float64, float64){
			"max":    func() ([]float64, float64) { MaxPool(y[:n], x, s); return top, 0 },
			"padded": func() ([]float64, float64) { AvgPool(y[:n], x, s, AvgPoolOptions{}); return padded, tol },
			"bare": func() ([]float64, float64) {
				AvgPool(y[:n], x, s, AvgPoolOptions{ExcludePad: true})
				return bare, tol
			},
		} {
			want, tol := run()
			for i, w := range want {
				if !(math.Abs(float64(y[i])-w) <= tol) {
					t.Errorf("%s %+v: y[%d] is %v, want %v", name, s, i, y[i], w)
					break
				}
			}
			if len(want) != n || y[n] != 42 {
				t.Errorf("%s %+v: %d outputs, want %d; behind them %v", name, s, len(want), n, y[n])
			}
		}
	}
}

// TestPoolOutSides holds sides that PyTorch has: ceil mode drops a window that
// would begin behind the image.
func TestPoolOutSides(t *testing.T) {
	for _, c := range []struct {
		in, kernel, stride, pad int
		ceil                    bool
		want                    int
	}{
		{113, 3, 2, 0, true, 56}, {111, 3, 2, 0, true, 55}, {112, 3, 2, 0, true, 56}, {112, 3, 2, 0, false, 55},
		{4, 2, 2, 1, true, 3}, {3, 2, 2, 1, true, 2}, {112, 3, 2, 1, false, 56},
	} {
		s := PoolShape{ImageShape{1, c.in, c.in, 1}, c.kernel, c.stride, c.pad, c.ceil}
		if got := s.OutH(); got != c.want {
			t.Errorf("%+v: %d windows", c, got)
		}
	}
}

func TestMeanPixelsAndRelu(t *testing.T) {
	x := []float32{1, -2, 3, 4, -5, 6, float32(math.NaN()), 0}
	y := make([]float32, 2)
	MeanPixels(y, x[:6], ImageShape{1, 3, 1, 2})
	if y[0] != -1.0/3 || y[1] != 8.0/3 {
		t.Errorf("means %v", y)
	}
	Relu(x, x)
	for i, want := range []float32{1, 0, 3, 4, 0, 6} {
		if x[i] != want {
			t.Errorf("Relu: element %d is %v, want %v", i, x[i], want)
		}
	}
	if x[6] == x[6] {
		t.Errorf("Relu of NaN is %v", x[6])
	}
}
