package autodiff

import (
	"math/rand/v2"
	"reflect"
	"runtime"
	"testing"

	"lethe/kernels/kerneltest"
)

// live is the number of elements that are neither free nor beyond the bump's end.
// It is exact while no chunk's end was skipped by a fresh run.
func (f *floats) live() int {
	n := f.used
	for i := range f.at {
		n += len(f.chunks[i])
	}
	for _, s := range f.free {
		n -= s.n
	}
	return n
}

// TestFloatsDisjoint takes and gives back runs of random sizes: no two that are out
// overlap, the free spans are in order and apart, and when all are back, nothing is
// in use.
func TestFloatsDisjoint(t *testing.T) {
	f, r := newFloats(), rand.New(rand.NewPCG(1, 2))
	type run struct {
		data []float32
		mark float32
	}
	var out []run
	giveBack := func(i int) {
		for j, v := range out[i].data {
			if v != out[i].mark {
				t.Fatalf("element %d of %d holds %g, want %g: runs overlap", j, len(out[i].data), v, out[i].mark)
			}
		}
		f.put(out[i].data)
		out[i] = out[len(out)-1]
		out = out[:len(out)-1]
	}
	for step := range 5000 {
		if len(out) > 0 && r.IntN(5) < 2 {
			giveBack(r.IntN(len(out)))
			continue
		}
		data := f.reuse(r.IntN(1 << (1 + r.IntN(14))))
		for j := range data {
			data[j] = float32(step)
		}
		out = append(out, run{data, float32(step)})
		for i := 1; i < len(f.free); i++ {
			if f.free[i-1].meets(f.free[i]) >= 0 {
				t.Fatalf("free spans %+v and %+v are not apart", f.free[i-1], f.free[i])
			}
		}
	}
	if len(f.chunks) < 2 {
		t.Errorf("%d chunks were used, want several", len(f.chunks))
	}
	for len(out) > 0 {
		giveBack(len(out) - 1)
	}
	if n := f.live(); n != 0 {
		t.Errorf("%d elements are in use, want none", n)
	}
}

// TestFloatsRefuses: a buffer that comes back twice, or that is not of this tape, is
// a mistake that would show much later.
func TestFloatsRefuses(t *testing.T) {
	f := newFloats()
	a, b := f.reuse(20), f.reuse(20)
	f.put(a)
	wantPanic(t, func() { f.put(a) })
	wantPanic(t, func() { f.put(make([]float32, 16)) })
	f.put(b)
	wantPanic(t, func() { f.put(b) })
}

// TestFloatsJoins: neighbours that are free serve a larger run, and the last span
// grows where it ends the memory in use.
func TestFloatsJoins(t *testing.T) {
	f := newFloats()
	a, b := f.reuse(100), f.reuse(100)
	f.reuse(16)
	f.put(b)
	f.put(a)
	high := f.high
	if c := f.reuse(200); &c[0] != &a[0] || f.high != high {
		t.Error("two free neighbours did not serve a run of their length")
	}
	d := f.reuse(32)
	f.put(d)
	if e := f.reuse(64); &e[0] != &d[0] || f.high != high+64 {
		t.Error("the last free span did not grow")
	}
}

// TestBackwardOnce: the same bits as Backward with scopes and without, again and
// again, no allocation, and gradients that end with Reset.
func TestBackwardOnce(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, scoped := range []bool{false, true} {
		n := newTestNet(3, 4, 17, 96, 3)
		n.scoped = scoped
		tp := NewTape()
		n.step(tp)
		want := n.grads()
		m := newTestNet(3, 4, 17, 96, 3)
		m.scoped, m.once = scoped, true
		once := NewTape()
		for range 3 {
			m.step(once)
			if !reflect.DeepEqual(m.grads(), want) {
				t.Fatalf("scoped %t: gradients are not those of Backward", scoped)
			}
		}
		memory := once.Memory()
		if allocs := kerneltest.Allocations(10, func() { m.step(once) }); allocs != 0 || once.Memory() != memory {
			t.Errorf("scoped %t: 10 steps allocate %d objects and the arena is %+v, want 0 and %+v", scoped, allocs, once.Memory(), memory)
		}
		once.Reset()
		for i, g := range m.grads() {
			if g != nil {
				t.Errorf("scoped %t: parameter %d has a gradient after Reset", scoped, i)
			}
		}
	}
}

// TestBackwardOnceAdds: a leaf that has memory for its gradient keeps it.
func TestBackwardOnceAdds(t *testing.T) {
	tp := NewTape()
	w := FromSlice([]float32{3}, 1)
	w.SetTrainable(true)
	tp.Backward(tp.Mul(w, w))
	tp.Reset()
	tp.BackwardOnce(tp.Scale(w, 5))
	tp.Reset()
	if g := w.Grad(); len(g) != 1 || g[0] != 6+5 {
		t.Errorf("gradient is %v, want [11]", g)
	}
	wantPanic(t, func() { tp.BackwardOnce(FromSlice([]float32{1}, 1)) })
	tp.Backward(tp.Mul(w, w)) // the refused call left nothing behind
	if g := w.Grad(); g[0] != 6+5+6 {
		t.Errorf("gradient is %v, want [17]", g)
	}
}

// TestBackwardOnceMemory: where a block's weights are as large as what it keeps, the
// gradients need hardly more than the activations that they take the place of.
func TestBackwardOnceMemory(t *testing.T) {
	const depth, batch, tokens, d = 12, 4, 30, 96 // a block keeps 10*120*96, its weights are 12*96*96
	n := newTestNet(depth, batch, tokens, d, 3)
	n.scoped = true
	tp := NewTape()
	n.step(tp)
	activations, gradients := tp.Memory().Peak, 0
	for _, g := range n.grads() {
		gradients += len(g)
	}
	m := newTestNet(depth, batch, tokens, d, 3)
	m.scoped, m.once = true, true
	once := NewTape()
	m.step(once)
	if peak, limit := once.Memory().Peak, activations+gradients/4; peak > limit {
		t.Errorf("peak is %d elements, want at most %d: %d are activations, %d gradients", peak, limit, activations, gradients)
	}
}
