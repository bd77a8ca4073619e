package autodiff

import "fmt"

// FrozenAll is Frozen for a region that makes several tensors, such as the
// feature maps of an encoder: all memory that its ops took is released but that
// of the returned tensors, which are moved to where the region began.
//
// Invalidates: every other tensor made in f.
// Panics: f returns a view, a tensor from outside, or tensors in another order
// than they were made in; moving those could overwrite one with another.
func (tp *Tape) FrozenAll(f func() []*Tensor) []*Tensor {
	m := tp.mark()
	tp.frozen++
	out := f()
	tp.frozen--

	old := make([]Tensor, len(out))
	for i, t := range out {
		if t.root != t || !tp.madeSince(m, t) {
			panic(fmt.Sprintf("autodiff: FrozenAll: tensor %d is a view or was made outside", i))
		}
		if i > 0 && !tp.madeAfter(m, out[i-1], t) {
			panic(fmt.Sprintf("autodiff: FrozenAll: tensor %d was made before tensor %d", i, i-1))
		}
		old[i] = *t
	}
	tp.releaseTo(m)
	kept := make([]*Tensor, len(out))
	for i, t := range old {
		kept[i] = tp.revive(t, true)
	}
	return kept
}

// madeAfter reports whether header b was handed out after header a, both since m.
func (tp *Tape) madeAfter(m tapeMark, a, b *Tensor) bool {
	seen := false
	for c := m.headers.at; c <= tp.headers.at; c++ {
		run := tp.headers.since(m.headers, c)
		for i := range run {
			switch &run[i] {
			case a:
				seen = true
			case b:
				return seen
			}
		}
	}
	return false
}
