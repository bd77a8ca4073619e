package autodiff

import (
	"slices"
	"testing"
)

// TestFrozenAllKeepsEveryMap moves three maps of different sizes, with scrap
// between them, and finds each with its own numbers in less memory.
func TestFrozenAllKeepsEveryMap(t *testing.T) {
	tp := NewTape()
	leaf := New(40)
	for i := range leaf.Data {
		leaf.Data[i] = float32(i)
	}
	var want [3][]float32
	maps := tp.FrozenAll(func() []*Tensor {
		var out []*Tensor
		for k := range want {
			tp.Scale(leaf, 9) // scrap
			x := tp.Scale(leaf, float32(k+2))
			want[k] = append([]float32(nil), x.Data...)
			out = append(out, x)
		}
		return out
	})
	for k, x := range maps {
		for i, v := range x.Data {
			if v != want[k][i] {
				t.Fatalf("map %d element %d is %g, want %g", k, i, v, want[k][i])
			}
		}
	}
	after := tp.Scale(leaf, 1)
	for k, x := range maps {
		if &x.Data[0] == &after.Data[0] {
			t.Fatalf("map %d shares memory with a later tensor", k)
		}
	}
}

// TestFrozenAllMovesByPlace returns tensors in an order other than that in which
// they lie, one of them in memory that a scope gave back.
func TestFrozenAllMovesByPlace(t *testing.T) {
	tp := NewTape()
	leaf := New(40)
	for i := range leaf.Data {
		leaf.Data[i] = float32(i)
	}
	maps := tp.FrozenAll(func() []*Tensor {
		tp.Scale(leaf, 9) // stays until the end
		var first *Tensor
		tp.Scope(func() *Tensor { tp.Scale(leaf, 8); return nil })
		second := tp.Scope(func() *Tensor {
			scrap := tp.Scale(leaf, 7) // in the place of the eights
			first = tp.Scale(leaf, 2)
			return tp.Add(scrap, first)
		})
		third := tp.Scale(leaf, 3) // in the place of the sevens
		return []*Tensor{second, third, tp.Scale(leaf, 4)}
	})
	for k, factor := range []float32{9, 3, 4} {
		for i, v := range maps[k].Data {
			if v != factor*float32(i) {
				t.Fatalf("tensor %d element %d is %g, want %g", k, i, v, factor*float32(i))
			}
		}
	}
}

// TestFrozenAllKeepsShapes: the tensor that was made first lies last, behind two
// that share the place of one.
func TestFrozenAllKeepsShapes(t *testing.T) {
	tp := NewTape()
	large, small, left, right := New(100), New(2, 3), New(3, 16), New(4, 8)
	out := tp.FrozenAll(func() []*Tensor {
		a := tp.Scope(func() *Tensor {
			tp.Scale(large, 1) // where both others will lie
			return tp.Scale(small, 1)
		})
		return []*Tensor{a, tp.Scale(left, 1), tp.Scale(right, 1)}
	})
	for i, want := range []*Tensor{small, left, right} {
		if !slices.Equal(out[i].Shape(), want.Shape()) {
			t.Errorf("tensor %d is %v, want %v", i, out[i].Shape(), want.Shape())
		}
	}
}

// TestScopeInFrozen: what a scope made goes to the ops that follow, and what it
// returns stays where it is.
func TestScopeInFrozen(t *testing.T) {
	tp := NewTape()
	x := New(1000)
	tp.Frozen(func() *Tensor {
		var at *float32
		y := tp.Scope(func() *Tensor {
			y := tp.Scale(tp.Scale(x, 2), 3)
			at = &y.Data[0]
			return y
		})
		if &y.Data[0] != at {
			t.Error("the result was moved")
		}
		peak := tp.Memory().Peak
		for range 5 {
			y = tp.Scope(func() *Tensor { return tp.Scale(tp.Scale(y, 2), 3) })
			tp.free(tp.buffer(3))
		}
		if grown := tp.Memory().Peak - peak; grown > 6*1008 {
			t.Errorf("five scopes took %d elements more, want at most five results and one", grown)
		}
		return nil
	})
}

// TestFrozenAllRefusesViews feeds it what cannot be moved.
func TestFrozenAllRefusesViews(t *testing.T) {
	leaf := New(4, 2)
	for name, f := range map[string]func(tp *Tape) []*Tensor{
		"view":    func(tp *Tape) []*Tensor { return []*Tensor{tp.Reshape(tp.Scale(leaf, 2), 8)} },
		"outside": func(*Tape) []*Tensor { return []*Tensor{leaf} },
		"twice": func(tp *Tape) []*Tensor {
			a := tp.Scale(leaf, 2)
			return []*Tensor{a, a}
		},
		"nested": func(tp *Tape) []*Tensor {
			return tp.FrozenAll(func() []*Tensor { return []*Tensor{tp.Scale(leaf, 2)} })
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			tp := NewTape()
			tp.FrozenAll(func() []*Tensor { return f(tp) })
		})
	}
}
