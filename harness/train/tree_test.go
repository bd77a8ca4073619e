package train

import (
	"context"
	"math/rand/v2"
	"testing"

	"lethe/autodiff"
	"lethe/autodiff/optim"
)

// pairwise adds values as the documented tree does: equal powers of two from
// the left, what is left over from the right.
func pairwise(x []float32) float32 {
	if len(x) == 1 {
		return x[0]
	}
	half := 1
	for 2*half < len(x) {
		half *= 2
	}
	return pairwise(x[:half]) + pairwise(x[half:])
}

// setGradient gives a parameter the gradient g by way of a loss.
func setGradient(p *autodiff.Tensor, g []float32) {
	p.ZeroGrad()
	tp := autodiff.NewTape()
	tp.Backward(tp.RowMSE(tp.Reshape(p, len(g), 1), autodiff.FromSlice(shifted(p.Data, g), len(g), 1), ones(len(g))))
}

// shifted is p - g/2, whose squared distance to p has the gradient g.
func shifted(p, g []float32) []float32 {
	out := make([]float32, len(g))
	for i := range g {
		out[i] = p[i] - g[i]/2
	}
	return out
}

func ones(n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = 1
	}
	return out
}

// TestTreeOrder compares the bits of the folded gradient with explicit pairwise
// sums, for every number of micro-batches up to 17, twice on one tree.
func TestTreeOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	p := autodiff.New(5) // at 0, so that shifted is exact
	p.SetTrainable(true)
	tree := newGradientTree([]*autodiff.Tensor{p})
	differs := false
	for n := 1; n <= 17; n++ {
		for range 2 {
			columns := make([][]float32, 5)
			for range n {
				g := make([]float32, 5)
				for i := range g {
					g[i] = float32(r.NormFloat64())
				}
				setGradient(p, g)
				for i := range g {
					if p.Grad()[i] != g[i] {
						t.Fatalf("the gradient is %g, want %g", p.Grad()[i], g[i])
					}
					columns[i] = append(columns[i], g[i])
				}
				tree.push()
			}
			tree.finish()
			for i, c := range columns {
				var plain float32
				for _, v := range c {
					plain += v
				}
				want := pairwise(c)
				if p.Grad()[i] != want {
					t.Errorf("%d micro-batches: %g, want %g", n, p.Grad()[i], want)
				}
				differs = differs || plain != want
			}
		}
	}
	if !differs {
		t.Error("no sum depends on its order: the test shows nothing")
	}
	if len(tree.stack) != 0 {
		t.Errorf("%d sums are left", len(tree.stack))
	}
}

// TestTreeHoles: a parameter that some micro-batches do not reach.
func TestTreeHoles(t *testing.T) {
	a, b := autodiff.New(2), autodiff.New(2)
	a.SetTrainable(true)
	b.SetTrainable(true)
	tree := newGradientTree([]*autodiff.Tensor{a, b})
	for i := range 5 {
		setGradient(a, []float32{1, 2})
		b.ZeroGrad()
		if i == 1 || i == 4 {
			setGradient(b, []float32{float32(i), 3})
		}
		tree.push()
	}
	tree.finish()
	if a.Grad()[0] != 5 || a.Grad()[1] != 10 || b.Grad()[0] != 5 || b.Grad()[1] != 6 {
		t.Errorf("sums %v and %v, want (5, 10) and (5, 6)", a.Grad(), b.Grad())
	}
}

// TestLoopFoldsAsTheTree: the loop weights each micro-batch by its share and
// adds the gradients in the tree's order.
func TestLoopFoldsAsTheTree(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	targets := make([][]float32, 5)
	for i := range targets {
		targets[i] = []float32{float32(r.NormFloat64()), float32(r.NormFloat64())}
	}
	l := newLine(5, func(_, i int) []float32 { return targets[i] })
	l.Steps, l.Schedule = 1, optim.Constant(1)
	if _, err := l.Run(context.Background(), 0); err != nil {
		t.Fatal(err)
	}
	for k := range 2 {
		var gradients []float32
		for i := range targets {
			single := newLine(1, func(int, int) []float32 { return targets[i] })
			single.Steps, single.Schedule = 1, optim.Constant(1)
			micro := single.Micro
			single.Micro = func(step, j int) (Losses, error) {
				out, err := micro(step, j)
				out.Total = single.Tape.WeightedSum([]*autodiff.Tensor{out.Total}, []float32{float32(0.2)})
				return out, err
			}
			if _, err := single.Run(context.Background(), 0); err != nil {
				t.Fatal(err)
			}
			gradients = append(gradients, -single.w.Data[k])
		}
		if want := -pairwise(gradients); l.w.Data[k] != want {
			t.Errorf("w[%d] is %g, want %g", k, l.w.Data[k], want)
		}
	}
}
