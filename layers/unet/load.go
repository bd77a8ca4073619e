package unet

import (
	"fmt"
	"slices"
	"strings"

	"lethe/layers"
)

// LoadError says how a checkpoint does not fit a model.
type LoadError struct {
	layers.Misfit
	Looks Identity // what the checkpoint probably is
}

// Error names the first few keys of every kind, how many there are, and what
// the file probably is.
func (e *LoadError) Error() string {
	text := "unet: the checkpoint does not fit the model: " + e.Misfit.String()
	if e.Foreign() {
		text += "; " + e.Looks.String()
	}
	return text
}

// Load copies a checkpoint into the model. Every key of the model must be there
// with its shape and no other; the values must be finite. What the authors' code
// saves of its teacher is left out. A checkpoint with UpEmbed unties the up path,
// one without ties it; one without the buffers of the schedule keeps those of the
// configuration. On error the model is as it was.
//
// Errors: a *LoadError.
func (m *Model) Load(src []layers.Named) error {
	src = slices.DeleteFunc(slices.Clone(src), func(t layers.Named) bool { return strings.HasPrefix(t.Name, teacherPrefix) })
	has := func(prefix string) bool {
		return slices.ContainsFunc(src, func(t layers.Named) bool { return strings.HasPrefix(t.Name, prefix) })
	}
	before := *m
	if m.Tie(); has(UpEmbed + ".") {
		m.Untie()
	}
	params := m.params
	if buffers := scheduleKeys(); !slices.ContainsFunc(buffers, func(key string) bool {
		return slices.ContainsFunc(src, func(t layers.Named) bool { return t.Name == key })
	}) {
		params = params[len(buffers):] // they stand first
	}
	misfit := layers.Load(params, src)
	if !misfit.Any() {
		return nil
	}
	*m = before
	return &LoadError{Misfit: misfit, Looks: Identify(layers.ShapesOf(src))}
}

// Identity is what a checkpoint probably is, judged by its keys and shapes.
type Identity struct {
	Network bool   // it has keys of the network
	Preset  string // the preset whose shapes it has, or ""
	Keys    int    // how many there are
	Note    string // what it has beside the network, or ""
	Width   int    // channels of the first map, 0 where it is not told
}

// String says it in one sentence without a full stop.
func (i Identity) String() string {
	switch {
	case !i.Network:
		return fmt.Sprintf("the file is no diffusion U-Net (%d keys)", i.Keys)
	case i.Preset != "":
		return "the file looks like a Palette diffusion U-Net, size " + i.Preset + i.Note
	}
	return fmt.Sprintf("the file looks like a Palette diffusion U-Net of no preset's size (%d channels first)%s", i.Width, i.Note)
}

// Identify judges a checkpoint by its keys and their shapes.
func Identify(shapes map[string][]int) Identity {
	id := Identity{Keys: len(shapes)}
	var notes []string
	teacher, untied := false, false
	for key := range shapes {
		id.Network = id.Network || strings.HasPrefix(key, netPrefix)
		teacher = teacher || strings.HasPrefix(key, teacherPrefix)
		untied = untied || strings.HasPrefix(key, UpEmbed+".")
	}
	if teacher {
		notes = append(notes, "with the teacher that the authors' code saves, which is left out")
	}
	if untied {
		notes = append(notes, "with the up path's own "+UpEmbed+", which PyTorch's model does not know")
	}
	if len(notes) > 0 {
		id.Note = ", " + strings.Join(notes, ", ")
	}
	if first := shapes[netPrefix+"input_blocks.0.0.weight"]; len(first) == 4 {
		id.Width = first[0]
	}
	for _, p := range presets() {
		fits := id.Network
		keys := 0
		for _, s := range p.cfg.Shapes() {
			if strings.HasPrefix(s.Name, netPrefix) {
				fits = fits && slices.Equal(shapes[s.Name], s.Shape)
				keys++
			}
		}
		for key := range shapes {
			if strings.HasPrefix(key, netPrefix) && !strings.HasPrefix(key, UpEmbed+".") {
				keys--
			}
		}
		if fits && keys == 0 {
			id.Preset = p.name
		}
	}
	return id
}
