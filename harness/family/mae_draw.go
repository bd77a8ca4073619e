package family

import (
	"fmt"
	"math"
	"math/rand/v2"

	"lethe/harness/data"
	"lethe/kernels"
	"lethe/layers/mae"
	"lethe/layers/rng"
)

// Draw implements Model: random masks, one a sample, shared by everything that
// looks at the sample.
func (m *MAE) Draw(d DrawSpec) (*Draw, error) {
	if err := checkOwnNoise(d.Noise); err != nil {
		return nil, err
	}
	g := m.Geometry()
	pixels := append(append([][]uint8{}, d.Retain...), d.Forget...)
	images := m.seen.images(len(pixels), 3, g.Size)
	if err := m.fill(images.Data, pixels); err != nil {
		return nil, err
	}
	masks := m.masks(d, g.Grid*g.Grid)
	if masks.Keep < 1 || masks.Keep >= masks.L {
		return nil, fmt.Errorf("mask ratio %g leaves %d of %d patches: want at least one visible and one removed", d.MaskRatio, masks.Keep, masks.L)
	}
	draw := &Draw{
		Retain: Group{0, len(d.Retain)},
		Forget: Group{len(d.Retain), len(d.Forget)},
		seen:   &maeBatch{images: images, masks: masks},
	}
	draw.noised = func() Batch {
		out := m.noised.images(len(pixels), 3, g.Size)
		m.drawNoise(out.Data, images.Data, d)
		return &maeBatch{images: out, masks: masks}
	}
	draw.swapped = func() Batch {
		out := m.swapped.images(len(pixels), 3, g.Size)
		one, retain := 3*g.Size*g.Size, len(d.Retain)
		copy(out.Data, images.Data[:retain*one])
		for i := range d.Forget {
			from := i % retain
			copy(out.Data[(retain+i)*one:][:one], images.Data[from*one:][:one])
		}
		return &maeBatch{images: out, masks: masks}
	}
	return draw, nil
}

// masks draws one uniform noise value a patch; the ascending order of the
// values is the shuffle order.
func (m *MAE) masks(d DrawSpec, l int) mae.Masking {
	n := len(d.Retain) + len(d.Forget)
	noise := make([]float32, n*l)
	for i := range n {
		r := rng.New(d.Seed, rng.Mask, uint64(d.Step), d.key(i))
		for j := range l {
			noise[i*l+j] = r.Float32()
		}
	}
	return mae.MaskFromNoise(noise, n, l, d.MaskRatio)
}

// key numbers sample i of the micro-batch within its step. Retain samples have
// even numbers and forget samples odd ones, so that the cut into micro-batches
// changes no number.
func (d DrawSpec) key(i int) uint64 {
	if i < len(d.Retain) {
		return 2 * uint64(d.First+i)
	}
	return 2*uint64(d.First+i-len(d.Retain)) + 1
}

// drawNoise copies the retain images and writes noise where the forget images
// are.
func (m *MAE) drawNoise(dst, images []float32, d DrawSpec) {
	retain, total := len(d.Retain), len(d.Retain)+len(d.Forget)
	one := len(images) / max(total, 1)
	copy(dst, images[:retain*one])
	forget := images[retain*one:]
	shape := m.noiseShape(images, forget, one, d.Noise)
	kernels.For(len(d.Forget), func(i int) {
		r := rng.New(d.Seed, rng.Noise, uint64(d.Step), d.key(retain+i))
		shape(dst[(retain+i)*one:][:one], r)
	})
}

// noiseShape returns the function that draws one noise image [3,H,W].
func (m *MAE) noiseShape(images, forget []float32, one int, kind Noise) func([]float32, *rand.Rand) {
	switch kind {
	case BatchNoise:
		mean, std := displayStats(images, one)
		return func(dst []float32, r *rand.Rand) {
			for i := range dst {
				c := i / (one / 3)
				v := min(max(r.NormFloat64()*std+mean, 0), 1)
				dst[i] = (float32(v) - data.ImageNetMean[c]) / data.ImageNetStd[c]
			}
		}
	case DiagForget:
		std := elementStd(forget, one)
		return func(dst []float32, r *rand.Rand) {
			for i := range dst {
				dst[i] = float32(r.NormFloat64()) * std[i]
			}
		}
	}
	return func(dst []float32, r *rand.Rand) {
		for i := range dst {
			dst[i] = float32(r.NormFloat64())
		}
	}
}

// displayStats is the scalar mean and deviation of a batch's pixels in [0,1].
func displayStats(images []float32, one int) (mean, std float64) {
	var sum, squares float64
	plane := one / 3
	for i, v := range images {
		c := i % one / plane
		p := float64(v*data.ImageNetStd[c] + data.ImageNetMean[c])
		sum += p
		squares += p * p
	}
	n := float64(len(images))
	mean = sum / n
	return mean, math.Sqrt(max(squares/n-mean*mean, 0))
}

// elementStd is the deviation of every element of the images over the images.
func elementStd(images []float32, one int) []float32 {
	n := len(images) / one
	std := make([]float32, one)
	for i := range one {
		var sum, squares float64
		for s := range n {
			v := float64(images[s*one+i])
			sum += v
			squares += v * v
		}
		mean := sum / float64(n)
		std[i] = float32(math.Sqrt(max(squares/float64(n)-mean*mean, 0)))
	}
	return std
}

// fill normalizes decoded pixels into dst [N,3,H,W].
func (m *MAE) fill(dst []float32, pixels [][]uint8) error {
	size := m.Geometry().Size
	one := 3 * size * size
	for i, p := range pixels {
		if len(p) != one {
			return fmt.Errorf("image %d has %d values, want %d for %dx%d RGB", i, len(p), one, size, size)
		}
	}
	kernels.For(len(pixels), func(i int) { m.Normalized(dst[i*one:][:one], pixels[i]) })
	return nil
}

// join stacks masks of equal size.
func join(masks []Mask, l int) (mae.Masking, error) {
	if len(masks) == 0 {
		return mae.Masking{}, fmt.Errorf("no masks")
	}
	keep := masks[0].Keep
	order := make([]int32, 0, len(masks)*l)
	for i, mk := range masks {
		if mk.Keep != keep || len(mk.Order) != l {
			return mae.Masking{}, fmt.Errorf("mask %d keeps %d of %d cells, the first one %d of %d", i, mk.Keep, len(mk.Order), keep, l)
		}
		if mk.Border != 0 {
			return mae.Masking{}, fmt.Errorf("mask %d removes a border of %d pixels, which is not whole patches; a masked autoencoder removes whole ones", i, mk.Border)
		}
		order = append(order, mk.Order...)
	}
	return mae.MaskFromOrder(order, len(masks), l, keep), nil
}
