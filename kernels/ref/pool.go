package ref

import "math"

// Pool is the geometry of MaxPool and AvgPool, as kernels.PoolShape has it.
type Pool struct{ N, H, W, C, OutH, OutW, Kernel, Stride, Pad int }

// at returns a pixel of x [N,H,W,C] and whether it lies within the image.
func (s Pool) at(x []float32, n, i, j, c int) (float64, bool) {
	if i < 0 || j < 0 || i >= s.H || j >= s.W {
		return 0, false
	}
	return float64(x[((n*s.H+i)*s.W+j)*s.C+c]), true
}

// Pools returns the largest pixel of each window, its mean over the places
// within the padded image, and its mean over those within the image, all
// [N,OutH,OutW,C].
func Pools(x []float32, s Pool) (largest, padded, bare []float64) {
	for n := range s.N {
		for p := range s.OutH {
			for q := range s.OutW {
				for c := range s.C {
					top, sum, places, pixels := math.Inf(-1), 0.0, 0.0, 0.0
					for i := p*s.Stride - s.Pad; i < p*s.Stride-s.Pad+s.Kernel; i++ {
						for j := q*s.Stride - s.Pad; j < q*s.Stride-s.Pad+s.Kernel; j++ {
							if i < s.H+s.Pad && j < s.W+s.Pad {
								places++
							}
							if v, ok := s.at(x, n, i, j, c); ok {
								top, sum, pixels = math.Max(top, v), sum+v, pixels+1
							}
						}
					}
					largest, padded, bare = append(largest, top), append(padded, sum/places), append(bare, sum/pixels)
				}
			}
		}
	}
	return largest, padded, bare
}
