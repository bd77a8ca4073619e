package family

import (
	"slices"

	"lethe/autodiff"
	"lethe/layers/mae"
)

// RecordStep implements Recorder.
func (m *MAE) RecordStep(d *Draw) []Input {
	seen, noised := d.Seen().(*maeBatch), d.Noised().(*maeBatch)
	return []Input{
		part("retain_images", seen.images, d.Retain), part("forget_images", seen.images, d.Forget),
		part("gaussian", noised.images, d.Forget),
		shuffleNoise("retain_noise", seen.masks, d.Retain), shuffleNoise("forget_noise", seen.masks, d.Forget),
	}
}

// RecordForward implements Recorder.
func (m *MAE) RecordForward(d *Draw) []Input {
	seen, all := d.Seen().(*maeBatch), Group{0, d.Seen().Len()}
	return []Input{part("images", seen.images, all), shuffleNoise("noise", seen.masks, all)}
}

// part copies the samples of a group out of a tensor [N,...].
func part(name string, t *autodiff.Tensor, g Group) Input {
	one := t.Len() / t.Dim(0)
	shape := slices.Clone(t.Shape())
	shape[0] = g.Count
	return Input{name, shape, slices.Clone(t.Data[g.First*one : (g.First+g.Count)*one])}
}

// shuffleNoise is noise [N,L] whose ascending order is that of the masks. The
// values are exact, and no two of a row are equal.
func shuffleNoise(name string, mk mae.Masking, g Group) Input {
	in := Input{name, []int{g.Count, mk.L}, make([]float32, g.Count*mk.L)}
	for i := range g.Count {
		for at, patch := range mk.Order[(g.First+i)*mk.L:][:mk.L] {
			in.Data[i*mk.L+int(patch)] = (float32(at) + 0.5) / float32(mk.L)
		}
	}
	return in
}
