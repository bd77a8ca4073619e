package metric

import (
	"errors"
	"fmt"
	"math"
)

// ErrNonFinite is wrapped by every error about a NaN or an infinity in the
// input of a metric.
var ErrNonFinite = errors.New("not a finite number")

// ErrEmpty is wrapped by every error about a metric over nothing: no removed
// patch, no sample, an embedding of zeros.
var ErrEmpty = errors.New("nothing to measure")

// finite returns an error that names the first value of xs that is NaN or
// infinite.
func finite[F float32 | float64](op, name string, xs []F) error {
	for i, x := range xs {
		if v := float64(x); math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("metric: %s: %s[%d] is %v: %w", op, name, i, v, ErrNonFinite)
		}
	}
	return nil
}

// needLen panics when a slice does not have the length that the contract asks.
func needLen(op, name string, got, want int) {
	if got != want {
		panic(fmt.Sprintf("metric: %s: len(%s) is %d, want %d", op, name, got, want))
	}
}
