package kernels

// Precision is what Gemm and the convolutions make of their operands before
// they multiply. Operands and results are float32 in memory in every case, and
// sums are float32.
type Precision uint8

const (
	// F32 multiplies the operands as they are.
	F32 Precision = iota

	// BF16 rounds each operand to bfloat16, 8 significant bits, to nearest even;
	// what is below 2^-126 becomes 0. Relative error of a product of two
	// operands: at most 2^-7 + 2^-16. Products are exact, but in ConvWinograd, and sums float32: on tiles
	// (AMX) with subnormals flushed; in pairs (AVX512-BF16) with the bits that F32 gives
	// for rounded operands, but that sums below 2^-126 become 0; elsewhere by the kernels
	// of F32, with those bits. Over random operands the relative error is 2e-3
	// in the Frobenius norm.
	//
	// Cost, packing included: on tiles a sixth to a third of the time of F32; in
	// pairs, on processors of AMD (Zen 4), 0.5 to 0.6 of it; elsewhere that of F32 and 1 to
	// 3 % for the rounding.
	BF16

	// BF16x3 splits each operand x into hi = bfloat16(x) and lo = bfloat16(x-hi) and
	// sums lo*hi, hi*hi and hi*lo: about 16 significant bits of each operand.
	// Relative error of a product: at most 3*2^-16, over random operands 4e-6 in
	// the Frobenius norm. An operand that is infinite, or rounds to infinity
	// (2^128 - 2^119 and more), makes its products NaN; below 2^-110 the lower half is lost.
	// Where there are no tiles F32 stands in for it, to the bit, unless the
	// environment variable KERNELS_BF16X3 is "products": then Gemm, not the
	// convolutions, sums the three products by the kernels of F32, to study what the
	// mode does to a training on machines that it would not be fast on.
	//
	// Convolutions of many channels that F32 computes by ConvWinograd are F32's too where
	// that was asked for, since it is as fast.
	//
	// Cost: on tiles 0.4 to 0.8 of the time of F32, packing included; other convolutions of 3x3
	// that F32 computes by ConvWinograd 0.7 to 1.4 times its time. Elsewhere that of F32.
	BF16x3
)

// precisions names every Precision; index is Precision.
var precisions = [...]string{F32: "f32", BF16: "bf16", BF16x3: "bf16x3"}

// String returns "f32", "bf16" or "bf16x3".
func (p Precision) String() string { return precisions[p] }

// Precisions returns every Precision there is, the most exact first of its
// speed: F32, BF16, BF16x3.
func Precisions() []Precision { return []Precision{F32, BF16, BF16x3} }

// Path says with what instructions this process computes products of p: the
// instruction set and the arithmetic, as "avx512 f32", "avx512 f32 of operands
// rounded to bf16", "avx512bf16 bf16, some convolutions avx512 f32 of operands
// rounded to bf16" (ConvWinograd's, and those of an odd number of channels), or "amx bf16,
// some weight gradients of convolutions avx512 f32 of operands rounded to bf16" (those of
// few channels) or "amx bf16x3, some convolutions avx512 f32" (ConvWinograd's of many channels; of weight
// gradients those of few, and ConvWinograd's of small images). It is meant to be printed and recorded beside every
// result: paths that differ in the text may differ in the last places.
func (p Precision) Path() string {
	floats := FloatISA() + " f32"
	if p == BF16 {
		floats += " of operands rounded to bf16"
	}
	if p.paired() {
		return ISA() + " bf16, some convolutions " + floats
	}
	if p == BF16x3 && splits && !p.tiled() {
		return floats + ", products as three of operands split into bf16"
	}
	switch {
	case p.tiled() && p == BF16x3:
		return ISA() + " bf16x3, some convolutions " + floats
	case p.tiled():
		return ISA() + " " + p.String() + ", some weight gradients of convolutions " + floats
	}
	return floats
}
