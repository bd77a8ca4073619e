package main

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rawCase is one instruction of the assembler's table, and how GNU as writes it.
type rawCase struct {
	opcode string
	ops    []operand.Op
	text   string
}

// gpNames are all general-purpose registers.
var gpNames = []struct {
	r    reg.Register
	name string
}{
	{reg.RAX, "rax"}, {reg.RCX, "rcx"}, {reg.RDX, "rdx"}, {reg.RBX, "rbx"}, {reg.RSP, "rsp"}, {reg.RBP, "rbp"}, {reg.RSI, "rsi"}, {reg.RDI, "rdi"},
	{reg.R8, "r8"}, {reg.R9, "r9"}, {reg.R10, "r10"}, {reg.R11, "r11"}, {reg.R12, "r12"}, {reg.R13, "r13"}, {reg.R14, "r14"}, {reg.R15, "r15"},
}

// gnu writes an instruction as GNU as does.
func gnu(opcode string, ops []operand.Op) string {
	text := make([]string, len(ops))
	for i, op := range ops {
		switch op := op.(type) {
		case operand.U8:
			text[i] = fmt.Sprintf("%%tmm%d", op)
		case reg.Register:
			text[i] = "%" + map[uint]string{32: "ymm", 64: "zmm"}[uint(op.Size())] + op.Asm()[1:]
		case operand.Mem:
			name := func(r reg.Register) string {
				return "%" + gpNames[slices.IndexFunc(gpNames, func(g struct {
					r    reg.Register
					name string
				}) bool {
					return g.r == r
				})].name
			}
			index := ""
			if op.Index != nil {
				index = fmt.Sprintf(",%s,%d", name(op.Index), op.Scale)
			}
			text[i] = fmt.Sprintf("%d(%s%s)", op.Disp, name(op.Base), index)
		}
	}
	return strings.TrimRight(strings.ToLower(opcode)+" "+strings.Join(text, ", "), " ")
}

// rawCases try every tile and vector register in every place, every base and
// index register, and every form of displacement.
func rawCases() (cases []rawCase) {
	add := func(opcode string, ops ...operand.Op) {
		cases = append(cases, rawCase{opcode, ops, gnu(opcode, ops)})
	}
	add("TILERELEASE")
	for t := range 8 {
		x, y, z := operand.U8(t), operand.U8((t+3)%8), operand.U8((t+6)%8)
		add("TILEZERO", x)
		add("TDPBF16PS", x, y, z)
		mem := operand.Mem{Base: reg.RSI, Index: reg.RDX, Scale: 1, Disp: 1024 * t}
		add("TILELOADD", mem, x)
		add("TILELOADDT1", mem, x)
		add("TILESTORED", x, mem)
	}
	for i, g := range gpNames {
		add("LDTILECFG", operand.Mem{Base: g.r})
		add("LDTILECFG", operand.Mem{Base: g.r, Disp: 64})
		add("TILELOADD", operand.Mem{Base: g.r, Index: reg.RAX, Scale: 1}, operand.U8(i%8))
		add("TILESTORED", operand.U8(i%8), operand.Mem{Base: g.r, Index: reg.R9, Scale: 2, Disp: 127})
		add("VDPBF16PS", operand.Mem{Base: g.r, Disp: 64 * i}, reg.Z5, reg.Z17)
		if g.r != reg.RSP {
			add("TILELOADDT1", operand.Mem{Base: reg.RDI, Index: g.r, Scale: 1, Disp: -129}, operand.U8(i%8))
			add("TILESTORED", operand.U8(i%8), operand.Mem{Base: reg.R13, Index: g.r, Scale: 8})
			add("VCVTNE2PS2BF16", operand.Mem{Base: reg.RBX, Index: g.r, Scale: 4, Disp: -64}, reg.Z30, reg.Z9)
		}
	}
	zmm, ymm := reg.Vector.Registers(), []reg.Physical(nil)
	zmm = slices.DeleteFunc(zmm, func(r reg.Physical) bool {
		if r.Size() == 32 {
			ymm = append(ymm, r)
		}
		return r.Size() != 64
	})
	for i := range 32 {
		add("VDPBF16PS", zmm[i], zmm[(i+11)%32], zmm[(i+23)%32])
		add("VCVTNE2PS2BF16", zmm[i], zmm[(i+13)%32], zmm[(i+7)%32])
		add("VCVTNEPS2BF16", zmm[i], ymm[(i+19)%32])
	}
	for _, disp := range []int{0, 1, 63, 64, 127, 128, 127 * 64, 128 * 64, -64, -128 * 64, -129 * 64, 1 << 30} {
		add("VCVTNEPS2BF16", operand.Mem{Base: reg.RBP, Disp: disp}, reg.Y20)
		add("VDPBF16PS", operand.Mem{Base: reg.R12, Index: reg.R15, Scale: 8, Disp: disp}, reg.Z31, reg.Z0)
		add("TILELOADD", operand.Mem{Base: reg.R8, Index: reg.RBP, Scale: 1, Disp: disp}, operand.U8(2))
	}
	return cases
}

// TestEncodesAsGNU compares every case with what GNU as 2.40 made of it. To
// write the list again, print the texts of rawCases into a file, assemble it and
// take the bytes from objdump -d --insn-width=16.
func TestEncodesAsGNU(t *testing.T) {
	file, err := os.Open("testdata/gnu_encodings.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	known := map[string]string{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		text, code, _ := strings.Cut(lines.Text(), "\t")
		known[text] = code
	}
	for _, c := range rawCases() {
		code, err := rawForms[c.opcode].encode(c.ops)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if want, ok := known[c.text]; !ok || fmt.Sprintf("%x", code) != want {
			t.Errorf("%s is %x, want %q", c.text, code, want)
		}
	}
}

// TestEncodeRefuses: what has no encoding is an error, not a wrong byte.
func TestEncodeRefuses(t *testing.T) {
	for _, c := range []struct {
		opcode string
		ops    []operand.Op
		want   string
	}{
		{"TILEZERO", []operand.Op{operand.U8(8)}, "past T7"},
		{"TDPBF16PS", []operand.Op{operand.U8(1), operand.U8(9), operand.U8(0)}, "past T7"},
		{"TILELOADD", []operand.Op{operand.Mem{Base: reg.RAX}, operand.U8(0)}, "without a stride"},
		{"TILELOADD", []operand.Op{operand.Mem{Base: reg.RAX, Index: reg.RSP, Scale: 1}, operand.U8(0)}, "stack pointer as an index"},
		{"TILELOADD", []operand.Op{operand.Mem{Base: reg.RAX, Index: reg.RCX, Scale: 1, Disp: 1 << 31}, operand.U8(0)}, "more than 32 bits"},
		{"TILEZERO", []operand.Op{operand.U8(1), operand.U8(2)}, "2 operands, want 1"},
		{"LDTILECFG", []operand.Op{operand.NewDataAddr(operand.NewStaticSymbol("x"), 0)}, "without a base register"},
		{"LDTILECFG", []operand.Op{operand.Mem{Base: reg.StackPointer}}, "no register"},
		{"VDPBF16PS", []operand.Op{reg.Z1, operand.I32(1), reg.Z2}, "no register"},
	} {
		_, err := rawForms[c.opcode].encode(c.ops)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", gnu(c.opcode, nil), err, c.want)
		}
	}
}

func TestDataText(t *testing.T) {
	if got := dataText([]byte{0xc4, 0xe2, 0x5b, 0x5c, 0xc4, 1}); got != "LONG $0x5c5be2c4; BYTE $0xc4; BYTE $0x01" {
		t.Errorf("the data is %q", got)
	}
}
