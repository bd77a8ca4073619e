package main

import (
	"slices"

	"github.com/mmcloughlin/avo/ir"
)

// weave emits the instructions of several bodies one from each in turn. The bodies are straight,
// without labels and jumps, and none needs what another one writes.
//
// A chain of dependent instructions, as a polynomial is, takes as long as its latencies together. A processor
// that waits in one looks ahead for others, but not far where two threads share a core: on Zen 3
// half of its window holds about three vectors of a softmax. Two vectors in turn made Gelu 1.13 to
// 1.3 times as fast, its gradient 1.12 to 1.18, SiLU and its gradient 1.15 to 1.17, GroupNorm with SiLU
// 1.13 to 1.18 forward, softmax of 197 columns, with an exp of fewer instructions, 1.16 to 1.2 (one
// thread, November 2026, medians of 9 to 15 in turn; BenchmarkGelu, BenchmarkSiLU,
// BenchmarkGroupNorm, BenchmarkSoftmax). GELU was a single chain then; as two it gains and loses by it
// (0.88 to 1.16, six in turn). Four were no better, as a register too few is a load more;
// scores of attention, of which a row has two whole blocks at most, became no faster, but did with two
// rows (emitAttentionRows), nor did
// GroupNorm's gradient, nor, earlier, GELU and SiLU of AVX-512 on a Xeon beyond its caches.
func (e *emitter) weave(bodies ...func()) {
	f := e.active()
	start, most := len(f.Nodes), 0
	strands := make([][]ir.Node, len(bodies))
	for i, body := range bodies {
		body()
		strands[i] = slices.Clone(f.Nodes[start:])
		if len(bodies) > 1 && slices.ContainsFunc(strands[i], jumps) {
			panic(f.Name + ": a body with a label or a jump cannot be woven")
		}
		f.Nodes = f.Nodes[:start]
		most = max(most, len(strands[i]))
	}
	for i := range most {
		for _, s := range strands {
			if i < len(s) {
				f.Nodes = append(f.Nodes, s[i])
			}
		}
	}
}

// jumps reports whether an instruction does more than go on with the next.
func jumps(n ir.Node) bool {
	i, is := n.(*ir.Instruction)
	return !is || i.IsBranch || i.IsTerminal
}

// active is the function under way.
func (e *emitter) active() *ir.Function {
	file, err := e.Result()
	if err != nil {
		panic(err) // an instruction that does not exist
	}
	functions := file.Functions()
	return functions[len(functions)-1]
}

// weaveOnAVX2 lets walks weave vectors.
func (e *emitter) weaveOnAVX2(vectors int) {
	if !e.isa.opmasks() {
		e.woven = vectors
	}
}
