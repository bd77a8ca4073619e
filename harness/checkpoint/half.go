package checkpoint

import "math"

// halfToFloat32 widens an IEEE 754 binary16 number, exactly: sign 1, exponent 5
// (bias 15), fraction 10. Infinities stay, a NaN keeps its sign and payload.
func halfToFloat32(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exponent := uint32(h>>10) & 0x1f
	fraction := uint32(h) & 0x3ff
	switch exponent {
	case 0: // zero or subnormal: fraction * 2^-24, exact in float32
		v := float32(fraction) * 0x1p-24
		return math.Float32frombits(math.Float32bits(v) | sign)
	case 0x1f:
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}

// bfloatToFloat32 widens a bfloat16 number, which is the upper half of a
// float32, exactly.
func bfloatToFloat32(b uint16) float32 {
	return math.Float32frombits(uint32(b) << 16)
}
