package kernels

// Precision is what Gemm and the convolutions make of their operands before
// they multiply. Operands and results are float32 in memory in every case, and
// sums are float32.
type Precision uint8

const (
	// F32 multiplies the operands as they are.
	F32 Precision = iota

	// BF16 rounds each operand to bfloat16, 8 significant bits, to nearest even;
	// what rounds below 2^-126 becomes 0. Relative error of a product of two
	// operands: at most 2^-8 + 2^-18.
	BF16

	// BF16x3 splits each operand x into hi = bfloat16(x) and lo = bfloat16(x-hi) and
	// sums hi*hi, hi*lo and lo*hi: about 16 significant bits of each operand.
	// Where that is slower than F32, F32 stands in for it.
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
// instruction set and the arithmetic, as "avx512 f32" or "avx512 f32 of operands
// rounded to bf16". It is meant to be printed and recorded beside every result:
// paths that differ in the text may differ in the last places.
func (p Precision) Path() string {
	if p.rounds() {
		return ISA() + " f32 of operands rounded to bf16"
	}
	return ISA() + " f32"
}
