package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/gotypes"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// emitter builds the functions of one topic for one instruction set. It is an
// avo build context with the few things in which AVX2 and AVX-512 differ:
// register width, constants, tails. Everything else is the same instruction on
// v() of either.
//
// Emitters take one straight path: function, parameters, body, done.
type emitter struct {
	*build.Context
	isa    isa
	values map[string]operand.Mem // read-only data already placed, by name
	labels int                    // labels of the active function
	consts []constant             // for the stub file

	woven     int  // vectors of a walk's block that are emitted in turn; 0 is 1
	endsOften bool // rows are so short that how their ends are stored matters
}

// constant is an integer constant of the generated package.
type constant struct {
	name, doc string
	value     int
}

func newEmitter(s isa) *emitter {
	e := &emitter{Context: build.NewContext(), isa: s, values: map[string]operand.Mem{}}
	e.ConstraintExpr("!purego")
	return e
}

// function starts a function. doc says what it equals in package generic.
func (e *emitter) function(name, signature string, doc ...string) {
	e.Function(name)
	e.Attributes(build.NOSPLIT)
	e.Pragma("noescape")
	e.SignatureExpr(signature)
	e.Doc(doc...)
	e.labels = 0
}

// done ends the active function.
func (e *emitter) done() {
	e.VZEROUPPER()
	e.RET()
}

// define adds an integer constant to the stub file.
func (e *emitter) define(name string, value int, doc string) {
	e.consts = append(e.consts, constant{name: name, doc: doc, value: value})
}

// v is a fresh vector register of full width.
func (e *emitter) v() reg.VecVirtual { return e.Vec(e.isa.vectorSpec()) }

// vs are n fresh vector registers.
func (e *emitter) vs(n int) []reg.VecVirtual {
	s := make([]reg.VecVirtual, n)
	for i := range s {
		s[i] = e.v()
	}
	return s
}

// arg loads the integer or pointer parameter of that name into a register.
func (e *emitter) arg(name string) reg.GPVirtual {
	r := e.GP64()
	e.Load(e.Param(name), r)
	return r
}

// argPtr is arg for the base pointer of a slice parameter, argLen for its
// length.
func (e *emitter) argPtr(name string) reg.GPVirtual {
	r := e.GP64()
	e.Load(e.Param(name).Base(), r)
	return r
}

func (e *emitter) argLen(name string) reg.GPVirtual {
	r := e.GP64()
	e.Load(e.Param(name).Len(), r)
	return r
}

// argAll broadcasts the float32 parameter of that name to all lanes.
func (e *emitter) argAll(name string) reg.VecVirtual {
	v := e.v()
	e.argTo(name, v)
	return v
}

// argTo is argAll for a register that is there.
func (e *emitter) argTo(name string, v reg.VecVirtual) { e.VBROADCASTSS(e.argAt(name), v) }

// argAt is where the parameter of that name lies, which may be overwritten.
func (e *emitter) argAt(name string) operand.Mem { return e.componentAt(e.Param(name)) }

// componentAt is argAt for a part of a parameter.
func (e *emitter) componentAt(c gotypes.Component) operand.Mem {
	b, err := c.Resolve()
	if err != nil {
		panic(err) // a parameter the emitter itself declared
	}
	return b.Addr
}

// zero sets v to zero. Virtual registers start with whatever was there. avo
// knows that the old value of v does not matter for VXORPS, and does not for
// VPXORD.
func (e *emitter) zero(v reg.VecVirtual) reg.VecVirtual {
	e.VXORPS(v, v, v)
	return v
}

// all is a memory operand that holds x in every lane.
func (e *emitter) all(x float32) operand.Mem { return e.allBits(math.Float32bits(x)) }

// allBits is all for a bit pattern.
func (e *emitter) allBits(bits uint32) operand.Mem {
	return e.data(fmt.Sprintf("all_%08x", bits), func(i int) (operand.Constant, bool) {
		return operand.U32(bits), i < e.isa.lanes
	})
}

// allDouble is a memory operand that holds the float64 x in four lanes.
func (e *emitter) allDouble(x float64) operand.Mem {
	bits := math.Float64bits(x)
	return e.data(fmt.Sprintf("double_%016x", bits), func(i int) (operand.Constant, bool) {
		return operand.U64(bits), i < 4
	})
}

// data places read-only values once per file; at(i) is the i-th value while it
// reports true.
func (e *emitter) data(name string, at func(i int) (operand.Constant, bool)) operand.Mem {
	if m, ok := e.values[name]; ok {
		return m
	}
	m := e.StaticGlobal(name)
	e.DataAttributes(build.RODATA | build.NOPTR)
	for i := 0; ; i++ {
		v, ok := at(i)
		if !ok {
			break
		}
		e.AppendDatum(v)
	}
	e.values[name] = m
	return m
}

// label makes a label that is unique within the active function.
func (e *emitter) label(name string) string {
	e.labels++
	return fmt.Sprintf("%s%d", name, e.labels)
}

// at is the address base + elements*4.
func at(base reg.Register, elements int) operand.Mem {
	return operand.Mem{Base: base, Disp: 4 * elements}
}

// indexed is the address base + index*scale + elements*4; index counts bytes
// when scale is 1, elements when it is 4.
func indexed(base, index reg.Register, scale uint8, elements int) operand.Mem {
	return operand.Mem{Base: base, Index: index, Scale: scale, Disp: 4 * elements}
}
