package metric

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Summary describes the values of one metric over many samples, in the units
// of the metric.
type Summary struct {
	N      int     `json:"n"`
	Mean   float64 `json:"mean"`
	StdErr float64 `json:"stderr"` // of the mean; 0 for one sample
	Lo     float64 `json:"lo"`     // bootstrap interval of the mean
	Hi     float64 `json:"hi"`
	Min    float64 `json:"min"`
	P95    float64 `json:"p95"`
	Max    float64 `json:"max"`
}

// Bootstrap says how an interval is drawn. The zero value means 1000 resamples
// and 95 %.
type Bootstrap struct {
	Resamples int     // resampled means; 0 means 1000
	Level     float64 // share of them inside the interval, in (0,1); 0 means 0.95
}

// Mean is the arithmetic mean.
// Errors: ErrEmpty, ErrNonFinite.
func Mean(values []float64) (float64, error) {
	if err := usable("Mean", values); err != nil {
		return 0, err
	}
	return mean(values), nil
}

// StdErr is the standard error of the mean, s/sqrt(n) with the unbiased
// deviation s; 0 for a single value, of which nothing is known.
// Errors: ErrEmpty, ErrNonFinite.
func StdErr(values []float64) (float64, error) {
	if err := usable("StdErr", values); err != nil {
		return 0, err
	}
	return stdErr(values), nil
}

// Quantile is the q-quantile, q in [0,1], interpolated between the two nearest
// values as numpy does by default (type 7 of Hyndman and Fan, 1996).
// Errors: ErrEmpty, ErrNonFinite. Panics: q outside [0,1].
func Quantile(values []float64, q float64) (float64, error) {
	if err := usable("Quantile", values); err != nil {
		return 0, err
	}
	if !(q >= 0 && q <= 1) {
		panic(fmt.Sprintf("metric: Quantile: q is %v, want 0 to 1", q))
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return quantile(sorted, q), nil
}

// Interval is the percentile bootstrap interval of the mean: samples are drawn
// with replacement, and the interval spans the middle Level of the means.
//
// The same rng state gives the same bits.
// Errors: ErrEmpty, ErrNonFinite.
// Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, ch. 13.
func Interval(values []float64, b Bootstrap, rng *rand.Rand) (lo, hi float64, err error) {
	if err := usable("Interval", values); err != nil {
		return 0, 0, err
	}
	lo, hi = b.draw(len(values), rng, func(pick []int) float64 {
		sum := 0.0
		for _, i := range pick {
			sum += values[i]
		}
		return sum / float64(len(pick))
	})
	return lo, hi, nil
}

// Ratio is mean(after)/mean(before) with its bootstrap interval. The two are
// paired: after[i] and before[i] belong to the same sample, and are drawn
// together, so that what is hard for both models cancels.
//
// Errors: ErrEmpty, ErrNonFinite, or a before that is not positive, whose ratio
// would say nothing.
// Panics: lengths that differ.
func Ratio(after, before []float64, b Bootstrap, rng *rand.Rand) (ratio, lo, hi float64, err error) {
	needLen("Ratio", "before", len(before), len(after))
	for _, part := range [][]float64{after, before} {
		if err := usable("Ratio", part); err != nil {
			return 0, 0, 0, err
		}
	}
	for i, v := range before {
		if v <= 0 {
			return 0, 0, 0, fmt.Errorf("metric: Ratio: before[%d] is %v, want above 0", i, v)
		}
	}
	lo, hi = b.draw(len(after), rng, func(pick []int) float64 {
		a, z := 0.0, 0.0
		for _, i := range pick {
			a += after[i]
			z += before[i]
		}
		return a / z
	})
	return mean(after) / mean(before), lo, hi, nil
}

// Summarise is all of the above about one metric.
// Errors: ErrEmpty, ErrNonFinite.
func Summarise(values []float64, b Bootstrap, rng *rand.Rand) (Summary, error) {
	lo, hi, err := Interval(values, b, rng)
	if err != nil {
		return Summary{}, err
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return Summary{
		N: len(values), Mean: mean(values), StdErr: stdErr(values), Lo: lo, Hi: hi,
		Min: sorted[0], P95: quantile(sorted, 0.95), Max: sorted[len(sorted)-1],
	}, nil
}

// draw resamples n indices and returns the ends of the interval of statistic.
func (b Bootstrap) draw(n int, rng *rand.Rand, statistic func(pick []int) float64) (lo, hi float64) {
	resamples, level := b.Resamples, b.Level
	if resamples == 0 {
		resamples = 1000
	}
	if level == 0 {
		level = 0.95
	}
	if resamples < 1 || !(level > 0 && level < 1) {
		panic(fmt.Sprintf("metric: Bootstrap: %d resamples at level %v, want at least 1 and a level between 0 and 1", resamples, level))
	}
	pick, drawn := make([]int, n), make([]float64, resamples)
	for r := range drawn {
		for i := range pick {
			pick[i] = rng.IntN(n)
		}
		drawn[r] = statistic(pick)
	}
	slices.Sort(drawn)
	tail := (1 - level) / 2
	return quantile(drawn, tail), quantile(drawn, 1-tail)
}

func usable(op string, values []float64) error {
	if len(values) == 0 {
		return fmt.Errorf("metric: %s: no values: %w", op, ErrEmpty)
	}
	return finite(op, "values", values)
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

func stdErr(values []float64) float64 {
	n := float64(len(values))
	if n < 2 {
		return 0
	}
	m, sum := mean(values), 0.0
	for _, v := range values {
		sum += (v - m) * (v - m)
	}
	return math.Sqrt(sum / (n - 1) / n)
}

// quantile is type 7 on values in ascending order.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	low := int(at)
	if low+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[low] + (at-float64(low))*(sorted[low+1]-sorted[low])
}
