package reference

import (
	"encoding/binary"
	"math"

	"lethe/harness/checkpoint"
)

// values returns the elements of a tensor as float64, exactly but for integers
// beyond 2^53.
func values(t checkpoint.Tensor) ([]float64, error) {
	out := make([]float64, t.Len())
	switch {
	case t.DType == checkpoint.F64:
		for i := range out {
			out[i] = math.Float64frombits(binary.LittleEndian.Uint64(t.Data[8*i:]))
		}
	case t.DType.IsFloat():
		data, err := t.Float32()
		if err != nil {
			return nil, err
		}
		for i, v := range data {
			out[i] = float64(v)
		}
	default:
		data, err := t.Int64()
		if err != nil {
			return nil, err
		}
		for i, v := range data {
			out[i] = float64(v)
		}
	}
	return out, nil
}

// maxAbs returns the largest |a−b|, NaN when any is, 0 for no elements.
func maxAbs(a, b []float64) float64 {
	var most float64
	for i := range a {
		most = max(most, math.Abs(a[i]-b[i]))
	}
	return most
}

// distance returns ‖a−b‖.
func distance(a, b []float64) float64 {
	var sum float64
	for i := range a {
		sum += (a[i] - b[i]) * (a[i] - b[i])
	}
	return math.Sqrt(sum)
}

// norm returns ‖a‖.
func norm(a []float64) float64 {
	var sum float64
	for _, v := range a {
		sum += v * v
	}
	return math.Sqrt(sum)
}

// ratio returns error/size, where no error is none even of nothing.
func ratio(err, size float64) float64 {
	if err == 0 {
		return 0
	}
	return err / size
}

// isFinite reports whether no element is NaN or infinite.
func isFinite(a []float64) bool {
	for _, v := range a {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}
