package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// GELU and its gradient are made of two odd functions, each a polynomial on
// every one of geluPieces pieces of the positive half-line. The pieces lie around
// k/geluRate for k = 0, 1, ..., and the last ends at its middle, where both
// functions get their limit, 1/2. A vector of AVX2 holds the coefficients of one
// power for all pieces, and one permutation picks them: no division and no
// exponential, and the same operations on both vector widths.
//
// erf as a quotient of polynomials and the density by exp took 16 and 29 cycles
// for 16 numbers of Gelu and GeluGrad, these take 11 and 14 (BenchmarkGelu, 65536 elements).
const (
	geluPieces = 8
	geluRate   = 1.1875
)

// piecewise holds the coefficients of u^0, u^1, ... on each piece k, where |x| =
// (k+u)/geluRate and |u| <= 1/2: the polynomial through the function at Chebyshev's points, as
// TestGeluPieces computes it. They stand here because what computes them rounds
// differently on other machines.
type piecewise struct {
	name  string
	terms [geluPieces][]float32
}

var (
	// geluCDF is the cumulative normal distribution less 1/2, 4e-8 off.
	geluCDF = piecewise{"gelu_cdf", [geluPieces][]float32{
		{0, 0.3359508, 0, -0.039687205, 0, 0.004070904, 0},
		{0.3001355, 0.23566163, -0.0835585, -0.008109771, 0.011308806, -0.0006738206, -0.0009558208},
		{0.4539295, 0.08134389, -0.057684287, 0.017652115, 0.00055967056, -0.001998789, 0.0004081719},
		{0.4942367, 0.013815918, -0.014696281, 0.008792965, -0.0029378356, 0.0002817141, 0.00016934607},
		{0.499622, 0.0011546974, -0.001637676, 0.0014119139, -0.00080799486, 0.00030873643, -6.725537e-05},
		{0.49998727, 4.7496444e-05, -8.418928e-05, 9.358651e-05, -7.321729e-05, 4.439266e-05, -1.8344479e-05},
		{0.4999998, 9.619333e-07, -2.0447221e-06, 2.7549136e-06, -2.7106034e-06, 2.2655204e-06, -1.264023e-06},
		{0.5, 9.600941e-09, -2.3765272e-08, 3.7147267e-08, -4.4068447e-08, 4.8188046e-08, -3.289557e-08},
	}}

	// geluSlope is the derivative of Gelu less 1/2, 2e-8 off, and on the last piece,
	// which has the limit at its end, 7e-8.
	geluSlope = piecewise{"gelu_slope", [geluPieces][]float32{
		{0, 0.6719028, 0, -0.15882374, 0, 0.025322938, 0, -0.0027324758},
		{0.5357968, 0.30420554, -0.274978, 0.012842468, 0.052816525, -0.010332567, -0.005541166, 0.001688459},
		{0.616617, -0.06804934, -0.06711334, 0.07508447, -0.017545972, -0.007078886, 0.0039951196, -4.7305297e-05},
		{0.5356848, -0.060545668, 0.03501118, -9.387927e-05, -0.00997523, 0.004879031, -0.00037585, -0.00042825294},
		{0.50424075, -0.01079208, 0.012030798, -0.0072759665, 0.0021233386, 0.00018680825, -0.0004343484, 0.0001567823},
		{0.5002247, -0.0007469008, 0.0011557395, -0.0010899415, 0.00068362535, -0.0002846977, 6.3868276e-05, 2.2278377e-06},
		{0.50000554, -2.2610537e-05, 4.4018358e-05, -5.417978e-05, 4.6887475e-05, -3.0171514e-05, 1.524087e-05, -5.304768e-06},
		{0.5, -3.1335932e-07, 7.308442e-07, -1.095159e-06, 1.1717804e-06, -9.741757e-07, 7.130552e-07, -3.611608e-07},
	}}
)

// table places the coefficients of the given power, one for each piece.
func (e *emitter) table(f piecewise, power int) operand.Mem {
	return e.data(fmt.Sprintf("%s_%d", f.name, power), func(k int) (operand.Constant, bool) {
		if k == geluPieces {
			return nil, false
		}
		return operand.U32(math.Float32bits(f.terms[k][power])), true
	})
}

// tables are the coefficients of f, lowest power first, where a permutation takes
// them from: registers where there are enough.
func (e *emitter) tables(f piecewise) []operand.Op {
	tables := make([]operand.Op, len(f.terms[0]))
	for i := range tables {
		tables[i] = e.table(f, i)
		if e.isa.lanes == 16 {
			v := e.v()
			e.VBROADCASTF32X8(tables[i], v)
			tables[i] = v
		}
	}
	return tables
}

// geluConstants are the registers that every vector of GELU needs.
type geluConstants struct{ rate, most reg.VecVirtual }

func (e *emitter) geluConstants() geluConstants {
	c := geluConstants{rate: e.v(), most: e.v()}
	e.set(c.rate, geluRate)
	e.set(c.most, (geluPieces-1)/geluRate)
	return c
}

// locate sets piece to the piece of |x| in its low bits, u to the place in it, and
// size to |x|. NaN stays NaN in u.
func (e *emitter) locate(c geluConstants, x, size, piece, u reg.VecVirtual) {
	const whole = 3 << 22 // plus a small number: that number, rounded to an integer
	e.magnitude(x, size)
	e.VMINPS(size, c.most, u)
	e.VMOVAPS(u, piece)
	e.timesPlus(whole, c.rate, piece)
	k := e.v()
	e.plus(-whole, piece, k)
	e.VFMSUB213PS(k, c.rate, u)
}

// magnitude sets dst = |x|.
func (e *emitter) magnitude(x, dst reg.VecVirtual) {
	if e.isa.opmasks() {
		e.VANDPS_BCST(e.one(math.Float32frombits(^uint32(signBit))), x, dst)
		return
	}
	e.VANDPS(e.allBits(^uint32(signBit)), x, dst)
}

const signBit = 1 << 31

// pick evaluates the polynomials of tables at u, each place that of its piece.
func (e *emitter) pick(tables []operand.Op, piece, u, p reg.VecVirtual) {
	e.VPERMPS(tables[len(tables)-1], piece, p)
	for i := len(tables) - 2; i >= 0; i-- {
		term := e.v()
		e.VPERMPS(tables[i], piece, term)
		e.VFMADD213PS(term, u, p)
	}
}

// geluValue sets y = x/2 + |x|*cdf.
func (e *emitter) geluValue(x, size, cdf, y reg.VecVirtual) {
	e.times(0.5, x, y)
	e.VFMADD231PS(cdf, size, y)
}

// geluTimesSlope sets d = dy * (1/2 + slope with the sign of x). It overwrites
// slope.
func (e *emitter) geluTimesSlope(x, slope, dy, d reg.VecVirtual) {
	if e.isa.opmasks() {
		const xorAnd = 0x78 // first ^ (second & third)
		e.VPTERNLOGD_BCST(operand.U8(xorAnd), e.one(math.Float32frombits(signBit)), x, slope)
	} else {
		sign := e.v()
		e.VANDPS(e.allBits(signBit), x, sign)
		e.VXORPS(sign, slope, slope)
	}
	e.plus(0.5, slope, slope)
	e.VMULPS(dy, slope, d)
}

// emitGelu emits GELU, its gradient, and both at once.
func emitGelu(e *emitter) {
	e.function("Gelu", "func(y, x []float32)", "Gelu is generic.Gelu by the polynomials of asmgen: at most 2e-7 * max(1, |y|) off.")
	c, cdf := e.geluConstants(), e.tables(geluCDF)
	e.elementwise("y", []string{"x"}, func(in []reg.VecVirtual) reg.VecVirtual {
		size, piece, u, p, y := e.v(), e.v(), e.v(), e.v(), e.v()
		e.locate(c, in[0], size, piece, u)
		e.pick(cdf, piece, u, p)
		e.geluValue(in[0], size, p, y)
		return y
	})
	e.function("GeluGrad", "func(dx, dy, x []float32)", "GeluGrad is generic.GeluGrad by the polynomials of asmgen: at most 2e-7 * |dy| off.")
	c, slope := e.geluConstants(), e.tables(geluSlope)
	e.elementwise("dx", []string{"dy", "x"}, func(in []reg.VecVirtual) reg.VecVirtual {
		size, piece, u, p := e.v(), e.v(), e.v(), e.v()
		e.locate(c, in[1], size, piece, u)
		e.pick(slope, piece, u, p)
		e.geluTimesSlope(in[1], p, in[0], p)
		return p
	})
	e.function("GeluBoth", "func(y, d, x []float32)", "GeluBoth is GeluGrad(d, d, x) and Gelu(y, x), bit for bit; y may be x.")
	c, cdf, slope = e.geluConstants(), e.tables(geluCDF), e.tables(geluSlope)
	e.walk(e.argLen("y"), e.isa.lanes, e.argPtrs("y", "d", "x"), func(_ int, mem []operand.Mem, t *tail) {
		x, size, piece, u, p, y := e.v(), e.v(), e.v(), e.v(), e.v(), e.v()
		e.load(mem[2], x, t)
		e.locate(c, x, size, piece, u)
		e.pick(cdf, piece, u, p)
		e.geluValue(x, size, p, y)
		e.store(y, mem[0], t)
		e.pick(slope, piece, u, p)
		e.load(mem[1], y, t)
		e.geluTimesSlope(x, p, y, p)
		e.store(p, mem[1], t)
	})
	e.done()
}
