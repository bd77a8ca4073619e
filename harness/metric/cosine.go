package metric

import (
	"fmt"
	"math"
)

// Cosine is the mean cosine of the features of paired images, each of a
// completion with that of its own original: the CLIP score of the paper when
// the network is CLIP's image tower. No text takes part.
//
//	1/n sum_i x_i.y_i / (|x_i| |y_i|)
//
// Units: none, between -1 and 1; higher is closer. SD is the unbiased deviation
// over the pairs.
// Errors: ErrTooFew, ErrNonFinite, ErrMismatch (also sets of different n, which
// cannot be paired), ErrEmpty for a feature of zeros.
// Source: Li, Hsu, Chen, Marculescu, "Machine Unlearning for Image-to-Image
// Generative Models" (arXiv 2402.00351), the CLIP column.
func Cosine(x, y Set) (Result, error) {
	values, err := PairedCosines(x, y)
	if err != nil {
		return Result{}, err
	}
	r := pairResult(cosineColumn, x.From, y.From, x.N)
	r.Value = mean(values)
	sd := spread(values)
	r.SD = &sd
	if x.N < smallCosine {
		r.Warnings = append(r.Warnings, fmt.Sprintf("n = %d pairs: the standard error of the mean is %.2g; use more images for a finer number", x.N, stdErr(values)))
	}
	return r, nil
}

// smallCosine is the number of pairs below which the standard error is spelled
// out.
const smallCosine = 100

// cosineColumn names the column after the network: CLIP towers differ by more
// than what is measured with them.
func cosineColumn(network string) string {
	return networkColumn("cosine("+InceptionNetwork+")", "cosine", network)
}

// PairedCosines is the cosine of each pair; see Cosine.
func PairedCosines(x, y Set) ([]float64, error) {
	const op = "Cosine"
	if err := checkSets(op, x, y); err != nil {
		return nil, err
	}
	if x.N != y.N {
		return nil, fmt.Errorf("metric: %s: %d and %d samples cannot be paired: give both sets the same images in the same order: %w", op, x.N, y.N, ErrMismatch)
	}
	values := make([]float64, x.N)
	for i := range values {
		u, v := x.Rows[i*x.D:][:x.D], y.Rows[i*y.D:][:y.D]
		nu, nv := norm(u), norm(v)
		if nu == 0 || nv == 0 {
			return nil, fmt.Errorf("metric: %s: the features of sample %d are all zeros, which have no direction: look at that image: %w", op, i, ErrEmpty)
		}
		sum := 0.0
		for j, a := range u {
			sum += float64(a) * float64(v[j])
		}
		values[i] = sum / nu / nv
	}
	return values, nil
}

// spread is the unbiased standard deviation, 0 for a single value.
func spread(values []float64) float64 {
	return stdErr(values) * math.Sqrt(float64(len(values)))
}
