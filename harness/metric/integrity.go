package metric

import (
	"fmt"
	"slices"
)

// IntegrityResult says how far unlearning moved the outputs for images that
// were to be kept.
type IntegrityResult struct {
	Distance string  `json:"distance"` // the distance of two outputs, by name
	N        int     `json:"n"`
	Mean     float64 `json:"mean"` // in the units of the distance; lower is more integrity
	SD       float64 `json:"sd"`
	P95      float64 `json:"p95"`
	Max      float64 `json:"max"`
	// Relative is Mean over the mean distance of two outputs of the original
	// under two seeds: how many changes of the seed the edit costs. Nil for a
	// model that draws nothing.
	Relative *float64 `json:"relative,omitempty"`
	// Worst are the places in values of the images that moved most, furthest first.
	Worst    []int    `json:"worst"`
	Warnings []string `json:"warnings,omitempty"`
}

// worstImages is how many images IntegrityResult names.
const worstImages = 8

// Integrity summarises the distances, image by image, between what the original
// and what the unlearned model make of one input under the same mask and the
// same noise:
//
//	I = mean_r d( unlearned(T(x_r), s), original(T(x_r), s) )
//
// A distribution's distance such as FID cannot see a model that answers with
// another, equally good picture; this does. d is the caller's: ImageMSE, 1-SSIM,
// LPIPS, or 1 minus PairedCosines in the space of a fixed network.
//
// values [n], and seeds, nil or the same distances between two outputs of the
// original under two seeds.
// Errors: ErrEmpty, ErrNonFinite; seeds that average 0.
// Source: after Schioppa, Hoogeboom, Heek, "Model Integrity when Unlearning with
// T2I Diffusion Models" (arXiv 2411.02068), our definition for images.
func Integrity(distance string, values, seeds []float64) (IntegrityResult, error) {
	const op = "Integrity"
	if err := usable(op, values); err != nil {
		return IntegrityResult{}, err
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	r := IntegrityResult{
		Distance: distance, N: len(values), Mean: mean(values), SD: spread(values),
		P95: quantile(sorted, 0.95), Max: sorted[len(sorted)-1],
	}
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case values[a] > values[b]:
			return -1
		case values[a] < values[b]:
			return 1
		}
		return 0
	})
	r.Worst = order[:min(worstImages, len(order))]
	if len(values) < 20 {
		r.Warnings = []string{fmt.Sprintf("n = %d images: the 95th percentile is nearly the largest value; use at least 20", len(values))}
	}
	if seeds == nil {
		return r, nil
	}
	if err := usable(op, seeds); err != nil {
		return IntegrityResult{}, err
	}
	base := mean(seeds)
	if !(base > 0) {
		return IntegrityResult{}, fmt.Errorf("metric: %s: two seeds give equal outputs: the model draws nothing, leave the seeds out: %w", op, ErrEmpty)
	}
	relative := r.Mean / base
	r.Relative = &relative
	return r, nil
}

// ImageMSE is the mean squared difference of two displayed images over all
// channels and pixels, values clamped to [0,1]: what PSNR is the logarithm of.
//
// Units: squared range; its root is the RMS distance.
// Errors: ErrNonFinite. Panics: shapes that differ.
func ImageMSE(got, want Image) (float64, error) {
	if err := checkPair("ImageMSE", got, want); err != nil {
		return 0, err
	}
	return imageMSE(got, want), nil
}

func imageMSE(got, want Image) float64 {
	sum := 0.0
	for i, v := range got.Pix {
		d := clamp01(float64(v)) - clamp01(float64(want.Pix[i]))
		sum += d * d
	}
	return sum / float64(len(got.Pix))
}

// PairedMSE is the mean squared difference of the features of each pair of
// images: integrity in the space of a fixed network.
//
// Units: squared units of the features.
// Errors: ErrTooFew, ErrNonFinite, ErrMismatch.
func PairedMSE(x, y Set) ([]float64, error) {
	const op = "PairedMSE"
	if err := checkSets(op, x, y); err != nil {
		return nil, err
	}
	if x.N != y.N {
		return nil, fmt.Errorf("metric: %s: %d and %d samples cannot be paired: give both sets the same images in the same order: %w", op, x.N, y.N, ErrMismatch)
	}
	values := make([]float64, x.N)
	for i := range values {
		values[i] = squaredDistance(x.Rows[i*x.D:][:x.D], y.Rows[i*x.D:][:x.D]) / float64(x.D)
	}
	return values, nil
}
