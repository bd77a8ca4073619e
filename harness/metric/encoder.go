package metric

import (
	"fmt"
	"math"
)

// Distance says how far the embedding of one sample moved.
type Distance struct {
	// RMS is sqrt(mean (u-v)^2) over tokens and channels, in the units of the
	// embedding (after a final LayerNorm of gain 1: deviations of a token).
	RMS float64
	// Unit is || u/||u|| - v/||v|| ||_2 over the flattened embedding: the eps of
	// the method's bound, between 0 (same direction) and 2 (opposite).
	Unit float64
}

// EncoderDistance compares what two encoders make of one masked sample.
//
// Shapes: student, original [T*D], the visible tokens with the class token,
// flattened; the same sample and mask for both.
// Units: see Distance; lower is closer.
// Errors: ErrNonFinite; ErrEmpty for an embedding of zeros, which has no direction.
// Panics: lengths that differ.
// Source: Eq. 10 and Theorem 1 of Li, Hsu, Chen, Marculescu, "Machine Unlearning
// for Image-to-Image Generative Models" (arXiv 2402.00351); RMS is the square root of
// the mean squared error its released code minimises.
func EncoderDistance(student, original []float32) (Distance, error) {
	const op = "EncoderDistance"
	needLen(op, "original", len(original), len(student))
	if err := finite(op, "student", student); err != nil {
		return Distance{}, err
	}
	if err := finite(op, "original", original); err != nil {
		return Distance{}, err
	}
	nu, nv := norm(student), norm(original)
	if nu == 0 || nv == 0 {
		return Distance{}, fmt.Errorf("metric: %s: an embedding is all zeros: %w", op, ErrEmpty)
	}
	unit := 0.0
	for i, u := range student {
		d := float64(u)/nu - float64(original[i])/nv
		unit += d * d
	}
	return Distance{
		RMS:  math.Sqrt(squaredDistance(student, original) / float64(len(student))),
		Unit: math.Sqrt(unit),
	}, nil
}

// norm is the Euclidean length. The squares of float32 values neither overflow
// nor vanish in float64.
func norm(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}
