package autodiff

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestFusedOpsAreTheirParts: MLP and LinearAdd give the bits of the ops that they
// stand for, values and gradients, in one block of the product's columns and in many,
// recorded, dropped by a scope, and frozen.
func TestFusedOpsAreTheirParts(t *testing.T) {
	for _, size := range []struct{ rows, width, hidden int }{{3, 5, 7}, {37, 130, 1100}, {70, 800, 49}} {
		for _, scoped := range []bool{false, true} {
			t.Run(fmt.Sprintf("%+v/scoped=%t", size, scoped), func(t *testing.T) {
				var got [3][][]float32 // in parts, fused, and with BackwardOnce
				for fused := range got {
					rng := rand.New(rand.NewPCG(1, 2))
					draw := func(shape ...int) *Tensor {
						x := New(shape...)
						for i := range x.Data {
							x.Data[i] = rng.Float32() - 0.5
						}
						x.SetTrainable(true)
						return x
					}
					x, w1, b1 := draw(size.rows, size.width), draw(size.hidden, size.width), draw(size.hidden)
					w2, b2, w3, b3 := draw(size.width, size.hidden), draw(size.width), draw(size.width, size.width), draw(size.width)
					tp := NewTape()
					block := func() *Tensor {
						h := tp.Scale(x, 0.5)
						if fused > 0 {
							h = tp.LinearAdd(h, w3, b3, x)
							return tp.MLP(tp.Scale(h, 0.25), w1, b1, w2, b2, h)
						}
						h = tp.Add(x, tp.Linear(h, w3, b3))
						return tp.Add(h, tp.Linear(tp.Gelu(tp.Linear(tp.Scale(h, 0.25), w1, b1)), w2, b2))
					}
					frozen := slices.Clone(tp.Frozen(block).Data)
					y := (*Tensor)(nil)
					if scoped {
						y = tp.Scope(block)
					} else {
						y = block()
					}
					got[fused] = [][]float32{frozen, slices.Clone(y.Data)}
					if loss := tp.MSE(y, New(y.Shape()...)); fused == 2 {
						tp.BackwardOnce(loss)
					} else {
						tp.Backward(loss)
					}
					for _, w := range []*Tensor{x, w1, b1, w2, b2, w3, b3} {
						got[fused] = append(got[fused], w.Grad())
					}
				}
				names := []string{"frozen y", "y", "dx", "dw1", "db1", "dw2", "db2", "dw3", "db3"}
				for i, name := range names {
					if !slices.Equal(got[0][i], got[1][i]) || !slices.Equal(got[0][i], got[2][i]) {
						t.Errorf("%s differs", name)
					}
				}
			})
		}
	}
}
