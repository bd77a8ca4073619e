package feature

import (
	"context"
	"fmt"

	"lethe/harness/checkpoint"
	"lethe/harness/data"
	"lethe/harness/metric"
)

// Perceptual is LPIPS, version 0.1: a backbone and the weights of its linear heads.
type Perceptual struct {
	network *Network
	heads   [][]float32
	sha     string // of the heads
}

// OpenPerceptual reads the backbone, SqueezeNet 1.1 with torchvision's keys, and the
// heads (lin<l>.model.1.weight) that were trained for it.
//
// Errors: as Open; a network that gives no activations for LPIPS; heads that are
// missing, negative, or of another backbone.
func OpenPerceptual(backbone, heads string) (*Perceptual, error) {
	n, err := Open(backbone)
	if err != nil {
		return nil, err
	}
	if n.taps == nil {
		return nil, fmt.Errorf("%s: %w", backbone, n.noTaps())
	}
	p := &Perceptual{network: n}
	if p.sha, err = hashFile(heads); err != nil {
		return nil, fmt.Errorf("opening LPIPS's heads: %w", err)
	}
	file, err := checkpoint.Open(heads)
	if err != nil {
		return nil, fmt.Errorf("opening LPIPS's heads: %w", err)
	}
	defer file.Close()
	p.heads, err = metric.LPIPSHeads(func(name string) ([]float32, bool) {
		for _, t := range file.Tensors {
			if t.Name == name && t.DType.IsFloat() {
				if v, err := t.Float32(); err == nil {
					return v, true
				}
			}
		}
		return nil, false
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", heads, err)
	}
	if len(p.heads) != len(n.tapWidths) {
		return nil, fmt.Errorf("%s has %d heads, %s gives %d activations: the heads are of another backbone (SqueezeNet 1.1 has seven)", heads, len(p.heads), n.name, len(n.tapWidths))
	}
	for l, w := range p.heads {
		if len(w) != n.tapWidths[l] {
			return nil, fmt.Errorf("%s: head %d has %d weights, the activation of %s %d channels: the heads are of another backbone; the published ones for SqueezeNet are for 1.1", heads, l, len(w), n.name, n.tapWidths[l])
		}
	}
	return p, nil
}

// Fits says whether images of a size can be measured.
func (p *Perceptual) Fits(size int) error {
	if size < leastTaps {
		return fmt.Errorf("the model's images are %dx%d pixels; LPIPS wants at least %d pixels a side", size, size, leastTaps)
	}
	return nil
}

// Column is what to call the distance in a table.
func (p *Perceptual) Column() string { return "LPIPS(" + p.network.name + ")" }

// From is what the distance depends on: the hashes of the backbone and of the heads.
func (p *Perceptual) From() metric.Provenance {
	return metric.Provenance{Network: p.network.name, SHA256: p.network.sha + "+" + p.sha, Resizer: lpipsPreparation().resizer(), Decoder: Decoder}
}

// Distances are those of each pair of images, at their own size.
//
// Errors: as Network.Taps. Panics: numbers or sizes of images that differ.
func (p *Perceptual) Distances(ctx context.Context, x, y []data.Image) ([]float64, error) {
	if len(x) != len(y) {
		panic(fmt.Sprintf("feature: Distances: %d and %d images", len(x), len(y)))
	}
	out := make([]float64, len(x))
	for i := range x {
		taps, err := p.network.Taps(ctx, []data.Image{x[i], y[i]}, Options{})
		if err != nil {
			return nil, err
		}
		if out[i], err = metric.LPIPS(activations(taps[0]), activations(taps[1]), p.heads); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// activations are maps with their channels first.
func activations(maps []Map) []metric.Activation {
	out := make([]metric.Activation, len(maps))
	for i, m := range maps {
		a := metric.Activation{C: m.C, H: m.H, W: m.W, Data: make([]float32, len(m.Data))}
		for at := range m.H * m.W {
			for c := range m.C {
				a.Data[c*m.H*m.W+at] = m.Data[at*m.C+c]
			}
		}
		out[i] = a
	}
	return out
}
