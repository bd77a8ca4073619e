package autodiff

import "testing"

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

// TestFrozenAllRefusesViews feeds it what cannot be moved.
func TestFrozenAllRefusesViews(t *testing.T) {
	leaf := New(4, 2)
	for name, f := range map[string]func(tp *Tape) []*Tensor{
		"view":    func(tp *Tape) []*Tensor { return []*Tensor{tp.Reshape(tp.Scale(leaf, 2), 8)} },
		"outside": func(*Tape) []*Tensor { return []*Tensor{leaf} },
		"order": func(tp *Tape) []*Tensor {
			a, b := tp.Scale(leaf, 2), tp.Scale(leaf, 3)
			return []*Tensor{b, a}
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
