package autodiff

import (
	"fmt"
	"slices"
)

// FrozenAll is Frozen for a region that makes several tensors, such as the
// feature maps of an encoder: all memory that its ops took is released but that
// of the returned tensors, which are moved to where the region began.
//
// Invalidates: every other tensor made in f.
// Panics: f returns a view, a tensor from outside, or one twice; called inside Frozen.
func (tp *Tape) FrozenAll(f func() []*Tensor) []*Tensor {
	if tp.frozen > 0 {
		panic("autodiff: FrozenAll: called inside Frozen")
	}
	m := tp.mark()
	var out []*Tensor
	tp.freeze(func() { out = f() })

	// Moved in the order in which they lie, none is put over another.
	type place struct {
		at  span
		i   int
		old Tensor
	}
	places := make([]place, len(out))
	for i, t := range out {
		if t.root != t || !tp.madeSince(m, t) {
			panic(fmt.Sprintf("autodiff: FrozenAll: tensor %d is a view or was made outside", i))
		}
		if slices.Index(out, t) < i {
			panic(fmt.Sprintf("autodiff: FrozenAll: tensor %d is returned twice", i))
		}
		places[i] = place{i: i, old: *t}
		places[i].old.shape = slices.Clone(t.shape) // one header may be made over another's shape
		if t.n > 0 {
			places[i].at = tp.floats.spanOf(t.Data)
		}
	}
	slices.SortFunc(places, func(a, b place) int { return a.at.compare(b.at) })
	tp.releaseTo(m)
	kept := make([]*Tensor, len(out))
	for _, p := range places {
		kept[p.i] = tp.revive(p.old, true)
	}
	return kept
}
