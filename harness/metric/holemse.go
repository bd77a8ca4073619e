package metric

import "fmt"

// HoleMSE is the mean squared error over the removed patches of one image:
//
//	sum_l removed[l] * mean_k (pred[l,k]-target[l,k])^2  /  sum_l removed[l]
//
// Visible patches do not count: the model copies them, so they would only
// dilute the number by a factor that depends on the mask.
//
// Shapes: pred, target [L,K] with K = p*p*C pixels a patch; removed [L], 1 where
// the patch was removed and 0 where it was seen.
// Units: squared normalised pixels (1 = one standard deviation of the data). A
// model with normalised-patch targets must have them undone first.
// Errors: ErrNonFinite for a NaN or an infinity anywhere in pred or target,
// ErrEmpty when no patch is removed.
// Panics: lengths that do not fit, or removed holding neither 0 nor 1.
// Source: the reconstruction loss of He et al., "Masked Autoencoders Are
// Scalable Vision Learners" (arXiv 2111.06377), section 3, without norm_pix.
func HoleMSE(pred, target, removed []float32) (float64, error) {
	needLen("HoleMSE", "target", len(target), len(pred))
	patches := len(removed)
	if patches == 0 {
		return 0, fmt.Errorf("metric: HoleMSE: no patches: %w", ErrEmpty)
	}
	size := len(pred) / patches
	needLen("HoleMSE", "pred", len(pred), patches*size)
	if err := finite("HoleMSE", "pred", pred); err != nil {
		return 0, err
	}
	if err := finite("HoleMSE", "target", target); err != nil {
		return 0, err
	}
	sum, holes := 0.0, 0
	for l, r := range removed {
		switch r {
		case 0:
		case 1:
			sum += squaredDistance(pred[l*size:][:size], target[l*size:][:size])
			holes++
		default:
			panic(fmt.Sprintf("metric: HoleMSE: removed[%d] is %v, want 0 or 1", l, r))
		}
	}
	if holes == 0 || size == 0 {
		return 0, fmt.Errorf("metric: HoleMSE: no patch is removed: %w", ErrEmpty)
	}
	return sum / float64(holes*size), nil
}

// squaredDistance is sum (x-y)^2, differences and sum in float64.
func squaredDistance(x, y []float32) float64 {
	sum := 0.0
	for i, v := range x {
		d := float64(v) - float64(y[i])
		sum += d * d
	}
	return sum
}
