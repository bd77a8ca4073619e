package train

import (
	"lethe/autodiff"
	"lethe/kernels"
)

// gradientTree adds the gradients of micro-batches pairwise, like a binary
// counter: two sums of 2^k micro-batches become one of 2^(k+1). At most
// log2(n)+1 copies of the gradient are alive.
type gradientTree struct {
	params []*autodiff.Tensor
	stack  []treeNode
	spare  [][][]float32
}

type treeNode struct {
	level int
	// sums[i] is nil while parameter i got no gradient.
	sums [][]float32
}

func newGradientTree(params []*autodiff.Tensor) *gradientTree {
	return &gradientTree{params: params}
}

// push takes over the gradients of one micro-batch.
func (g *gradientTree) push() {
	sums := g.take()
	for i, p := range g.params {
		grad := p.Grad()
		if grad == nil {
			sums[i] = nil
			continue
		}
		if len(sums[i]) != len(grad) {
			sums[i] = kernels.Pages(len(grad))
		}
		copy(sums[i], grad)
	}
	g.stack = append(g.stack, treeNode{0, sums})
	for n := len(g.stack); n >= 2 && g.stack[n-1].level == g.stack[n-2].level; n = len(g.stack) {
		g.fold()
	}
}

// fold adds the newest sum to the one before it.
func (g *gradientTree) fold() {
	n := len(g.stack)
	a, b := g.stack[n-2], g.stack[n-1]
	for i := range a.sums {
		switch {
		case b.sums[i] == nil:
		case a.sums[i] == nil:
			a.sums[i], b.sums[i] = b.sums[i], nil
		default:
			kernels.Add(a.sums[i], a.sums[i], b.sums[i])
		}
	}
	g.spare = append(g.spare, b.sums)
	g.stack = g.stack[:n-1]
	g.stack[n-2].level = a.level + 1
}

// finish folds what is left and writes the total into the parameters'
// gradients. The last micro-batch must have left a gradient wherever any did.
func (g *gradientTree) finish() {
	for len(g.stack) > 1 {
		g.fold()
	}
	for i, p := range g.params {
		if grad := p.Grad(); grad != nil {
			copy(grad, g.stack[0].sums[i])
		}
	}
	g.spare = append(g.spare, g.stack[0].sums)
	g.stack = g.stack[:0]
}

func (g *gradientTree) take() [][]float32 {
	if n := len(g.spare); n > 0 {
		s := g.spare[n-1]
		g.spare = g.spare[:n-1]
		return s
	}
	return make([][]float32, len(g.params))
}
