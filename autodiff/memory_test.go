package autodiff

import (
	"math"
	"reflect"
	"runtime"
	"testing"

	"lethe/kernels/kerneltest"
)

// TestStepAllocatesNothing: after the first few steps no object is allocated,
// and after the first one the arena keeps its size and its peak.
func TestStepAllocatesNothing(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, scoped := range []bool{false, true} {
		for _, workers := range []int{1, 2} {
			runtime.GOMAXPROCS(workers)
			n := newTestNet(2, 4, 17, 96, 3) // several items per kernel
			n.scoped = scoped
			tp := NewTape()
			n.step(tp)
			want := tp.Memory()
			if allocs := kerneltest.Allocations(10, func() { n.step(tp) }); allocs != 0 {
				t.Errorf("scoped %t, %d workers: 10 steps allocate %d objects, want 0", scoped, workers, allocs)
			}
			if got := tp.Memory(); got != want {
				t.Errorf("scoped %t, %d workers: arena is %+v after more steps, want %+v", scoped, workers, got, want)
			}
		}
	}
}

// TestScopeMemory counts what a block may keep, in units of one activation
// [B,T,D]: with Scope the residual sums (2), qkv (3), attention (1) and the
// hidden layer (4); without it also both LayerNorm outputs (2), the two branches (2)
// and GELU's output (4). Row statistics and log-sum-exps are small change, for
// which there is a tenth of a unit per block.
// One more block's worth covers the block at work and its gradients.
func TestScopeMemory(t *testing.T) {
	const depth, batch, tokens, d = 12, 4, 10, 64
	for _, c := range []struct {
		scoped   bool
		perBlock float64
	}{{false, 18.1}, {true, 10.1}} {
		n := newTestNet(depth, batch, tokens, d, 2)
		n.scoped = c.scoped
		tp := NewTape()
		n.step(tp)
		units := float64(tp.Memory().Peak) / (batch * tokens * d)
		if limit := depth*c.perBlock + 18; !(units <= limit) {
			t.Errorf("scoped %t: peak is %.1f activations, want at most %.1f", c.scoped, units, limit)
		}
	}
}

// TestScopeBits: recomputing outputs changes no bit of any gradient, and the
// retain loss of an untouched student is exactly 0.
func TestScopeBits(t *testing.T) {
	n := newTestNet(3, 4, 5, 16, 2)
	tp := NewTape()
	n.step(tp)
	want := n.grads()
	n.scoped = true
	n.step(tp)
	if !reflect.DeepEqual(n.grads(), want) {
		t.Error("gradients differ with and without Scope")
	}
	if retain, forget := n.losses(tp); retain.Data[0] != 0 || !(forget.Data[0] > 0) {
		t.Errorf("losses are %g and %g, want exactly 0 and more than 0", retain.Data[0], forget.Data[0])
	}
}

// TestWorkers: gradients have the same bits for any number of workers.
func TestWorkers(t *testing.T) {
	old := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(old)
	n := newTestNet(2, 4, 17, 96, 3) // 68 rows of 96 to 384: several items per kernel
	n.scoped = true
	tp := NewTape()
	n.step(tp)
	want := n.grads()
	for _, workers := range []int{2, 3, runtime.NumCPU()} {
		runtime.GOMAXPROCS(workers)
		n.step(tp)
		if !reflect.DeepEqual(n.grads(), want) {
			t.Errorf("%d workers: gradients differ from those of one", workers)
		}
	}
}

// TestScopeReleases: dead tensors are refused, the returned one lives.
func TestScopeReleases(t *testing.T) {
	tp := NewTape()
	x := FromSlice([]float32{1, -2, 3}, 3)
	var dead, view *Tensor
	y := tp.Scope(func() *Tensor {
		dead = tp.Scale(x, 2)
		view = tp.Rows(dead, 1, 2)
		return tp.Add(dead, dead)
	})
	if want := []float32{4, -8, 12}; !reflect.DeepEqual(y.Data, want) {
		t.Errorf("result is %v, want %v", y.Data, want)
	}
	wantShapeError(t, "Gelu", "len(x.Data)", func() { tp.Gelu(dead) })
	wantShapeError(t, "Gelu", "len(x.Data)", func() { tp.Gelu(view) })
	before := tp.Memory().Peak
	tp.Scale(x, 1) // takes the freed buffer
	if after := tp.Memory().Peak; after != before {
		t.Errorf("peak grew from %d to %d, want the freed buffer reused", before, after)
	}
	tp.Reset()
	tp.Scope(func() *Tensor { tp.Scale(x, 2); return nil })
	tp.Frozen(func() *Tensor { tp.Scale(x, 3); return nil }) // leaves the pool alone
	end := tp.floats.mark()
	if tp.Scale(x, 1); tp.floats.mark() != end {
		t.Error("a frozen region took a pooled buffer and did not give it back")
	}
	if tp.Scope(func() *Tensor { return nil }) != nil || tp.Scope(func() *Tensor { return x }) != x {
		t.Error("Scope does not return what f returned")
	}
}

// TestScopeRecompute: a dropped output is computed again, for views of it
// and through another dropped output too, and Backward may run twice.
func TestScopeRecompute(t *testing.T) {
	ones, zeros := FromSlice([]float32{1, 1, 1, 1}, 4), New(4)
	x := FromSlice([]float32{1, -2, 3, 0.5, 0, 2, 1, -1}, 2, 4)
	w := FromSlice([]float32{1, 2, 3, 4, -1, 0, 1, 2}, 2, 4)
	x.SetTrainable(true)
	w.SetTrainable(true)
	run := func(tp *Tape) *Tensor {
		h := tp.LayerNorm(tp.Gelu(tp.LayerNorm(x, ones, zeros, 1e-6)), ones, zeros, 1e-6)
		return tp.Linear(tp.Rows(h, 1, 2), w, nil)
	}
	tp := NewTape()
	dy := []float32{1, -2}
	tp.BackwardFrom(run(tp), dy)
	wantX, wantW := append([]float32(nil), x.Grad()...), append([]float32(nil), w.Grad()...)
	y := tp.Scope(func() *Tensor { return run(tp) })
	for range 2 {
		x.ZeroGrad()
		w.ZeroGrad()
		tp.BackwardFrom(y, dy)
		if !reflect.DeepEqual(x.Grad(), wantX) || !reflect.DeepEqual(w.Grad(), wantW) {
			t.Errorf("gradients are %v and %v, want %v and %v", x.Grad(), w.Grad(), wantX, wantW)
		}
	}
}

// TestFrozen: nothing is recorded, the result moves to where the region began
// although the two places overlap, and nested regions do the same.
func TestFrozen(t *testing.T) {
	tp := NewTape()
	w := FromSlice([]float32{2}, 1)
	w.SetTrainable(true)
	x := New(1000)
	for i := range x.Data {
		x.Data[i] = float32(i)
	}
	first := tp.Scale(x, 1)
	start := tp.mark()
	y := tp.Frozen(func() *Tensor {
		small := tp.Scale(FromSlice([]float32{1}, 1), 3) // the result moves down by 16 elements
		inner := tp.Frozen(func() *Tensor {
			tp.Scale(x, 5)
			return tp.Scale(x, small.Data[0])
		})
		return tp.Scale(inner, 1)
	})
	for i, v := range y.Data {
		if v != float32(3*i) {
			t.Fatalf("element %d is %g, want %d", i, v, 3*i)
		}
	}
	if end := tp.floats.mark(); end.at != start.floats.at || end.used != start.floats.used+1008 {
		t.Errorf("arena ends at %+v, want 1008 elements after %+v", end, start.floats)
	}
	if len(tp.records) != 0 {
		t.Errorf("%d records, want none", len(tp.records))
	}
	if first.Data[7] != 7 {
		t.Error("a tensor from before the region changed")
	}
	wantPanic(t, func() {
		tp.BackwardFrom(tp.Frozen(func() *Tensor { return tp.Mul(w, w) }), []float32{1})
	})
}

// TestFrozenViews: views of what is inside move, views of what is outside
// stay views, but no gradient passes through them.
func TestFrozenViews(t *testing.T) {
	tp := NewTape()
	w := FromSlice([]float32{1, 2, 3, 4}, 2, 2)
	w.SetTrainable(true)
	inside := tp.Frozen(func() *Tensor { return tp.Rows(tp.Scale(w, 10), 1, 2) })
	outside := tp.Frozen(func() *Tensor { return tp.Rows(w, 1, 2) })
	w.Data[2] = 7
	if want := []float32{30, 40}; !reflect.DeepEqual(inside.Data, want) {
		t.Errorf("view of inside is %v, want %v", inside.Data, want)
	}
	if want := []float32{7, 4}; !reflect.DeepEqual(outside.Data, want) || outside.Trainable() {
		t.Errorf("view of outside is %v (trainable %t), want %v without gradient", outside.Data, outside.Trainable(), want)
	}
	tp.BackwardFrom(tp.Mul(outside, tp.Rows(w, 0, 1)), []float32{1, 1})
	if want := []float32{7, 4, 0, 0}; !reflect.DeepEqual(w.Grad(), want) {
		t.Errorf("gradient is %v, want %v", w.Grad(), want)
	}
	if got := tp.Frozen(func() *Tensor { return w }); got != w {
		t.Error("a tensor from outside is not returned as it is")
	}
	if got := tp.Frozen(func() *Tensor { tp.Scale(w, 2); return nil }); got != nil {
		t.Error("nil is not returned as nil")
	}
}

// TestFrozenMany: regions one after the other need the memory of one.
func TestFrozenMany(t *testing.T) {
	tp := NewTape()
	x := New(2, 20000) // more than one item
	region := func() { tp.Frozen(func() *Tensor { tp.Softmax(tp.Gelu(x)); return nil }) }
	region()
	want := tp.Memory()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, workers := range []int{1, 2} {
		runtime.GOMAXPROCS(workers)
		if allocs := kerneltest.Allocations(100, region); allocs != 0 || tp.Memory() != want {
			t.Errorf("%d workers: arena is %+v with %d allocations in 100 regions, want %+v and 0", workers, tp.Memory(), allocs, want)
		}
	}
}

// TestReset: outputs die, leaves and their gradients stay.
func TestReset(t *testing.T) {
	tp := NewTape()
	w := FromSlice([]float32{3}, 1)
	w.SetTrainable(true)
	y := tp.Mul(w, w)
	tp.Backward(y)
	tp.Reset()
	if g := w.Grad(); len(g) != 1 || g[0] != 6 || w.Data[0] != 3 {
		t.Errorf("leaf is %v with gradient %v, want [3] and [6]", w.Data, g)
	}
	wantPanic(t, func() { tp.Gelu(y) })
}

// TestArenaRuns: runs are aligned to cache lines, disjoint, and the same again
// after a release, over several chunks.
func TestArenaRuns(t *testing.T) {
	f := newFloats()
	sizes := []int{1, 16, 17, 100000, 3, 0, 40000, 1 << 20, 5}
	var first []*float32
	for round := range 2 {
		for i, n := range sizes {
			run := f.fresh(n)
			if len(run) != n || cap(run) != n {
				t.Fatalf("run %d has %d elements, capacity %d, want %d", i, len(run), cap(run), n)
			}
			if n == 0 {
				first = append(first, nil)
				continue
			}
			if reflect.ValueOf(run).Pointer()%64 != 0 {
				t.Errorf("run %d is not aligned to 64 bytes", i)
			}
			for j := range run {
				run[j] = float32(math.Copysign(float64(i), -1))
			}
			if round == 0 {
				first = append(first, &run[0])
			} else if &run[0] != first[i] {
				t.Errorf("run %d moved after a release", i)
			}
		}
		for i, p := range first {
			if p != nil && *p != -float32(i) {
				t.Errorf("run %d was overwritten by another", i)
			}
		}
		f.reset()
	}
}
