package mae

import "lethe/layers"

// LoadError says how a checkpoint does not fit a model.
type LoadError struct {
	layers.Misfit
	Looks Identity // what the checkpoint probably is
	Want  Config   // what it was to be loaded into
}

// Error names the first few keys of every kind, how many there are, and what
// the file probably is.
func (e *LoadError) Error() string {
	text := "mae: the checkpoint does not fit the model: " + e.Misfit.String()
	if e.Foreign() {
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
	misfit := layers.Load(m.Params(), src)
	if !misfit.Any() {
		return nil
	}
	return &LoadError{Misfit: misfit, Looks: Identify(layers.ShapesOf(src)), Want: m.cfg}
}
