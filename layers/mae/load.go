package mae

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"lethe/layers"
)

// LoadError says how a checkpoint does not fit a model.
type LoadError struct {
	Missing   []string // keys of the model that the checkpoint lacks
	Extra     []string // keys of the checkpoint that the model lacks
	Misshapen []string // keys of both with different shapes, with both shapes
	Bad       []string // keys with a value that is not finite, or given twice
	Keys      int      // keys the model has
	Looks     Identity // what the checkpoint probably is
	Want      Config   // what it was to be loaded into
}

// Error names the first few keys of every kind, how many there are, and what
// the file probably is.
func (e *LoadError) Error() string {
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
	list(fmt.Sprintf("of %d keys missing", e.Keys), e.Missing)
	list("extra", e.Extra)
	list("misshapen", e.Misshapen)
	list("unusable", e.Bad)
	text := "mae: the checkpoint does not fit the model: " + strings.Join(parts, "; ")
	if len(e.Missing)+len(e.Extra)+len(e.Misshapen) > 0 {
		text += "; " + e.Looks.String()
		if name := e.Want.presetName(); name != "" && name != e.Looks.Preset {
			text += "; the model is " + name
		}
	}
	return text
}

// Load copies a checkpoint into the model. Every key of the model must be there
// with its shape and no other; the values must be finite. On error the model is
// as it was.
//
// Errors: a *LoadError.
func (m *Model) Load(src []layers.Named) error {
	e := &LoadError{Keys: len(m.Params()), Want: m.cfg}
	shapes := make(map[string][]int, len(src))
	have := make(map[string]layers.Named, len(src))
	for _, t := range src {
		if _, twice := have[t.Name]; twice {
			e.Bad = append(e.Bad, t.Name+" is given twice")
		}
		shapes[t.Name], have[t.Name] = t.Shape, t
	}
	known := make(map[string]bool, len(m.Params()))
	for _, p := range m.Params() {
		known[p.Name] = true
		t, ok := have[p.Name]
		switch {
		case !ok:
			e.Missing = append(e.Missing, p.Name)
		case !slices.Equal(t.Shape, p.Value.Shape()) || len(t.Data) != p.Value.Len():
			e.Misshapen = append(e.Misshapen, fmt.Sprintf("%s is %v, want %v", p.Name, t.Shape, p.Value.Shape()))
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
	if len(e.Missing)+len(e.Extra)+len(e.Misshapen)+len(e.Bad) > 0 {
		e.Looks = Identify(shapes)
		return e
	}
	for _, p := range m.Params() {
		copy(p.Value.Data, have[p.Name].Data)
	}
	return nil
}

// firstNotFinite returns the index of the first NaN or infinity, or -1.
func firstNotFinite(x []float32) int {
	return slices.IndexFunc(x, func(v float32) bool { return math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) })
}
