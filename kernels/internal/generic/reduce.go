package generic

// Lanes is the number of float64 partial sums of a reduction: element i goes
// to lane i mod Lanes, and the lanes are added pairwise, the distance halving
// from Lanes/2 to 1. Every implementation keeps this order, and a product of
// two float32 values is exact in float64, so all of them give the same bits.
const Lanes = 32

// Sum returns the sum of x, accumulated in float64.
func Sum(x []float32) float64 {
	var lane [Lanes]float64
	for len(x) >= Lanes {
		for i, v := range x[:Lanes] {
			lane[i] += float64(v)
		}
		x = x[Lanes:]
	}
	for i, v := range x {
		lane[i] += float64(v)
	}
	return fold(&lane)
}

// Dot returns the sum of x[i]*y[i] over i < len(x), accumulated in float64.
func Dot(x, y []float32) float64 {
	var lane [Lanes]float64
	y = y[:len(x)]
	for i, v := range x {
		lane[i%Lanes] += float64(v) * float64(y[i])
	}
	return fold(&lane)
}

// SumSquares returns the sum of x[i]*x[i], accumulated in float64.
func SumSquares(x []float32) float64 {
	return Dot(x, x)
}

// SquaredDistance returns the sum of (x[i]-y[i])^2 over i < len(x). The
// difference and its square are computed in float64 and rounded separately.
func SquaredDistance(x, y []float32) float64 {
	var lane [Lanes]float64
	y = y[:len(x)]
	for i, v := range x {
		d := float64(v) - float64(y[i])
		lane[i%Lanes] += float64(d * d)
	}
	return fold(&lane)
}

// AllFinite reports whether no element of x is infinite or NaN.
func AllFinite(x []float32) bool {
	var poison float32
	for _, v := range x {
		poison += float32(v * 0)
	}
	return poison == 0
}

// ColumnSum adds to dst[c] the sum over r < rows of x[r*stride+c], for every
// c < len(dst), in the order of the rows.
func ColumnSum(dst, x []float32, rows, stride int) {
	for c := range dst {
		var sum float32
		for r := range rows {
			sum += x[r*stride+c]
		}
		dst[c] += sum
	}
}

// fold adds the lanes pairwise, the distance halving every time.
func fold(lane *[Lanes]float64) float64 {
	for half := Lanes / 2; half > 0; half /= 2 {
		for i := range half {
			lane[i] += lane[i+half]
		}
	}
	return lane[0]
}
