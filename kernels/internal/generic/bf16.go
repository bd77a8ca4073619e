package generic

import "math"

// RoundBF16 rounds to bfloat16, the upper half of a float32, for every
// i < len(z): to nearest, ties to even. What is below 2^-126 becomes 0 of its
// sign before it is rounded, a NaN stays one and becomes quiet.
func RoundBF16(z, x []float32) {
	x = x[:len(z)]
	for i := range z {
		z[i] = math.Float32frombits(uint32(BF16(x[i])) << 16)
	}
}

// BF16 is x rounded to bfloat16, as its 16 bits.
func BF16(x float32) uint16 {
	bits := math.Float32bits(x)
	switch size := bits &^ (1 << 31); {
	case size > 0x7f800000:
		return uint16(bits>>16) | 0x40
	case size < 0x00800000:
		return uint16(bits >> 31 << 15)
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}
