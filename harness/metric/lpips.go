package metric

import (
	"fmt"
	"math"
)

// Activation is what one layer of a backbone makes of one image.
type Activation struct {
	C, H, W int
	Data    []float32 // [C,H,W]
}

// LPIPS is the learned perceptual distance, version 0.1, of two images, from
// the activations of a backbone and the weights of its linear heads:
//
//	sum_l 1/(H_l W_l) sum_{h,w} sum_c w_lc ( x_lchw/(|x_lhw|+1e-10) - y_lchw/(|y_lhw|+1e-10) )^2
//
// with |x_lhw| over the channels. The images went through the backbone in
// [-1,1], then shifted and scaled by the constants of the original (mean -.030,
// -.088, -.188, deviation .458, .448, .450); that is the caller's part.
//
// Shapes: x, y one activation a layer; heads[l] [C_l], the 1x1 convolution
// lin<l>.model.1.weight.
// Units: none; 0 for equal images, lower is closer.
// Errors: ErrNonFinite. Panics: shapes that do not fit.
// Source: Zhang, Isola, Efros, Shechtman, Wang, "The Unreasonable Effectiveness
// of Deep Features as a Perceptual Metric" (arXiv 1801.03924).
func LPIPS(x, y []Activation, heads [][]float32) (float64, error) {
	const op = "LPIPS"
	needLen(op, "y", len(y), len(x))
	needLen(op, "heads", len(heads), len(x))
	sum := 0.0
	for l, a := range x {
		b, head := y[l], heads[l]
		if a.C != b.C || a.H != b.H || a.W != b.W || a.C < 1 || a.H < 1 || a.W < 1 {
			panic(fmt.Sprintf("metric: %s: layer %d is %dx%dx%d and %dx%dx%d, want one shape", op, l, a.C, a.H, a.W, b.C, b.H, b.W))
		}
		needLen(op, "head", len(head), a.C)
		needLen(op, "x", len(a.Data), a.C*a.H*a.W)
		needLen(op, "y", len(b.Data), a.C*a.H*a.W)
		for _, part := range []struct {
			name string
			data []float32
		}{{"x", a.Data}, {"y", b.Data}, {"head", head}} {
			if err := finite(op, fmt.Sprintf("layer %d, %s", l, part.name), part.data); err != nil {
				return 0, err
			}
		}
		sum += layerDistance(a, b, head)
	}
	return sum, nil
}

// layerDistance is one term of LPIPS.
func layerDistance(x, y Activation, head []float32) float64 {
	const eps = 1e-10
	area, total := x.H*x.W, 0.0
	for at := range area {
		nx, ny := 0.0, 0.0
		for c := range x.C {
			u, v := float64(x.Data[c*area+at]), float64(y.Data[c*area+at])
			nx += u * u
			ny += v * v
		}
		nx, ny = math.Sqrt(nx)+eps, math.Sqrt(ny)+eps
		for c, w := range head {
			d := float64(x.Data[c*area+at])/nx - float64(y.Data[c*area+at])/ny
			total += float64(w) * d * d
		}
	}
	return total / float64(area)
}

// LPIPSHeads collects the weights of the linear heads of version 0.1 by the names
// they have in the original's files, until one is missing.
// Errors: no head at all; a negative weight, which no distance has.
func LPIPSHeads(get func(name string) (weights []float32, ok bool)) ([][]float32, error) {
	var heads [][]float32
	for {
		name := fmt.Sprintf("lin%d.model.1.weight", len(heads))
		w, ok := get(name)
		if !ok {
			break
		}
		for c, v := range w {
			if !(v >= 0) {
				return nil, fmt.Errorf("metric: LPIPS: %s[%d] is %v, want at least 0: is this version 0.1?", name, c, v)
			}
		}
		heads = append(heads, w)
	}
	if heads == nil {
		return nil, fmt.Errorf("metric: LPIPS: no lin0.model.1.weight: give the linear heads of version 0.1: %w", ErrEmpty)
	}
	return heads, nil
}
