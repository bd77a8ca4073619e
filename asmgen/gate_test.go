package main

import (
	"strings"
	"testing"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// named returns an instruction set by its package.
func named(t *testing.T, name string) isa {
	for _, s := range isas {
		if s.name == name {
			return s
		}
	}
	t.Fatalf("no instruction set %s", name)
	return isa{}
}

// reasons compiles one function and returns what the gate says about it.
func reasons(t *testing.T, s isa, body func(e *emitter)) []string {
	e := newEmitter(s)
	e.function("Bad", "func(x *float32, n int)", "Bad is a test.")
	body(e)
	_, refused := compile(e)
	return refused
}

// violations are functions that the gate must refuse, with what it must say.
var violations = []struct {
	name, isa, want string
	body            func(e *emitter)
}{
	{"more live values than registers", "avx2", "the file ends at 15", func(e *emitter) {
		// The trap of avo: seventeen live YMM values compile, into Y16.
		x, v := e.arg("x"), e.vs(17)
		for i := range v {
			e.VMOVUPS(at(x, 8*i), v[i])
		}
		for i := range v {
			e.VMOVUPS(v[i], at(x, 8*i))
		}
		e.done()
	}},
	{"high register in scalar code", "avx2", "VADDSS uses X16", func(e *emitter) {
		e.VADDSS(reg.X16, reg.X1, reg.X1)
		e.done()
	}},
	{"high register as a memory operand", "avx2", "the file ends at 15", func(e *emitter) {
		x, mask := e.arg("x"), e.YMM()
		e.VPCMPEQD(mask, mask, mask)
		e.VGATHERDPS(mask, operand.Mem{Base: x, Index: reg.Y17, Scale: 4}, reg.Y2)
		e.done()
	}},
	{"wide vector", "avx2", "vectors have 32 bytes", func(e *emitter) {
		e.VMOVUPS(at(e.arg("x"), 0), reg.Z1)
		e.done()
	}},
	{"mask register", "avx2", "uses mask register", func(e *emitter) {
		e.KXORW(reg.K1, reg.K1, reg.K1)
		e.done()
	}},
	{"feature off the list", "avx2", "needs AVX512F", func(e *emitter) {
		e.VPXORD(reg.Y1, reg.Y1, reg.Y1)
		e.done()
	}},
	{"feature off the wider list", "avx512", "needs AVX512VNNI", func(e *emitter) {
		e.VPDPBUSD(reg.Z1, reg.Z2, reg.Z3)
		e.done()
	}},
	{"RET with dirty upper halves", "avx512", "RET after vector code without VZEROUPPER", func(e *emitter) {
		e.zero(e.v())
		e.RET()
	}},
	{"RET with dirty upper halves on one path only", "avx2", "RET after vector code without VZEROUPPER", func(e *emitter) {
		n := e.arg("n")
		e.VXORPS(reg.Y1, reg.Y1, reg.Y1)
		e.TESTQ(n, n)
		e.JZ(operand.LabelRef("out"))
		e.VZEROUPPER()
		e.Label("out")
		e.RET()
	}},
	{"vector code after VZEROUPPER", "avx2", "RET after vector code without VZEROUPPER", func(e *emitter) {
		e.VZEROUPPER()
		e.VXORPS(reg.Y1, reg.Y1, reg.Y1)
		e.RET()
	}},
	{"base pointer written", "avx2", "MOVQ writes the base pointer", func(e *emitter) {
		e.MOVQ(operand.U32(1), reg.RBP)
		e.RET()
	}},
	{"base pointer written by half", "avx512", "MOVL writes the base pointer", func(e *emitter) {
		e.MOVL(operand.U32(1), reg.EBP)
		e.RET()
	}},
	{"tile instruction off the list", "avx512", "TILEZERO needs AMXTILE", func(e *emitter) {
		e.zeroTile(1)
		e.RET()
	}},
	{"bf16 instruction off the list", "avx512", "VCVTNE2PS2BF16 needs AVX512BF16", func(e *emitter) {
		e.roundPair(e.zero(e.v()), e.zero(e.v()), e.v())
		e.done()
	}},
	{"RET with configured tiles", "amx", "RET after LDTILECFG without TILERELEASE", func(e *emitter) {
		e.loadConfig(e.arg("x"))
		e.zeroTile(0)
		e.RET()
	}},
	{"RET with configured tiles on one path only", "amx", "RET after LDTILECFG without TILERELEASE", func(e *emitter) {
		n := e.arg("n")
		e.loadConfig(e.arg("x"))
		e.TESTQ(n, n)
		e.JZ(operand.LabelRef("out"))
		e.releaseTiles()
		e.Label("out")
		e.RET()
	}},
	{"tiles without a configuration", "amx", "TDPBF16PS without LDTILECFG", func(e *emitter) {
		e.loadConfig(e.arg("x"))
		e.releaseTiles()
		e.addBF16(6, 4, 0)
		e.RET()
	}},
	{"tile register past the last", "amx", "a tile register past T7", func(e *emitter) {
		e.loadConfig(e.arg("x"))
		e.zeroTile(8)
		e.releaseTiles()
		e.RET()
	}},
	{"call", "avx2", "calls a function", func(e *emitter) {
		e.Instruction(&ir.Instruction{Opcode: "CALL", Operands: []operand.Op{operand.LabelRef("runtime·abort(SB)")}})
		e.RET()
	}},
}

func TestGateRefuses(t *testing.T) {
	for _, v := range violations {
		got := strings.Join(reasons(t, named(t, v.isa), v.body), "\n")
		if !strings.Contains(got, v.want) || !strings.Contains(got, v.isa+".Bad") {
			t.Errorf("%s: the gate says %q, want %q about %s.Bad", v.name, got, v.want, v.isa)
		}
	}
}

// TestGateAccepts: what only looks like a violation passes.
func TestGateAccepts(t *testing.T) {
	for name, body := range map[string]func(e *emitter){
		"all registers": func(e *emitter) {
			x, v := e.arg("x"), e.vs(e.isa.registers)
			for i := range v {
				e.VMOVUPS(at(x, i), v[i])
			}
			for i := range v {
				e.VMOVUPS(v[i], at(x, i))
			}
			e.done()
		},
		"no vectors, no VZEROUPPER": func(e *emitter) {
			e.ADDQ(operand.I32(1), e.arg("n"))
			e.RET()
		},
		"base pointer read": func(e *emitter) {
			e.MOVQ(reg.RBP, reg.RAX)
			e.RET()
		},
	} {
		for _, s := range isas {
			if got := reasons(t, s, body); got != nil {
				t.Errorf("%s on %s: refused: %v", name, s.name, got)
			}
		}
	}
}

// TestRefusesAllTogether: nothing is written, and every function is named.
func TestRefusesAllTogether(t *testing.T) {
	bad := []topic{}
	for _, name := range []string{"One", "Two"} {
		bad = append(bad, topic{name, func(e *emitter) {
			e.function(name, "func()", name+" is a test.")
			e.VXORPS(reg.Y1, reg.Y1, reg.Y1)
			e.MOVQ(operand.U32(1), reg.RBP)
			e.RET()
		}})
	}
	files, errs := generate(named(t, "avx2"), bad)
	if files != nil {
		t.Error("files in spite of refusals")
	}
	var all strings.Builder
	for _, err := range errs {
		all.WriteString(err.Error() + "\n")
	}
	for _, want := range []string{
		"avx2.One: RET after", "avx2.One: MOVQ writes", "avx2.Two: RET after", "avx2.Two: MOVQ writes",
	} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("the refusals lack %q:\n%s", want, all.String())
		}
	}
}
