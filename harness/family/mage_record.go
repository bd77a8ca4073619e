package family

import (
	"slices"

	"lethe/layers/mage"
)

// RecordStep implements Recorder.
func (m *MAGE) RecordStep(d *Draw) []Input {
	seen, noised := d.Seen().(*mageBatch), d.Noised().(*mageBatch)
	images := part("images", seen.images(), Group{0, seen.Len()})
	noise := Input{"noise_images", images.Shape, slices.Clone(images.Data)} // nobody looks at those of retain images
	if d.Forget.Count > 0 {
		copy(noise.Data[d.Forget.First*len(noise.Data)/seen.Len():], noised.images().Data)
	}
	labels := Input{"labels", []int{seen.Len()}, make([]float32, seen.Len())}
	for i := range labels.Data {
		labels.Data[i] = 1
		if i >= d.Forget.First {
			labels.Data[i] = -1
		}
	}
	return append([]Input{images, noise, labels}, maskInputs(seen.masks)...)
}

// RecordForward implements Recorder.
func (m *MAGE) RecordForward(d *Draw) []Input {
	seen := d.Seen().(*mageBatch)
	return append([]Input{part("images", seen.images(), Group{0, seen.Len()})}, maskInputs(seen.masks)...)
}

func maskInputs(mk mage.Masking) []Input {
	shape := []int{mk.N, mk.L}
	return []Input{
		{"token_drop_mask", shape, slices.Clone(mk.Dropped)},
		{"token_all_mask", shape, slices.Clone(mk.Masked)},
	}
}
