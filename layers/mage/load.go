package mage

import (
	"slices"
	"strings"

	"lethe/layers"
)

// LoadError says how a checkpoint does not fit a model.
type LoadError struct {
	layers.Misfit
	Looks Identity // what the checkpoint probably is
	Want  string   // the preset that it was to be loaded into, or ""
}

// Error names the first few keys of every kind, how many there are, and what
// the file probably is.
func (e *LoadError) Error() string {
	text := "mage: the checkpoint does not fit the model: " + e.Misfit.String()
	if e.Foreign() {
		text += "; " + e.Looks.String()
		if e.Want != "" && e.Want != e.Looks.Preset {
			text += "; the model is " + e.Want
		}
	}
	return text
}

// Load copies a checkpoint into the model. Every key of the model must be there
// with its shape and no other; the values must be finite. A checkpoint with
// HeadWords unties the head, one without ties it. On error the model is as it
// was.
//
// Errors: a *LoadError.
func (m *Model) Load(src []layers.Named) error {
	own := slices.ContainsFunc(src, func(t layers.Named) bool { return t.Name == HeadWords })
	before := m.headWords
	if m.Tie(); own {
		m.Untie()
	}
	e := load(m.params, src)
	if e == nil {
		return nil
	}
	if m.Tie(); before != nil {
		m.headWords, m.params = before, append(slices.Clip(m.params), before)
	}
	e.Want = m.cfg.presetName()
	return e
}

// Load copies the checkpoint of a VQGAN into the model: of one alone, or of a
// MAGE, of which the rest is not read. Every key of the model must be there with
// its shape and no other; the values must be finite. On error the model is as it
// was.
//
// Errors: a *LoadError.
func (v *VQGAN) Load(src []layers.Named) error {
	bare := src
	if slices.ContainsFunc(src, func(t layers.Named) bool { return strings.HasPrefix(t.Name, vqganPrefix) }) {
		bare = nil
		for _, t := range src {
			if name, ok := strings.CutPrefix(t.Name, vqganPrefix); ok {
				bare = append(bare, layers.Named{Name: name, Shape: t.Shape, Data: t.Data})
			}
		}
	}
	params := make([]*layers.Param, len(v.params))
	for i, p := range v.params {
		named := *p
		named.Name = strings.TrimPrefix(p.Name, v.prefix)
		params[i] = &named
	}
	if e := load(params, bare); e != nil {
		e.Want = v.cfg.presetName()
		return e
	}
	return nil
}

// load copies src into params, or says why not and changes nothing.
func load(params []*layers.Param, src []layers.Named) *LoadError {
	misfit := layers.Load(params, src)
	if !misfit.Any() {
		return nil
	}
	return &LoadError{Misfit: misfit, Looks: Identify(layers.ShapesOf(src))}
}

// Buffer is an entry of the reference state dict that holds integers. Loading
// needs none of them; PyTorch wants them all.
type Buffer struct {
	Name  string
	Shape []int
	Data  []int64
}

// Buffers returns the integer entries of the state dict: the position numbers.
func (m *Model) Buffers() []Buffer {
	ids := make([]int64, Positions)
	for i := range ids {
		ids[i] = int64(i)
	}
	return []Buffer{{Name: "token_emb.position_ids", Shape: []int{1, Positions}, Data: ids}}
}
