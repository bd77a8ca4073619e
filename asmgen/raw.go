package main

import (
	"fmt"
	"strings"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A small assembler for instructions that neither avo nor the assembler of Go
// knows: tiles (AMX) and bfloat16 (AVX512-BF16). An emitter adds them with
// virtual registers like any other; once registers are allocated, encodeRaw
// replaces each by its bytes, with the readable form behind them:
//
//	LONG $0x5c5b62c4; BYTE $0xc4 // TDPBF16PS T4, T4, T0
//
// Operands are in the order of Go: sources first, destination last. A tile
// register is an operand.U8.
//
// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2,
// chapter 2 (VEX, EVEX) and the pages of the instructions.

// rawForm is how one instruction is encoded. All are in opcode map 0F38.
type rawForm struct {
	shape   string // of the operands: t tile, m memory, v vector; f: none
	feature string
	evex    bool
	prefix  byte // pp: 0 none, 1 66, 2 F3, 3 F2
	opcode  byte
}

// rawForms are the instructions that encodeRaw knows.
var rawForms = map[string]rawForm{
	"LDTILECFG":      {shape: "m", feature: "AMXTILE", prefix: 0, opcode: 0x49},
	"TILERELEASE":    {shape: "f", feature: "AMXTILE", prefix: 0, opcode: 0x49},
	"TILEZERO":       {shape: "t", feature: "AMXTILE", prefix: 3, opcode: 0x49},
	"TILELOADD":      {shape: "mt", feature: "AMXTILE", prefix: 3, opcode: 0x4b},
	"TILELOADDT1":    {shape: "mt", feature: "AMXTILE", prefix: 1, opcode: 0x4b},
	"TILESTORED":     {shape: "tm", feature: "AMXTILE", prefix: 2, opcode: 0x4b},
	"TDPBF16PS":      {shape: "ttt", feature: "AMXBF16", prefix: 2, opcode: 0x5c},
	"VCVTNE2PS2BF16": {shape: "vvv", feature: "AVX512BF16", evex: true, prefix: 3, opcode: 0x72},
	"VCVTNEPS2BF16":  {shape: "vv", feature: "AVX512BF16", evex: true, prefix: 2, opcode: 0x72},
	"VDPBF16PS":      {shape: "vvv", feature: "AVX512BF16", evex: true, prefix: 2, opcode: 0x52},
}

// raw adds an instruction of rawForms. A vector destination that is also read,
// as that of VDPBF16PS, is named in also.
func (e *emitter) raw(opcode string, ops []operand.Op, also ...operand.Op) {
	f, ok := rawForms[opcode]
	if !ok {
		panic("asmgen: no encoding of " + opcode)
	}
	i := &ir.Instruction{Opcode: opcode, Operands: ops, ISA: []string{f.feature}}
	last := len(ops) - 1
	switch {
	case f.evex:
		i.Inputs, i.Outputs = append(append([]operand.Op(nil), ops[:last]...), also...), ops[last:]
	case strings.Contains(f.shape, "m"):
		i.Inputs = []operand.Op{ops[strings.Index(f.shape, "m")]}
	}
	e.Instruction(i)
}

// The tile instructions. Tile operands are numbers.

// loadConfig loads the shapes of all tiles from the 64 bytes at p.
func (e *emitter) loadConfig(p reg.Register) {
	e.raw("LDTILECFG", []operand.Op{operand.Mem{Base: p}})
}

func (e *emitter) releaseTiles()  { e.raw("TILERELEASE", nil) }
func (e *emitter) zeroTile(t int) { e.raw("TILEZERO", []operand.Op{operand.U8(t)}) }
func (e *emitter) addBF16(b, a, sum int) {
	e.raw("TDPBF16PS", []operand.Op{operand.U8(b), operand.U8(a), operand.U8(sum)})
}

// loadTile loads a tile from rows stride bytes apart, disp bytes past base.
func (e *emitter) loadTile(base, stride reg.Register, disp, t int) {
	e.raw("TILELOADD", []operand.Op{operand.Mem{Base: base, Index: stride, Scale: 1, Disp: disp}, operand.U8(t)})
}

// loadTilePast is loadTile for what should not stay in the first-level cache.
func (e *emitter) loadTilePast(base, stride reg.Register, disp, t int) {
	e.raw("TILELOADDT1", []operand.Op{operand.Mem{Base: base, Index: stride, Scale: 1, Disp: disp}, operand.U8(t)})
}

func (e *emitter) storeTile(t int, base, stride reg.Register, disp int) {
	e.raw("TILESTORED", []operand.Op{operand.U8(t), operand.Mem{Base: base, Index: stride, Scale: 1, Disp: disp}})
}

// roundPair rounds 32 numbers to bf16: those of low to the low half of dst.
func (e *emitter) roundPair(low, high operand.Op, dst reg.VecVirtual) {
	e.raw("VCVTNE2PS2BF16", []operand.Op{low, high, dst})
}

// multiplyAdd adds a*b to sum, lane by lane. On an instruction set of pairs a lane is a
// pair of bf16: the product of the upper halves is added first, then that of the lower
// ones, each with a rounding of its own.
func (e *emitter) multiplyAdd(a, b, sum reg.VecVirtual) {
	if e.isa.pairs() {
		e.raw("VDPBF16PS", []operand.Op{a, b, sum}, sum)
		return
	}
	e.VFMADD231PS(a, b, sum)
}

// encodeRaw replaces an instruction of rawForms by its bytes, and leaves others
// alone. Registers are allocated.
func encodeRaw(i *ir.Instruction) error {
	f, ok := rawForms[i.Opcode]
	if !ok {
		return nil
	}
	code, err := f.encode(i.Operands)
	if err != nil {
		return fmt.Errorf("%s %s: %w", i.Opcode, rawText(f, i.Operands), err)
	}
	i.Opcode = strings.TrimRight(fmt.Sprintf("%s // %s %s", dataText(code), i.Opcode, rawText(f, i.Operands)), " ")
	i.Operands, i.Inputs, i.Outputs = nil, nil, nil
	return nil
}

// dataText writes bytes as data of the assembler of Go, four at a time.
func dataText(code []byte) string {
	var parts []string
	for ; len(code) >= 4; code = code[4:] {
		parts = append(parts, fmt.Sprintf("LONG $0x%02x%02x%02x%02x", code[3], code[2], code[1], code[0]))
	}
	for _, b := range code {
		parts = append(parts, fmt.Sprintf("BYTE $0x%02x", b))
	}
	return strings.Join(parts, "; ")
}

// rawText is the readable form of the operands.
func rawText(f rawForm, ops []operand.Op) string {
	text := make([]string, len(ops))
	for i, op := range ops {
		text[i] = op.Asm()
		if n, ok := op.(operand.U8); ok {
			text[i] = fmt.Sprintf("T%d", n)
		}
	}
	return strings.Join(text, ", ")
}
