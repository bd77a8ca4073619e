package family

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"

	"lethe/autodiff"
	"lethe/harness/data"
	"lethe/kernels"
	"lethe/layers/mage"
	"lethe/layers/rng"
)

// The masked fraction of a training step is drawn from a normal distribution
// cut off at its ends.
// Source: the released code (spec, section 1.6).
const (
	ratioMean, ratioDeviation = 0.55, 0.25
	ratioLeast, ratioMost     = 0.5, 1
)

// ratioKey is the sample number that a step's masked fraction is drawn under.
const ratioKey = 1 << 63

// Draw implements Model: half of the tokens of an image are dropped and, with
// MaskRatio 0, a fraction masked that the step draws; otherwise MaskRatio of
// them. Everything that looks at a sample shares its mask.
func (m *MAGE) Draw(d DrawSpec) (*Draw, error) {
	if err := checkOwnNoise(d.Noise); err != nil {
		return nil, err
	}
	if r := d.MaskRatio; !(r == 0 || r >= ratioLeast && r <= 1) {
		return nil, fmt.Errorf("mask ratio %g: want 0, which draws one for each step, or at least %g and at most 1", r, ratioLeast)
	}
	pixels := append(append([][]uint8{}, d.Retain...), d.Forget...)
	images := m.seen.images(len(pixels), 3, m.Geometry().Size)
	if err := fillUnit(images, pixels); err != nil {
		return nil, err
	}
	tokens := m.tokensOf(images)
	masks := m.masks(d)
	seen := &mageBatch{masks: masks, tokens: tokens, truth: tokens, images: func() *autodiff.Tensor { return images }}
	draw := &Draw{Retain: Group{0, len(d.Retain)}, Forget: Group{len(d.Retain), len(d.Forget)}, seen: seen}
	draw.noised = func() Batch {
		noise := sync.OnceValue(func() *autodiff.Tensor { return m.noiseImages(d, images) })
		return &mageBatch{masks: masks, tokens: m.noisedTokens(d, noise, tokens), truth: noisyLabels(d, tokens), images: noise}
	}
	draw.swapped = func() Batch {
		swapped := swappedTokens(d, tokens)
		return &mageBatch{masks: masks, tokens: swapped, truth: swapped}
	}
	return draw, nil
}

// masks draws one uniform noise value a token; those with the smallest are
// dropped and masked.
func (m *MAGE) masks(d DrawSpec) mage.Masking {
	n, l := len(d.Retain)+len(d.Forget), m.model.Config().Tokens()
	noise := make([]float32, n*l)
	for i := range n {
		r := rng.New(d.Seed, rng.Mask, uint64(d.Step), d.key(i))
		for j := range l {
			noise[i*l+j] = r.Float32()
		}
	}
	ratio := d.MaskRatio
	if ratio == 0 {
		ratio = truncatedNormal(rng.New(d.Seed, rng.Mask, uint64(d.Step), ratioKey))
	}
	dropped, masked := mage.Counts(l, ratio)
	return mage.MaskFromNoise(noise, n, l, dropped, masked)
}

// truncatedNormal draws a masked fraction.
func truncatedNormal(r *rand.Rand) float64 {
	for {
		if v := ratioMean + ratioDeviation*r.NormFloat64(); v >= ratioLeast && v <= ratioMost {
			return v
		}
	}
}

// noisedTokens has the tokens of noise images in the place of forget images.
// Those of the retain images are not computed again.
func (m *MAGE) noisedTokens(d DrawSpec, noise imageMaker, seen tokenizer) tokenizer {
	return once(func(tp *autodiff.Tape, model *mage.Model) []int32 {
		retain, forget := len(d.Retain), len(d.Forget)
		tokens := append([]int32(nil), seen(tp, model)...)
		if forget > 0 {
			copy(tokens[retain*len(tokens)/(retain+forget):], m.work.tokens(tp, model, noise()))
		}
		return tokens
	})
}

// noiseImages draws the noise images [F,3,H,W] of the forget images.
func (m *MAGE) noiseImages(d DrawSpec, images *autodiff.Tensor) *autodiff.Tensor {
	noise := m.noised.images(len(d.Forget), 3, m.Geometry().Size)
	if len(d.Forget) > 0 {
		drawUnitNoise(noise.Data, images.Data, d)
	}
	return noise
}

// swappedTokens has the tokens of retain images, taken cyclically, in the place
// of those of the forget images.
func swappedTokens(d DrawSpec, seen tokenizer) tokenizer {
	return once(func(tp *autodiff.Tape, m *mage.Model) []int32 {
		tokens := append([]int32(nil), seen(tp, m)...)
		retain, l := len(d.Retain), len(tokens)/(len(d.Retain)+len(d.Forget))
		for i := range d.Forget {
			copy(tokens[(retain+i)*l:][:l], tokens[i%retain*l:][:l])
		}
		return tokens
	})
}

// noisyLabels has random token numbers in the place of those of the forget
// images:
//
//	round(clamp(randn*s + m, 0, n_embed-1))    m, s: mean and deviation of the batch's token numbers
//
// Source: the released code of NOISY LABEL (spec, section 2).
func noisyLabels(d DrawSpec, seen tokenizer) tokenizer {
	return once(func(tp *autodiff.Tape, m *mage.Model) []int32 {
		tokens := append([]int32(nil), seen(tp, m)...)
		mean, std := tokenStats(tokens)
		retain, l := len(d.Retain), len(tokens)/(len(d.Retain)+len(d.Forget))
		last := float64(m.Config().VQGAN.NEmbed - 1)
		for i := range d.Forget {
			r := rng.New(d.Seed, rng.Noise, uint64(d.Step), d.key(retain+i))
			for j := range l {
				tokens[(retain+i)*l+j] = int32(math.RoundToEven(min(max(r.NormFloat64()*std+mean, 0), last)))
			}
		}
		return tokens
	})
}

// tokenStats is the mean and the unbiased deviation of token numbers.
func tokenStats(tokens []int32) (mean, std float64) {
	for _, token := range tokens {
		mean += float64(token)
	}
	mean /= float64(len(tokens))
	var squares float64
	for _, token := range tokens {
		squares += (float64(token) - mean) * (float64(token) - mean)
	}
	return mean, math.Sqrt(squares / float64(max(1, len(tokens)-1)))
}

// drawUnitNoise draws the noise images [F,3,H,W] of the forget images, in pixels.
// images are those of the whole batch.
//
// Gaussian is N(0,I) in the space that ImageNet's mean and deviation normalize,
// as for a masked autoencoder, so that its mean is the data's grey and not black;
// DiagForget has that mean too, and the deviation of each pixel over the forget
// images. Neither is clamped: the VQGAN takes any number. BatchNoise is the
// released code's and clamped.
func drawUnitNoise(dst, images []float32, d DrawSpec) {
	retain, forget := len(d.Retain), len(d.Forget)
	one := len(dst) / forget
	batchMean, batchStd := unitStats(images)
	var element []float32
	if d.Noise == DiagForget {
		element = elementStd(images[retain*one:], one)
	}
	kernels.For(forget, func(i int) {
		r := rng.New(d.Seed, rng.Noise, uint64(d.Step), d.key(retain+i))
		image := dst[i*one:][:one]
		for j := range image {
			c, v := j/(one/3), r.NormFloat64()
			switch d.Noise {
			case BatchNoise:
				image[j] = float32(min(max(v*batchStd+batchMean, 0), 1))
			case DiagForget:
				image[j] = float32(v)*element[j] + data.ImageNetMean[c]
			default:
				image[j] = float32(v)*data.ImageNetStd[c] + data.ImageNetMean[c]
			}
		}
	})
}

// unitStats is the scalar mean and deviation of a batch's pixels.
func unitStats(images []float32) (mean, std float64) {
	n := float64(len(images))
	mean = kernels.Sum(images) / n
	return mean, math.Sqrt(max(kernels.SumSquares(images)/n-mean*mean, 0))
}

// fillUnit writes decoded pixels [H,W,3] into images [N,3,H,W] in [0,1].
func fillUnit(images *autodiff.Tensor, pixels [][]uint8) error {
	size := images.Dim(2)
	one := 3 * size * size
	for i, p := range pixels {
		if len(p) != one {
			return fmt.Errorf("image %d has %d values, want %d for %dx%d RGB", i, len(p), one, size, size)
		}
	}
	kernels.For(len(pixels), func(i int) { unitPixels(images.Data[i*one:][:one], pixels[i]) })
	return nil
}
