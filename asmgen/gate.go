package main

import (
	"fmt"
	"strings"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/reg"
)

// refuse returns every reason not to print the compiled function fn of a
// package for s. avo checks none of them: with more than 16 live YMM values it
// uses Y16 to Y31, which need AVX-512, under a header that asks for AVX only.
func refuse(s isa, fn *ir.Function) []string {
	r := &refusals{isa: s, function: fn.Name, seen: map[string]bool{}}
	for _, i := range fn.Instructions() {
		r.registers(i)
		r.features(i)
		r.basePointer(i)
		if i.Opcode == "CALL" {
			r.add("calls a function")
		}
	}
	r.upperHalves(fn)
	r.tiles(fn)
	return r.list
}

// refusals collects the reasons against one function, each once.
type refusals struct {
	isa      isa
	function string
	list     []string
	seen     map[string]bool
}

func (r *refusals) add(format string, args ...any) {
	reason := fmt.Sprintf("%s.%s: %s", r.isa.name, r.function, fmt.Sprintf(format, args...))
	if !r.seen[reason] {
		r.seen[reason] = true
		r.list = append(r.list, reason)
	}
}

// registers refuses vector and mask registers that the instruction set lacks.
func (r *refusals) registers(i *ir.Instruction) {
	for _, x := range touched(i) {
		switch {
		case x.Kind() == reg.KindVector && index(x) >= r.isa.registers:
			r.add("%s uses %s, the file ends at %d", i.Opcode, x.Asm(), r.isa.registers-1)
		case x.Kind() == reg.KindVector && int(x.Size()) > r.isa.bytes():
			r.add("%s uses %s, vectors have %d bytes", i.Opcode, x.Asm(), r.isa.bytes())
		case x.Kind() == reg.KindOpmask && !r.isa.opmasks():
			r.add("%s uses mask register %s", i.Opcode, x.Asm())
		}
	}
}

// features refuses instructions that need an extension off the list.
func (r *refusals) features(i *ir.Instruction) {
	for _, f := range i.ISA {
		if !r.isa.allows(f) {
			r.add("%s needs %s", i.Opcode, f)
		}
	}
}

// basePointer refuses writes to BP: the stack walker of the runtime reads it.
func (r *refusals) basePointer(i *ir.Instruction) {
	for _, x := range i.OutputRegisters() {
		if p := reg.ToPhysical(x); p != nil && p.Info()&reg.BasePointer != 0 {
			r.add("%s writes the base pointer", i.Opcode)
		}
	}
}

// upperHalves refuses a RET that some path reaches from a vector instruction
// with no VZEROUPPER between: SSE code of the caller would run slowly after it.
func (r *refusals) upperHalves(fn *ir.Function) {
	onEveryPath(fn, func(i *ir.Instruction, dirty bool) bool {
		switch {
		case i.Opcode == "VZEROUPPER":
			return false
		case i.Opcode == "RET" && dirty:
			r.add("RET after vector code without VZEROUPPER")
		case usesVector(i):
			return true
		}
		return dirty
	})
}

// tiles refuses a RET that some path reaches with tiles still configured: the
// goroutine may go on on another thread, which has none, and every switch of
// threads would save them. It refuses tile instructions that some path reaches
// without a configuration, which are undefined there.
func (r *refusals) tiles(fn *ir.Function) {
	onEveryPath(fn, func(i *ir.Instruction, configured bool) bool {
		switch {
		case i.Opcode == "LDTILECFG":
			return true
		case i.Opcode == "TILERELEASE":
			return false
		case i.Opcode == "RET" && configured:
			r.add("RET after LDTILECFG without TILERELEASE")
		case strings.HasPrefix(i.Opcode, "T") && isRaw(i) && !configured:
			r.add("%s without LDTILECFG", i.Opcode)
		}
		return configured
	})
}

// isRaw reports whether this program itself encodes i.
func isRaw(i *ir.Instruction) bool {
	_, ok := rawForms[i.Opcode]
	return ok
}

// onEveryPath visits every instruction in every state that some path from the
// start of fn reaches it in. visit returns the state after it; the first is false.
func onEveryPath(fn *ir.Function, visit func(i *ir.Instruction, state bool) bool) {
	type point struct {
		at    *ir.Instruction
		state bool
	}
	all := fn.Instructions()
	if len(all) == 0 {
		return
	}
	seen := map[point]bool{}
	work := []point{{at: all[0]}}
	for len(work) > 0 {
		p := work[len(work)-1]
		work = work[:len(work)-1]
		if p.at == nil || seen[p] {
			continue
		}
		seen[p] = true
		state := visit(p.at, p.state)
		for _, next := range p.at.Succ {
			work = append(work, point{at: next, state: state})
		}
	}
}

func usesVector(i *ir.Instruction) bool {
	for _, x := range touched(i) {
		if x.Kind() == reg.KindVector {
			return true
		}
	}
	return false
}

// touched are all registers of an instruction: operands, address parts, and
// implicit ones.
func touched(i *ir.Instruction) []reg.Register {
	return append(i.InputRegisters(), i.OutputRegisters()...)
}

// index is the number of a physical register within its file.
func index(x reg.Register) int {
	if p := reg.ToPhysical(x); p != nil {
		return int(p.PhysicalIndex())
	}
	return 0
}
