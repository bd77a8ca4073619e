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
// for 16 numbers of Gelu and GeluGrad, these take 10 and 12 (BenchmarkGelu).
const (
	geluPieces = 8
	geluRate   = 1.1875
)

// piecewise is an odd function of which emitters evaluate the positive half.
type piecewise struct {
	name   string
	degree int
	at     func(t float64) float64
}

var (
	// geluCDF is the cumulative normal distribution less 1/2, 4e-8 off.
	geluCDF = piecewise{"gelu_cdf", 6, func(t float64) float64 { return math.Erf(t/math.Sqrt2) / 2 }}

	// geluSlope is the derivative of Gelu less 1/2, 2e-8 off.
	geluSlope = piecewise{"gelu_slope", 7, func(t float64) float64 {
		return math.Erf(t/math.Sqrt2)/2 + t*math.Exp(-t*t/2)/math.Sqrt(2*math.Pi)
	}}
)

// terms are the coefficients of u^0, u^1, ... on piece k, where t =
// (k+u)/geluRate: the polynomial through f at Chebyshev's points of |u| <= 1/2.
func (f piecewise) terms(k int) []float64 {
	n := f.degree + 1
	u, divided := make([]float64, n), make([]float64, n)
	for i := range n {
		u[i] = math.Cos(math.Pi*(float64(i)+0.5)/float64(n)) / 2
		divided[i] = f.at((float64(k) + u[i]) / geluRate)
	}
	for step := 1; step < n; step++ { // Newton's divided differences
		for i := n - 1; i >= step; i-- {
			divided[i] = (divided[i] - divided[i-1]) / (u[i] - u[i-step])
		}
	}
	terms := make([]float64, n)
	for i := n - 1; i >= 0; i-- { // terms = terms*(u-u[i]) + divided[i]
		for j := n - 1; j > 0; j-- {
			terms[j] = terms[j-1] - u[i]*terms[j]
		}
		terms[0] = divided[i] - u[i]*terms[0]
	}
	if k == geluPieces-1 {
		terms[0] = 0.5
	}
	return terms
}

// table places the coefficients of the given power, one for each piece.
func (e *emitter) table(f piecewise, power int) operand.Mem {
	return e.data(fmt.Sprintf("%s_%d", f.name, power), func(k int) (operand.Constant, bool) {
		if k == geluPieces {
			return nil, false
		}
		return operand.U32(math.Float32bits(float32(f.terms(k)[power]))), true
	})
}

// tables are the coefficients of f, lowest power first, where a permutation takes
// them from: registers where there are enough.
func (e *emitter) tables(f piecewise) []operand.Op {
	tables := make([]operand.Op, f.degree+1)
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

// geluValue sets y = x/2 + |x|*cdf. It overwrites cdf.
func (e *emitter) geluValue(x, size, cdf, y reg.VecVirtual) {
	e.times(0.5, x, y)
	e.VFMADD231PS(cdf, size, y)
}

// geluTimesSlope sets d = dy * (1/2 + slope with the sign of x). It overwrites
// slope.
func (e *emitter) geluTimesSlope(x, slope reg.VecVirtual, dy, d reg.VecVirtual) {
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
	e.function("GeluBoth", "func(y, d, x []float32)", "GeluBoth is Gelu(y, x) and GeluGrad(d, d, x), bit for bit.")
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
