package main

import (
	"errors"
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// modRM is what a ModRM byte and its followers say: one register and one
// register or memory operand. Numbers are those of the hardware.
type modRM struct {
	reg  byte // ModRM.reg and its extensions, 0 to 31
	rm   byte // register operand, 0 to 31
	mem  *operand.Mem
	vvvv byte // the third operand, 0 to 31
	sib  bool // the memory operand must have a SIB byte
}

// encode returns the bytes of an instruction.
func (f rawForm) encode(ops []operand.Op) ([]byte, error) {
	m := modRM{}
	want := len(f.shape)
	if f.shape == "f" {
		want = 0
	}
	if len(ops) != want {
		return nil, fmt.Errorf("%d operands, want %d", len(ops), want)
	}
	var err error
	number := func(i int) byte {
		n, e := hardware(ops[i])
		err = errors.Join(err, e)
		return n
	}
	place := func(i int) { // the operand that may be memory
		if mem, ok := ops[i].(operand.Mem); ok {
			m.mem = &mem
			return
		}
		m.rm = number(i)
	}
	switch f.shape {
	case "m":
		place(0)
	case "t":
		m.reg = number(0)
	case "mt":
		place(0)
		m.reg, m.sib = number(1), true
	case "tm":
		place(1)
		m.reg, m.sib = number(0), true
	case "ttt", "vvv":
		m.vvvv, m.reg = number(1), number(2)
		place(0)
		if f.shape == "ttt" { // here the second operand is the one of ModRM
			m.rm, m.vvvv = m.vvvv, m.rm
		}
	case "vv":
		place(0)
		m.reg = number(1)
	}
	if err != nil {
		return nil, err
	}
	if !f.evex && max(m.reg, m.rm, m.vvvv) > 7 {
		return nil, errors.New("a tile register past T7")
	}
	return f.assemble(m)
}

// assemble writes prefix, opcode and ModRM.
func (f rawForm) assemble(m modRM) ([]byte, error) {
	tail, x, b, err := m.bytes(f.evex)
	if err != nil {
		return nil, err
	}
	not := func(bits byte, at int) byte { return (^bits & 1) << at }
	if !f.evex {
		return append([]byte{0xc4, not(m.reg>>3, 7) | not(x, 6) | not(b, 5) | 2, (^m.vvvv&15)<<3 | f.prefix, f.opcode}, tail...), nil
	}
	p0 := not(m.reg>>3, 7) | not(x, 6) | not(b, 5) | not(m.reg>>4, 4) | 2
	p1 := (^m.vvvv&15)<<3 | 1<<2 | f.prefix
	p2 := byte(2)<<5 | not(m.vvvv>>4, 3) // 512 bits
	return append([]byte{0x62, p0, p1, p2, f.opcode}, tail...), nil
}

// bytes are ModRM, SIB and displacement, and the extension bits X and B.
func (m modRM) bytes(evex bool) (code []byte, x, b byte, err error) {
	field := m.reg & 7 << 3
	if m.mem == nil {
		return []byte{0xc0 | field | m.rm&7}, m.rm >> 4, m.rm >> 3 & 1, nil
	}
	base, index := byte(0), byte(4) // 4: no index
	switch {
	case m.mem.Symbol.Name != "" || m.mem.Base == nil:
		return nil, 0, 0, errors.New("an address without a base register")
	case m.mem.Index != nil:
		if index, err = hardware(m.mem.Index); err != nil {
			return nil, 0, 0, err
		}
		if index == 4 {
			return nil, 0, 0, errors.New("the stack pointer as an index")
		}
	case m.sib:
		return nil, 0, 0, errors.New("a tile in memory without a stride")
	}
	if base, err = hardware(m.mem.Base); err != nil {
		return nil, 0, 0, err
	}
	mod, disp := displacement(m.mem.Disp, evex, base&7 == 5)
	if len(disp) == 4 && (m.mem.Disp < math.MinInt32 || m.mem.Disp > math.MaxInt32) {
		return nil, 0, 0, errors.New("a displacement of more than 32 bits")
	}
	if index == 4 && base&7 != 4 {
		return append([]byte{mod<<6 | field | base&7}, disp...), 0, base >> 3, nil
	}
	scale := map[uint8]byte{0: 0, 1: 0, 2: 1, 4: 2, 8: 3}[m.mem.Scale]
	return append([]byte{mod<<6 | field | 4, scale<<6 | index&7<<3 | base&7}, disp...), index >> 3 & 1, base >> 3, nil
}

// displacement is the shortest form of disp and its ModRM.mod. EVEX counts a
// short one in vectors. Some base registers have no form without.
func displacement(disp int, evex, needed bool) (mod byte, code []byte) {
	unit := 1
	if evex {
		unit = 64
	}
	switch {
	case disp == 0 && !needed:
		return 0, nil
	case disp%unit == 0 && disp/unit >= -128 && disp/unit <= 127:
		return 1, []byte{byte(disp / unit)}
	}
	return 2, []byte{byte(disp), byte(disp >> 8), byte(disp >> 16), byte(disp >> 24)}
}

// hardware is the number of a physical register or of a tile.
func hardware(op operand.Op) (byte, error) {
	switch op := op.(type) {
	case operand.U8:
		return byte(op), nil
	case reg.Register:
		if p := reg.ToPhysical(op); p != nil && p.Kind() != reg.KindPseudo {
			return byte(p.PhysicalIndex()), nil
		}
	}
	return 0, fmt.Errorf("%s is no register", op.Asm())
}
