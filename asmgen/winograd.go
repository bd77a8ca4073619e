package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The points and coefficients of Winograd's transforms, as in package generic.
const (
	winoA, winoB   = 0.625, 1.5
	winoAA, winoBB = winoA * winoA, winoB * winoB
	winoP, winoS   = winoAA * winoBB, winoAA + winoBB
	winoC0         = 1 / winoP
	winoCA         = 1 / (2 * winoAA * (winoAA - winoBB))
	winoCB         = 1 / (2 * winoBB * (winoBB - winoAA))
)

// emitWinograd emits the transforms of Winograd's convolution.
func emitWinograd(e *emitter) {
	w := &winograd{emitter: e}
	w.spread("WinogradInput", "x", 6, w.input)
	w.spread("WinogradGradient", "y", 4, w.gradient)
	w.filters()
	w.outputs()
	w.weights()
}

// winograd emits products M X M^T, one vector of channels of all pixels of X at a
// time: M X column by column into memory of the caller, then rows of that times
// M^T. Registers could not hold it.
type winograd struct {
	*emitter
	coefs  map[float32]reg.VecVirtual // those that the function keeps in registers
	offset reg.GPVirtual              // bytes from the first channel
	n      reg.GPVirtual              // channels left
}

// start begins a function.
func (w *winograd) start(name, signature string) {
	w.function(name, signature, name+" is generic."+name+", each multiplication fused with an addition where one follows.",
		"tmp is memory for 36 vectors.")
	w.coefs = map[float32]reg.VecVirtual{}
	w.offset, w.n = w.GP64(), w.arg("n")
	w.XORQ(w.offset, w.offset)
}

// keepCoefs makes room in registers for coefficients, where there are enough.
func (w *winograd) keepCoefs(values ...float32) {
	if !w.isa.opmasks() {
		return
	}
	for _, x := range values {
		v := w.v()
		w.set(v, x)
		w.coefs[x] = v
	}
}

// coef is an operand that holds x in every lane.
func (w *winograd) coef(x float32) operand.Op {
	if v, ok := w.coefs[x]; ok {
		return v
	}
	return w.all(x)
}

// channels emits the loop over the channels, whole vectors and a cut one.
// next moves what offset does not.
func (w *winograd) channels(body func(t *tail), next func()) {
	loop, cut, end := w.label("channels"), w.label("cut"), w.label("end")
	w.Label(loop)
	w.CMPQ(w.n, operand.I32(w.isa.lanes))
	w.JLT(operand.LabelRef(cut))
	body(nil)
	next()
	w.ADDQ(operand.I32(w.isa.bytes()), w.offset)
	w.SUBQ(operand.I32(w.isa.lanes), w.n)
	w.JMP(operand.LabelRef(loop))
	w.Label(cut)
	w.TESTQ(w.n, w.n)
	w.JZ(operand.LabelRef(end))
	body(w.tailOf(w.n))
	w.Label(end)
	w.done()
}

// ladder addresses up to six places that lie one stride apart.
type ladder struct{ base, one, three, five reg.GPVirtual }

// rungs makes a ladder for count places; stride is in bytes.
func (w *winograd) rungs(base, stride reg.GPVirtual, count int) ladder {
	l := ladder{base: base, one: stride}
	if count > 3 {
		l.three = w.GP64()
		w.LEAQ(operand.Mem{Base: stride, Index: stride, Scale: 2}, l.three)
	}
	if count > 5 {
		l.five = w.GP64()
		w.LEAQ(operand.Mem{Base: stride, Index: stride, Scale: 4}, l.five)
	}
	return l
}

func (l ladder) at(i int) operand.Mem {
	switch i {
	case 0:
		return operand.Mem{Base: l.base}
	case 3:
		return operand.Mem{Base: l.base, Index: l.three, Scale: 1}
	case 5:
		return operand.Mem{Base: l.base, Index: l.five, Scale: 1}
	}
	return operand.Mem{Base: l.base, Index: l.one, Scale: uint8(i)}
}

// stride loads a stride parameter, in bytes.
func (w *winograd) stride(name string) reg.GPVirtual { return w.argStrides(name)[0] }

// place is the parameter of that name plus the offset.
func (w *winograd) place(name string) reg.GPVirtual {
	p := w.arg(name)
	w.ADDQ(w.offset, p)
	return p
}

// half is a product of one column with a matrix: it reads x and hands over the
// elements of the result as they are ready. It may overwrite x.
type half func(x []reg.VecVirtual, give func(i int, v reg.VecVirtual))

// first emits M X: columns of rows elements, from l, whose base moves on by
// next bytes from one to the next. Row i of the result lies in tmp after
// rows vectors for each row before.
func (w *winograd) first(m half, l ladder, next reg.GPVirtual, rows int, tmp reg.GPVirtual, t *tail) {
	for j := range rows {
		x := make([]reg.VecVirtual, rows)
		for i := range x {
			x[i] = w.loaded(l.at(i), t)
		}
		m(x, func(i int, v reg.VecVirtual) { w.VMOVUPS(v, at(tmp, (i*rows+j)*w.isa.lanes)) })
		if j < rows-1 {
			w.ADDQ(next, l.base)
		}
	}
}

// second emits row i of that times M^T.
func (w *winograd) second(m half, rows, i int, tmp reg.GPVirtual, give func(j int, v reg.VecVirtual)) {
	x := make([]reg.VecVirtual, rows)
	for j := range x {
		x[j] = w.loaded(at(tmp, (i*rows+j)*w.isa.lanes), nil)
	}
	m(x, give)
}

// copied is a fresh register with the value of v.
func (w *winograd) copied(v reg.VecVirtual) reg.VecVirtual {
	c := w.v()
	w.VMOVAPS(v, c)
	return c
}

// pair gives even+x*odd and even-x*odd as elements i and i+1; even is lost.
func (w *winograd) pair(i int, x float32, even, odd reg.VecVirtual, give func(int, reg.VecVirtual)) {
	minus := w.copied(even)
	w.VFMADD231PS(w.coef(x), odd, even)
	w.VFNMADD231PS(w.coef(x), odd, minus)
	give(i, even)
	give(i+1, minus)
}

func (w *winograd) input(d []reg.VecVirtual, give func(int, reg.VecVirtual)) {
	for i, x := range []float32{winoA, winoB} {
		other := []float32{winoBB, winoAA}[i]
		even, odd := w.copied(d[4]), w.copied(d[3])
		w.VFNMADD231PS(w.coef(other), d[2], even)
		w.VFNMADD231PS(w.coef(other), d[1], odd)
		w.pair(1+2*i, x, even, odd, give)
	}
	for i := range 2 {
		w.VFNMADD231PS(w.coef(winoS), d[2+i], d[4+i])
		w.VFMADD231PS(w.coef(winoP), d[i], d[4+i])
		give(5*i, d[4+i])
	}
}

func (w *winograd) gradient(d []reg.VecVirtual, give func(int, reg.VecVirtual)) {
	for i, x := range []float32{winoA, winoB} {
		even, odd := w.copied(d[0]), w.copied(d[1])
		w.VFMADD231PS(w.coef(x*x), d[2], even)
		w.VFMADD231PS(w.coef(x*x), d[3], odd)
		w.pair(1+2*i, x, even, odd, give)
	}
	give(0, d[0])
	give(5, d[3])
}

func (w *winograd) filter(g []reg.VecVirtual, give func(int, reg.VecVirtual)) {
	for i, c := range [][3]float32{{winoCA, winoCA * winoA, winoCA * winoAA}, {winoCB, winoCB * winoB, winoCB * winoBB}} {
		even := w.v()
		w.VMULPS(w.coef(c[0]), g[0], even)
		w.VFMADD231PS(w.coef(c[2]), g[2], even)
		w.pair(1+2*i, c[1], even, g[1], give)
	}
	w.VMULPS(w.coef(winoC0), g[0], g[0])
	give(0, g[0])
	give(5, g[2])
}

// sums replaces m[1] to m[4] by the sums and differences of the pairs.
func (w *winograd) sums(m []reg.VecVirtual) (sa, da, sb, db reg.VecVirtual) {
	for i := 1; i < 5; i += 2 {
		plus := w.v()
		w.VADDPS(m[i+1], m[i], plus)
		w.VSUBPS(m[i+1], m[i], m[i+1])
		m[i] = plus
	}
	return m[1], m[2], m[3], m[4]
}

// blend is x*a + y*b.
func (w *winograd) blend(x float32, a reg.VecVirtual, y float32, b reg.VecVirtual) reg.VecVirtual {
	v := w.v()
	w.VMULPS(w.coef(y), b, v)
	w.VFMADD231PS(w.coef(x), a, v)
	return v
}

func (w *winograd) output(m []reg.VecVirtual, give func(int, reg.VecVirtual)) {
	sa, da, sb, db := w.sums(m)
	w.VADDPS(sa, m[0], m[0])
	w.VADDPS(sb, m[0], m[0])
	give(0, m[0])
	give(1, w.blend(winoA, da, winoB, db))
	give(2, w.blend(winoAA, sa, winoBB, sb))
	w.VFMADD231PS(w.coef(winoB*winoBB), db, m[5])
	w.VFMADD231PS(w.coef(winoA*winoAA), da, m[5])
	give(3, m[5])
}

func (w *winograd) weight(u []reg.VecVirtual, give func(int, reg.VecVirtual)) {
	sa, da, sb, db := w.sums(u)
	w.VMULPS(w.coef(winoC0), u[0], u[0])
	w.VFMADD231PS(w.coef(winoCA), sa, u[0])
	w.VFMADD231PS(w.coef(winoCB), sb, u[0])
	give(0, u[0])
	give(1, w.blend(winoCA*winoA, da, winoCB*winoB, db))
	w.VFMADD231PS(w.coef(winoCA*winoAA), sa, u[5])
	w.VFMADD231PS(w.coef(winoCB*winoBB), sb, u[5])
	give(2, u[5])
}

// spread emits a transform from a tile of pixels to the 36 positions, where
// channels lie in units of 16.
func (w *winograd) spread(name, from string, size int, m half) {
	w.start(name, "func(v *float32, position, block int, "+from+" *float32, row, pixel int, tmp *float32, n int)")
	w.keepCoefs(winoA, winoB, winoAA, winoBB, winoS, winoP)
	v, step := w.arg("v"), w.stride("block")
	// A vector of AVX2 is half a unit: its steps alternate.
	half := w.GP64()
	if w.isa.lanes < convUnit {
		w.MOVQ(operand.I32(w.isa.bytes()), half)
		w.SUBQ(half, step)
	}
	w.channels(func(t *tail) {
		tmp := w.arg("tmp")
		w.first(m, w.rungs(w.place(from), w.stride("row"), size), w.stride("pixel"), size, tmp, t)
		to := w.GP64()
		w.MOVQ(v, to)
		l := w.rungs(to, w.stride("position"), 6)
		for i := range 6 {
			w.second(m, size, i, tmp, func(j int, x reg.VecVirtual) { w.store(x, l.at(j), t) })
			if i < 5 {
				w.LEAQ(operand.Mem{Base: to, Index: l.three, Scale: 2}, to)
			}
		}
	}, func() {
		if w.isa.lanes < convUnit {
			w.ADDQ(half, v)
			w.XCHGQ(half, step)
		} else {
			w.ADDQ(step, v)
		}
	})
}

// filters emits the transform of filters, of which there are whole vectors.
func (w *winograd) filters() {
	w.start("WinogradFilter", "func(u *float32, position int, w *float32, tap int, tmp *float32, n int)")
	w.keepCoefs(winoC0, winoCA, winoCA*winoA, winoCA*winoAA, winoCB, winoCB*winoB, winoCB*winoBB)
	loop := w.label("channels")
	w.Label(loop)
	tmp, tap := w.arg("tmp"), w.stride("tap")
	row := w.GP64()
	w.LEAQ(operand.Mem{Base: tap, Index: tap, Scale: 2}, row)
	w.first(w.filter, w.rungs(w.place("w"), row, 3), tap, 3, tmp, nil)
	l := w.rungs(w.place("u"), w.stride("position"), 6)
	for i := range 6 {
		w.second(w.filter, 3, i, tmp, func(j int, x reg.VecVirtual) { w.store(x, l.at(j), nil) })
		if i < 5 {
			w.LEAQ(operand.Mem{Base: l.base, Index: l.three, Scale: 2}, l.base)
		}
	}
	w.ADDQ(operand.I32(w.isa.bytes()), w.offset)
	w.SUBQ(operand.I32(w.isa.lanes), w.n)
	w.JNZ(operand.LabelRef(loop))
	w.done()
}

// positions is the ladder of a column of positions, and the stride of columns.
func (w *winograd) positions(name string) (l ladder, next reg.GPVirtual) {
	next, row := w.stride("position"), w.GP64()
	w.LEAQ(operand.Mem{Base: next, Index: next, Scale: 2}, row)
	w.ADDQ(row, row)
	return w.rungs(w.place(name), row, 6), next
}

// outputs emits the way back to pixels.
func (w *winograd) outputs() {
	w.start("WinogradOutput", "func(y *float32, row, pixel int, m *float32, position int, d *float32, dRow, dPixel, rows, cols int, tmp *float32, n int)")
	w.keepCoefs(winoA, winoB, winoAA, winoBB, winoA*winoAA, winoB*winoBB)
	w.channels(func(t *tail) {
		tmp := w.arg("tmp")
		l, next := w.positions("m")
		w.first(w.output, l, next, 6, tmp, t)
		plain, end := w.label("plain"), w.label("written")
		d := w.arg("d")
		w.TESTQ(d, d)
		w.JZ(operand.LabelRef(plain))
		w.pixelRows(tmp, true, t)
		w.JMP(operand.LabelRef(end))
		w.Label(plain)
		w.pixelRows(tmp, false, t)
		w.Label(end)
	}, func() {})
}

// pixelRows emits the loop over the rows of a tile of the output.
func (w *winograd) pixelRows(from reg.GPVirtual, add bool, t *tail) {
	tmp := w.GP64()
	w.MOVQ(from, tmp)
	rows, cols, row := w.arg("rows"), w.arg("cols"), w.stride("row")
	y := w.rungs(w.place("y"), w.stride("pixel"), 4)
	var d ladder
	if add {
		d = w.rungs(w.place("d"), w.stride("dPixel"), 4)
	}
	loop, next := w.label("row"), w.label("nextRow")
	w.Label(loop)
	var out [4]reg.VecVirtual
	w.second(w.output, 6, 0, tmp, func(j int, v reg.VecVirtual) { out[j] = v })
	for j, v := range out {
		if add {
			w.VADDPS(w.loaded(d.at(j), t), v, v)
		}
		w.store(v, y.at(j), t)
		if j < 3 {
			w.CMPQ(cols, operand.I32(j+1))
			w.JEQ(operand.LabelRef(next))
		}
	}
	w.Label(next)
	w.ADDQ(operand.I32(6*w.isa.bytes()), tmp)
	w.ADDQ(row, y.base)
	if add {
		w.ADDQ(w.stride("dRow"), d.base)
	}
	w.DECQ(rows)
	w.JNZ(operand.LabelRef(loop))
}

// weights emits the way back to taps.
func (w *winograd) weights() {
	w.start("WinogradWeights", "func(w *float32, tap int, u *float32, position int, tmp *float32, n, add int)")
	w.keepCoefs(winoC0, winoCA, winoCA*winoA, winoCA*winoAA, winoCB, winoCB*winoB, winoCB*winoBB)
	w.channels(func(t *tail) {
		tmp := w.arg("tmp")
		l, next := w.positions("u")
		w.first(w.weight, l, next, 6, tmp, t)
		plain, end := w.label("plain"), w.label("written")
		add := w.arg("add")
		w.TESTQ(add, add)
		w.JZ(operand.LabelRef(plain))
		w.taps(tmp, true, t)
		w.JMP(operand.LabelRef(end))
		w.Label(plain)
		w.taps(tmp, false, t)
		w.Label(end)
	}, func() {})
}

func (w *winograd) taps(tmp reg.GPVirtual, add bool, t *tail) {
	l := w.rungs(w.place("w"), w.stride("tap"), 3)
	for i := range 3 {
		w.second(w.weight, 6, i, tmp, func(j int, v reg.VecVirtual) {
			if add {
				w.VADDPS(w.loaded(l.at(j), t), v, v)
			}
			w.store(v, l.at(j), t)
		})
		if i < 2 {
			w.LEAQ(operand.Mem{Base: l.base, Index: l.one, Scale: 2}, l.base)
			w.ADDQ(l.one, l.base)
		}
	}
}
