package layers

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Misfit says how a checkpoint does not fit a list of parameters.
type Misfit struct {
	Missing   []string // keys of the model that the checkpoint lacks
	Extra     []string // keys of the checkpoint that the model lacks
	Misshapen []string // keys of both with different shapes, with both shapes
	Bad       []string // keys with a value that is not finite, or given twice
	Keys      int      // keys the model has
}

// Any reports whether there is anything wrong at all.
func (m *Misfit) Any() bool { return m.Foreign() || len(m.Bad) > 0 }

// Foreign reports whether keys or shapes are those of another model.
func (m *Misfit) Foreign() bool { return len(m.Missing)+len(m.Extra)+len(m.Misshapen) > 0 }

// String names the first few keys of every kind and how many there are.
func (m *Misfit) String() string {
	var parts []string
	list := func(what string, keys []string) {
		const most = 4
		if len(keys) == 0 {
			return
		}
		text := strings.Join(keys[:min(most, len(keys))], ", ")
		if len(keys) > most {
			text += ", …"
		}
		parts = append(parts, fmt.Sprintf("%d %s (%s)", len(keys), what, text))
	}
	list(fmt.Sprintf("of %d keys missing", m.Keys), m.Missing)
	list("extra", m.Extra)
	list("misshapen", m.Misshapen)
	list("unusable", m.Bad)
	return strings.Join(parts, "; ")
}

// Load copies a checkpoint into the parameters. Every one must be there with its
// shape and no other; the values must be finite. Where the result says that
// something is wrong, the parameters are as they were.
func Load(params []*Param, src []Named) Misfit {
	e := Misfit{Keys: len(params)}
	have := make(map[string]Named, len(src))
	for _, t := range src {
		if _, twice := have[t.Name]; twice {
			e.Bad = append(e.Bad, t.Name+" is given twice")
		}
		have[t.Name] = t
	}
	known := make(map[string]bool, len(params))
	for _, p := range params {
		known[p.Name] = true
		t, ok := have[p.Name]
		switch {
		case !ok:
			e.Missing = append(e.Missing, p.Name)
		case !slices.Equal(t.Shape, p.Shape) || len(t.Data) != p.Value.Len():
			e.Misshapen = append(e.Misshapen, fmt.Sprintf("%s is %v, want %v", p.Name, t.Shape, p.Shape))
		default:
			if i := firstNotFinite(t.Data); i >= 0 {
				e.Bad = append(e.Bad, fmt.Sprintf("%s has %v at element %d", p.Name, t.Data[i], i))
			}
		}
	}
	for _, t := range src {
		if !known[t.Name] {
			e.Extra = append(e.Extra, t.Name)
		}
	}
	if e.Any() {
		return e
	}
	for _, p := range params {
		p.Import(have[p.Name].Data)
	}
	return e
}

// ShapesOf returns the shapes of a checkpoint's tensors by name.
func ShapesOf(src []Named) map[string][]int {
	shapes := make(map[string][]int, len(src))
	for _, t := range src {
		shapes[t.Name] = t.Shape
	}
	return shapes
}

// firstNotFinite returns the index of the first NaN or infinity, or -1.
func firstNotFinite(x []float32) int {
	return slices.IndexFunc(x, func(v float32) bool { return math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) })
}
