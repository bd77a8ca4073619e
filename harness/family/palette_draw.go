package family

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"lethe/autodiff"
	"lethe/harness/data"
	"lethe/kernels"
	"lethe/layers/rng"
	"lethe/layers/unet"
)

// Draw implements Model: a hole, a noise level and noise a sample, shared by
// everything that looks at the sample. In the Noised batch the hole of a forget
// image is pure noise, which is all that the original sees of it (spec, section
// 1.4): Gaussian takes the noise of the Seen batch, as the released code does, and
// Fresh one that is independent of it. The other kinds are not defined here.
func (m *Palette) Draw(d DrawSpec) (*Draw, error) {
	if err := CheckNoise(d.Noise); err != nil {
		return nil, err
	}
	if d.Noise != Gaussian && d.Noise != Fresh {
		return nil, fmt.Errorf("noise %s: the hole of a diffusion model is filled with %s or %s noise", d.Noise, Gaussian, Fresh)
	}
	images := append(append([][]uint8{}, d.Retain...), d.Forget...)
	seen, err := m.draw(&m.seen, images, d)
	if err != nil {
		return nil, err
	}
	retain := len(d.Retain)
	noised := func() Batch {
		b := *seen
		b.x = autodiff.FromSlice(grown(&m.noised, seen.x.Len()), seen.x.Shape()...)
		if d.Noise == Fresh {
			b.noise = grown(&m.fresh, len(seen.noise))
			copy(b.noise, seen.noise)
			one := len(b.noise) / b.Len()
			kernels.For(len(d.Forget), func(i int) {
				i += retain
				r := rng.New(d.Seed, rng.Target, uint64(d.Step), d.key(i))
				for k := i * one; k < (i+1)*one; k++ {
					b.noise[k] = float32(r.NormFloat64())
				}
			})
		}
		b.look(func(i int) float32 {
			if i < retain {
				return b.gammas[i]
			}
			return 0
		})
		b.noise = seen.noise // what is to be predicted is what was added
		return &b
	}
	return &Draw{
		Retain: Group{0, retain}, Forget: Group{retain, len(d.Forget)},
		seen: seen, noised: noised, labelled: noised,
		swapped: func() Batch {
			other := append([][]uint8{}, d.Retain...)
			for i := range d.Forget {
				other = append(other, d.Retain[i%retain])
			}
			b, err := m.draw(&m.swapped, other, d)
			if err != nil {
				panic(err) // the same sizes were drawn before
			}
			return b
		},
	}, nil
}

// draw makes the batch of images under the random numbers of d.
func (m *Palette) draw(memory *paletteMemory, images [][]uint8, d DrawSpec) (*paletteBatch, error) {
	b, err := m.batch(memory, images)
	if err != nil {
		return nil, err
	}
	plane := b.size * b.size
	kernels.For(len(images), func(i int) {
		copy(b.hole[i*plane:], data.HybridMask(rng.New(d.Seed, rng.Mask, uint64(d.Step), d.key(i)), b.size))
		r := rng.New(d.Seed, rng.Noise, uint64(d.Step), d.key(i))
		b.gammas[i] = m.level(r)
		b.fill(i, r)
	})
	b.look(func(i int) float32 { return b.gammas[i] })
	return b, nil
}

// batch makes a batch of images; holes, levels and noise are still to be drawn.
func (m *Palette) batch(memory *paletteMemory, images [][]uint8) (*paletteBatch, error) {
	size := m.Geometry().Size
	values := 3 * size * size
	b := memory.batch(len(images), size)
	for i, im := range images {
		if len(im) != values {
			return nil, fmt.Errorf("image %d has %d values, want %d", i, len(im), values)
		}
		for k, v := range im {
			b.truth[i*values+k] = signed(v)
		}
	}
	return b, nil
}

// level draws a noise level: a step of the schedule but the first, and a level
// between it and the one before.
func (m *Palette) level(r *rand.Rand) float32 {
	g := m.model.Gammas()
	t := 1 + r.IntN(max(len(g)-1, 1))
	if t >= len(g) {
		return g[0]
	}
	return g[t] + r.Float32()*(g[t-1]-g[t])
}

// fill draws the noise of sample i, and what the condition shows in the hole.
func (b *paletteBatch) fill(i int, r *rand.Rand) {
	plane := b.size * b.size
	for p := i * plane; p < (i+1)*plane; p++ {
		for c := 3 * p; c < 3*p+3; c++ {
			b.noise[c] = float32(r.NormFloat64())
			b.cond[c] = b.truth[c]*(1-b.hole[p]) + b.hole[p]*float32(r.NormFloat64())
		}
	}
}

// look fills what the network sees of every sample at its level; level 0 is pure
// noise in the hole.
func (b *paletteBatch) look(level func(i int) float32) {
	plane := b.size * b.size
	for i := range b.Len() {
		part := func(x []float32) []float32 { return x[3*i*plane : 3*(i+1)*plane] }
		unet.Noisy(part(b.noisy), part(b.truth), part(b.noise), b.hole[i*plane:(i+1)*plane], level(i))
	}
	unet.Join(b.x.Data, b.cond, 3, b.noisy, 3)
}

// Prepare implements Model. The noise is keyed by the pixels: an image gets the
// same from every model.
func (m *Palette) Prepare(pixels [][]uint8, masks []Mask) (Batch, error) {
	if len(pixels) != len(masks) {
		return nil, fmt.Errorf("%d images with %d masks", len(pixels), len(masks))
	}
	g := m.Geometry()
	for i, mask := range masks {
		if err := mask.check(g); err != nil {
			return nil, fmt.Errorf("mask %d %w", i, err)
		}
	}
	b, err := m.batch(&m.seen, pixels)
	if err != nil {
		return nil, err
	}
	plane := b.size * b.size
	gammas := m.model.Gammas()
	for i, mask := range masks {
		mask.spread(b.hole[i*plane:][:plane], g)
		b.gammas[i] = gammas[len(gammas)/2]
		b.fill(i, rng.New(pixelKey(pixels[i]), rng.Eval, 0, 0))
	}
	b.look(func(i int) float32 { return b.gammas[i] })
	return b, nil
}

// pixelKey is a number that tells images apart (FNV-1a).
func pixelKey(pixels []uint8) uint64 {
	key := uint64(14695981039346656037)
	for _, v := range pixels {
		key = (key ^ uint64(v)) * 1099511628211
	}
	return key
}

// Complete implements Model. The feature map is that of the middle block, at a
// noise level in the middle of the schedule.
func (m *Palette) Complete(tp *autodiff.Tape, b Batch) Completion {
	pb := b.(*paletteBatch)
	n := pb.Len()
	filled := m.model.SampleStrided(tp, unet.Hole{
		N: n, H: pb.size, W: pb.size, Truth: pb.truth, Cond: pb.cond, Start: pb.cond, Mask: pb.hole,
	}, m.steps)
	maps := m.model.Encode(tp, pb.x, pb.gammas).Maps
	middle := maps[len(maps)-1]
	return Completion{
		Input: firstChannels(pb.truth, n, pb.size), Predicted: firstChannels(filled, n, pb.size), Removed: pb.hole,
		Features: middle.Data, FeatureLen: middle.Len() / n,
	}
}

// RecordStep implements Recorder.
func (m *Palette) RecordStep(d *Draw) []Input {
	b := d.Seen().(*paletteBatch)
	n, labels := b.Len(), make([]float32, b.Len())
	for i := range labels {
		labels[i] = float32(math.Copysign(1, float64(d.Forget.First-i)-0.5))
	}
	images := func(name string, x []float32) Input {
		return Input{name, []int{n, 3, b.size, b.size}, firstChannels(x, n, b.size)}
	}
	return []Input{
		images("y_0", b.truth), images("y_cond", b.cond), images("noise", b.noise),
		{"mask", []int{n, 1, b.size, b.size}, slices.Clone(b.hole)},
		{"gammas", []int{n, 1}, slices.Clone(b.gammas)}, {"labels", []int{n}, labels},
	}
}

// RecordForward implements Recorder.
func (m *Palette) RecordForward(d *Draw) []Input {
	b := d.Seen().(*paletteBatch)
	return []Input{
		{"x", []int{b.Len(), 6, b.size, b.size}, firstChannels(b.x.Data, b.Len(), b.size)},
		{"gammas", []int{b.Len(), 1}, slices.Clone(b.gammas)},
	}
}
