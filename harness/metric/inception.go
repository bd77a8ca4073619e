package metric

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// ISOptions says how the samples are split. The zero value means 10 splits in
// the order of the samples, as the paper's evaluation takes them.
type ISOptions struct {
	Splits int    // 0 means 10
	Seed   uint64 // not 0: samples are shuffled first, as torch-fidelity does
}

// InceptionScore is exp of the mean divergence of a sample's classes from the
// classes of all:
//
//	exp( 1/n sum_i sum_c p(c|x_i) (ln p(c|x_i) - ln p(c)) ),  p(c) = 1/n sum_i p(c|x_i)
//
// with p(c|x) the softmax of the logits; the mean over splits of floor(N/splits)
// samples, and as SD their population deviation. What does not fill a split is
// left out, and said so.
//
// Shapes: logits [n,classes].
// Units: none, between 1 and the number of classes; higher is clearer and more
// varied, but a set of one class of sharp images scores 1.
// Errors: ErrTooFew, ErrNonFinite.
// Panics: a length that does not fit.
// Source: Salimans et al., "Improved Techniques for Training GANs" (arXiv
// 1606.03498); splits as in the paper's released evaluation.
func InceptionScore(logits []float32, n, classes int, from Provenance, o ISOptions) (Result, error) {
	const op = "InceptionScore"
	needLen(op, "logits", len(logits), n*classes)
	if err := (Set{N: n, D: max(classes, 1), Rows: logits}).check(op); err != nil {
		return Result{}, err
	}
	r := Result{Column: networkColumn("IS", "IS", from.Network), N: []int{n}, From: from}
	if o.Splits == 0 {
		o.Splits = 10
	}
	if o.Splits < 1 {
		return Result{}, fmt.Errorf("metric: %s: %d splits, need at least 1", op, o.Splits)
	}
	size := n / o.Splits
	if size < 2 {
		return Result{}, fmt.Errorf("metric: %s: %d samples in %d splits leave %d a split, need at least 2: give more images or ask for fewer splits: %w", op, n, o.Splits, size, ErrTooFew)
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	if o.Seed != 0 {
		order = rand.New(rand.NewPCG(o.Seed, 0x4953)).Perm(n)
	}
	values := make([]float64, o.Splits)
	for s := range values {
		values[s] = splitScore(logits, classes, order[s*size:][:size])
	}
	r.Value = mean(values)
	if o.Splits > 1 {
		sd := deviation(values, r.Value)
		r.SD = &sd
	}
	if rest := n - size*o.Splits; rest > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("n = %d is no multiple of %d splits: the last %d samples do not count", n, o.Splits, rest))
	}
	if size < classes {
		r.Warnings = append(r.Warnings, fmt.Sprintf("n = %d gives %d samples a split, below the %d classes: the score is biased downwards, and cannot exceed %d; use more images, and compare only values of equal n", n, size, classes, size))
	}
	return r, nil
}

// splitScore is the score of some samples: exp( mean entropy gap ), in the form
// sum p ln p of each sample less that of their mean.
func splitScore(logits []float32, classes int, at []int) float64 {
	marginal, p := make([]float64, classes), make([]float64, classes)
	own := 0.0
	for _, i := range at {
		own += softmax(p, logits[i*classes:][:classes])
		for c, v := range p {
			marginal[c] += v
		}
	}
	n, all := float64(len(at)), 0.0
	for _, v := range marginal {
		if v /= n; v > 0 {
			all += v * math.Log(v)
		}
	}
	return math.Exp(own/n - all)
}

// softmax writes the probabilities to p and returns sum p ln p, the logarithm
// taken before the exponential so that no probability is too small for it.
func softmax(p []float64, logits []float32) float64 {
	most := float64(logits[0])
	for _, v := range logits {
		most = max(most, float64(v))
	}
	sum := 0.0
	for c, v := range logits {
		p[c] = math.Exp(float64(v) - most)
		sum += p[c]
	}
	log, entropy := math.Log(sum), 0.0
	for c, v := range logits {
		p[c] /= sum
		entropy += p[c] * (float64(v) - most - log)
	}
	return entropy
}
