package autodiff

import (
	"slices"
	"testing"
)

// TestFLOPs: products that nobody wants are not computed. The counts are
// those of the formulas: forward 2*M*N*K, and as much again for each of dx, dw.
func TestFLOPs(t *testing.T) {
	const m, n, k = 6, 5, 4
	product := 2.0 * m * n * k
	for _, c := range []struct {
		x, w     bool
		want     float64
		recorded bool
	}{
		{false, false, product, false},
		{true, false, 2 * product, true},
		{false, true, 2 * product, true},
		{true, true, 3 * product, true},
	} {
		x, w := New(2, 3, k), New(n, k)
		x.SetTrainable(c.x)
		w.SetTrainable(c.w)
		tp := NewTape()
		y := tp.Linear(x, w, nil)
		if got := len(tp.records) == 1; got != c.recorded {
			t.Errorf("x %t, w %t: recorded %t, want %t", c.x, c.w, got, c.recorded)
		}
		if c.recorded {
			tp.BackwardFrom(y, make([]float32, y.Len()))
		}
		if tp.FLOPs() != c.want {
			t.Errorf("x %t, w %t: %g flops, want %g", c.x, c.w, tp.FLOPs(), c.want)
		}
		if (x.Grad() != nil) != c.x || (w.Grad() != nil) != c.w {
			t.Errorf("x %t, w %t: gradients are %v and %v", c.x, c.w, x.Grad(), w.Grad())
		}
	}

	tp := NewTape()
	qkv := New(2, 7, 3*8) // two products of 2*7*7*4 for each of 2 samples and 2 heads, then four
	qkv.SetTrainable(true)
	tp.BackwardFrom(tp.Attention(qkv, 2), make([]float32, 2*7*8))
	if want := 6.0 * 2 * 7 * 7 * 4 * 2 * 2; tp.FLOPs() != want {
		t.Errorf("Attention: %g flops, want %g", tp.FLOPs(), want)
	}
	tp.ResetFLOPs()
	x, w := New(2, 5, 4, 3), New(7, 3, 2, 3) // 2*3*2 pixels with stride 2, patches of 3*2*3
	x.SetTrainable(true)
	w.SetTrainable(true)
	y := tp.Conv2D(x, w, nil, ConvOptions{StrideH: 2, StrideW: 2, PadH: 1})
	tp.BackwardFrom(y, make([]float32, y.Len()))
	if want := 3.0 * 2 * (2 * 3 * 2) * 7 * (3 * 2 * 3); tp.FLOPs() != want {
		t.Errorf("Conv2D: %g flops, want %g", tp.FLOPs(), want)
	}
	tp.ResetFLOPs()
	if tp.FLOPs() != 0 {
		t.Errorf("%g flops after ResetFLOPs, want 0", tp.FLOPs())
	}
}

// TestLeafGradients: nil before the first gradient and after ZeroGrad,
// accumulated over Backward calls, overwritten after ZeroGrad, kept in one buffer.
func TestLeafGradients(t *testing.T) {
	tp := NewTape()
	w := FromSlice([]float32{1, 2, 3}, 3)
	if w.Trainable() || w.Grad() != nil {
		t.Error("a new leaf trains or has a gradient")
	}
	w.SetTrainable(true)
	dy := []float32{1, 10, 100}
	back := func() { tp.BackwardFrom(tp.Scale(w, 2), dy) }
	back()
	buffer := &w.Grad()[0]
	back()
	if want := []float32{4, 40, 400}; !slices.Equal(w.Grad(), want) {
		t.Errorf("two gradients add to %v, want %v", w.Grad(), want)
	}
	w.ZeroGrad()
	if w.Grad() != nil {
		t.Errorf("gradient after ZeroGrad is %v, want nil", w.Grad())
	}
	tp.Reset()
	back()
	if want := []float32{2, 20, 200}; !slices.Equal(w.Grad(), want) || &w.Grad()[0] != buffer {
		t.Errorf("gradient after ZeroGrad is %v, want %v in the same buffer", w.Grad(), want)
	}
	tp.BackwardFrom(w, dy) // an output that is itself a leaf
	if want := []float32{3, 30, 300}; !slices.Equal(w.Grad(), want) {
		t.Errorf("gradient of a leaf as output is %v, want %v", w.Grad(), want)
	}
	if view := tp.Rows(w, 1, 2); !slices.Equal(view.Grad(), []float32{30}) || !view.Trainable() {
		t.Errorf("view of the leaf has gradient %v (trainable %t), want [30]", view.Grad(), view.Trainable())
	}
	if w.Dim(0) != 3 || w.Len() != 3 {
		t.Errorf("leaf has dimension %d and length %d, want 3", w.Dim(0), w.Len())
	}
}

// TestStaleBufferIsOverwritten: the first gradient of a part of a leaf clears
// the rest, whatever was there before ZeroGrad.
func TestStaleBufferIsOverwritten(t *testing.T) {
	tp := NewTape()
	w := FromSlice([]float32{1, 2, 3, 4}, 4)
	w.SetTrainable(true)
	tp.BackwardFrom(tp.Scale(w, 5), []float32{1, 1, 1, 1})
	w.ZeroGrad()
	tp.BackwardFrom(tp.Scale(tp.Rows(w, 1, 3), 2), []float32{1, 1})
	if want := []float32{0, 2, 2, 0}; !slices.Equal(w.Grad(), want) {
		t.Errorf("gradient is %v, want %v", w.Grad(), want)
	}
}

// TestTwoLosses: Backward of two outputs of one forward pass adds, and an op
// that the second does not depend on adds nothing.
func TestTwoLosses(t *testing.T) {
	tp := NewTape()
	w := FromSlice([]float32{3}, 1)
	w.SetTrainable(true)
	x := tp.Mul(w, w)
	first, second := tp.Scale(x, 2), tp.Scale(x, 5)
	before := tp.floats.live()
	tp.Backward(first)
	if w.Grad()[0] != 12 {
		t.Errorf("gradient is %g, want 12", w.Grad()[0])
	}
	tp.Backward(second)
	if w.Grad()[0] != 12+30 {
		t.Errorf("gradients add to %g, want 42", w.Grad()[0])
	}
	if after := tp.floats.live(); after != before {
		t.Errorf("%d elements are in use after it, want %d: gradient buffers did not come back", after, before)
	}
}

// TestResidualSharesGradients: x + f(x) hands one buffer to both and adds f's
// part in place: at no time more gradients than the two ends of f.
func TestResidualSharesGradients(t *testing.T) {
	tp := NewTape()
	const n = 64
	w := New(n)
	w.SetTrainable(true)
	x := tp.Scale(w, 1)
	for range 8 {
		x = tp.Add(x, tp.Scale(tp.Gelu(x), 2))
	}
	before := tp.Memory().Peak
	dy := make([]float32, n)
	tp.BackwardFrom(x, dy)
	if got := (tp.Memory().Peak - before) / n; got > 2 {
		t.Errorf("the backward pass took %d buffers, want at most 2", got)
	}
}

// TestScratchReturns: contributions that a kernel cannot add go through one
// scratch buffer, however many there are.
func TestScratchReturns(t *testing.T) {
	tp := NewTape()
	const n = 64
	w := New(1, n)
	w.SetTrainable(true)
	x := tp.Scale(w, 1)
	sum := tp.Softmax(x)
	for range 8 {
		sum = tp.Add(sum, tp.Softmax(x))
	}
	before := tp.Memory().Peak
	tp.BackwardFrom(sum, make([]float32, n))
	if got := (tp.Memory().Peak - before) / n; got > 3 {
		t.Errorf("the backward pass took %d buffers, want at most 3: of the sum, of x and scratch", got)
	}
}

// TestIndicesAreCopied: the caller may reuse idx before Backward.
func TestIndicesAreCopied(t *testing.T) {
	tp := NewTape()
	x := New(3, 1)
	x.SetTrainable(true)
	idx := []int32{2, 0}
	y := tp.GatherRows(x, nil, idx)
	idx[0], idx[1] = 1, 1
	tp.BackwardFrom(y, []float32{5, 7})
	if want := []float32{7, 0, 5}; !slices.Equal(x.Grad(), want) {
		t.Errorf("gradient is %v, want %v", x.Grad(), want)
	}
}

// TestToggleAfterForward: what trains is decided when the op runs.
func TestToggleAfterForward(t *testing.T) {
	tp := NewTape()
	x, w := FromSlice([]float32{2}, 1, 1), FromSlice([]float32{3}, 1, 1)
	x.SetTrainable(true)
	y := tp.Linear(x, w, nil)
	w.SetTrainable(true)
	tp.BackwardFrom(y, []float32{1})
	if w.Grad() != nil || x.Grad()[0] != 3 {
		t.Errorf("gradients are %v and %v, want nil and [3]", w.Grad(), x.Grad())
	}
}

// TestEmptyBatch: a batch without samples runs and adds gradients of 0.
func TestEmptyBatch(t *testing.T) {
	n := newTestNet(1, 2, 3, 8, 2)
	x := New(0, 3, 8)
	tp := NewTape()
	for _, scoped := range []bool{false, true} {
		n.scoped = scoped
		y := n.encode(tp, n.student, x)
		loss := tp.WeightedSum([]*Tensor{tp.MSE(y, x), tp.SampleL2(y, x, 1)}, []float32{1, 1})
		tp.Backward(loss)
		if loss.Data[0] != 0 {
			t.Errorf("loss is %g, want 0", loss.Data[0])
		}
		for i, g := range n.grads() {
			for _, v := range g {
				if v != 0 {
					t.Fatalf("parameter %d has gradient %g, want 0", i, v)
				}
			}
		}
		tp.Reset()
	}
}

// TestDetach: the straight-through estimator x + Detach(q - x) has the numbers of
// q and the gradient of x, also where both depend on the same leaf.
func TestDetach(t *testing.T) {
	tp := NewTape()
	w := FromSlice([]float32{1, -2}, 2)
	w.SetTrainable(true)
	x := tp.Scale(w, 3)
	q := FromSlice([]float32{4, -4}, 2)
	y := tp.Add(x, tp.Detach(tp.Sub(q, x)))
	if !slices.Equal(y.Data, q.Data) {
		t.Errorf("straight through is %v, want %v", y.Data, q.Data)
	}
	tp.BackwardFrom(y, []float32{1, 10})
	if want := []float32{3, 30}; !slices.Equal(w.Grad(), want) {
		t.Errorf("gradient is %v, want %v", w.Grad(), want)
	}
	if tp.Detach(w).Trainable() || tp.Scale(tp.Detach(w), 2).needs {
		t.Error("a detached view trains")
	}
}
