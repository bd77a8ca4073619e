package mage

import (
	"math"
	"math/rand/v2"
	"slices"

	"lethe/autodiff"
	"lethe/layers/rng"
)

// Sampling says how Sample fills in tokens.
type Sampling struct {
	// Steps is the number of steps that fill in a whole image; where a part of
	// it is known the first ones have nothing to do and are skipped.
	Steps int
	// Temperature scales the Gumbel noise on the confidence of the first step;
	// it falls to 0 in a line.
	Temperature float64
	// Seed keys the draws. Every image gets the same, so that it does not
	// matter in which company it is completed.
	Seed uint64
}

// PublishedSampling returns what the authors' code completes images with.
// Source: the project's specification, section 1.7 (20 steps, 6.0, seed 0).
func PublishedSampling() Sampling { return Sampling{Steps: 20, Temperature: 6, Seed: 0} }

// Sampled is what Sample made of n images.
type Sampled struct {
	Tokens []int32   // [n,L] nothing unknown
	Latent []float32 // [n,1+L,D] the encoder's first view, unknown tokens masked and none dropped
	Steps  []int     // [n] forward passes that each image took
}

// Sample fills in the unknown tokens (1 in unknown [n,L]) step by step. Step s of
// S predicts every unknown token, draws one for each place, and keeps those it
// is surest of:
//
//	ratio      = (s+1)/S
//	next       = floor(L cos(pi/2 ratio))           tokens that stay unknown, at least 1 and fewer than before
//	confidence = log p(drawn) + Temperature (1-ratio) Gumbel
//
// where the next with the least confidence stay unknown; the last step keeps
// all. A step whose cosine is at least the fraction that is unknown is skipped.
//
// Panics: a length is not n*L.
// Source: Chang et al. 2022 (arXiv:2202.04200), section 3.2, as in the authors'
// code.
func (m *Model) Sample(tp *autodiff.Tape, tokens []int32, unknown []float32, n int, o Sampling) Sampled {
	l := m.cfg.Tokens()
	need("Sample", "len(tokens)", []int{len(tokens)}, n*l)
	need("Sample", "len(unknown)", []int{len(unknown)}, n*l)
	s := sampler{
		m: m, tp: tp, o: o, l: l, tokens: slices.Clone(tokens), unknown: slices.Clone(unknown),
		latent: make([]float32, n*(1+l)*m.cfg.EmbedDim), steps: make([]int, n),
	}
	for step := range o.Steps {
		var active []int
		for i := range n {
			if rate := float64(s.count(i)) / float64(l); s.cosine(step) < rate {
				active = append(active, i)
			}
		}
		if len(active) > 0 {
			s.step(step, active)
		}
	}
	s.rest(n)
	return Sampled{Tokens: s.tokens, Latent: s.latent, Steps: s.steps}
}

// sampler is the state of Sample.
type sampler struct {
	m       *Model
	tp      *autodiff.Tape
	o       Sampling
	l       int
	tokens  []int32
	unknown []float32
	latent  []float32
	steps   []int
}

// ratio returns which part of the steps is done after a step.
func (s *sampler) ratio(step int) float64 { return float64(step+1) / float64(s.o.Steps) }

// cosine returns the fraction of tokens that stay unknown after a step.
func (s *sampler) cosine(step int) float64 { return math.Cos(math.Pi / 2 * s.ratio(step)) }

// count returns how many tokens of image i are unknown.
func (s *sampler) count(i int) int {
	n := 0
	for _, u := range s.unknown[i*s.l:][:s.l] {
		n += int(u)
	}
	return n
}

// view gathers tokens and masks of some images.
func (s *sampler) view(images []int) (tokens []int32, mk Masking) {
	mk = Masking{N: len(images), L: s.l, Kept: s.l, Dropped: make([]float32, len(images)*s.l)}
	for _, i := range images {
		tokens = append(tokens, s.tokens[i*s.l:][:s.l]...)
		mk.Masked = append(mk.Masked, s.unknown[i*s.l:][:s.l]...)
	}
	return tokens, mk
}

// step takes one step of the active images.
func (s *sampler) step(step int, active []int) {
	tokens, mk := s.view(active)
	s.tp.Frozen(func() *autodiff.Tensor {
		latent := s.m.Encode(s.tp, tokens, mk)
		s.look(latent, active)
		logits := s.m.Decode(s.tp, latent, mk)
		vocabulary := s.m.cfg.Vocabulary()
		for at, i := range active {
			rows := logits.Data[(at*(1+s.l)+1)*vocabulary:][:s.l*vocabulary]
			s.choose(step, i, func(j int) []float32 { return rows[j*vocabulary:][:s.m.cfg.VQGAN.NEmbed] })
			s.steps[i]++
		}
		return nil
	})
}

// look stores the latent of the images that were not looked at before.
func (s *sampler) look(latent *autodiff.Tensor, images []int) {
	one := latent.Len() / len(images)
	for at, i := range images {
		if s.steps[i] == 0 {
			copy(s.latent[i*one:][:one], latent.Data[at*one:][:one])
		}
	}
}

// rest looks at the images that had nothing to fill in.
func (s *sampler) rest(n int) {
	var images []int
	for i := range n {
		if s.steps[i] == 0 {
			images = append(images, i)
		}
	}
	if len(images) == 0 {
		return
	}
	tokens, mk := s.view(images)
	s.tp.Frozen(func() *autodiff.Tensor {
		s.look(s.m.Encode(s.tp, tokens, mk), images)
		return nil
	})
}

// choose draws a token for every unknown place of image i and forgets those it
// is least sure of.
func (s *sampler) choose(step, i int, logits func(place int) []float32) {
	tokens, unknown := s.tokens[i*s.l:][:s.l], s.unknown[i*s.l:][:s.l]
	left := 0
	if step+1 < s.o.Steps {
		next := int(math.Floor(float64(s.l) * s.cosine(step)))
		left = max(1, min(s.count(i)-1, next))
	}
	temperature := s.o.Temperature * (1 - s.ratio(step))
	r := rng.New(s.o.Seed, rng.Sample, uint64(step), 0)
	confidence := make([]float64, s.l)
	var places []int
	for j := range s.l { // a known place draws too, so that a place's draws do not depend on the hole
		pick, gumbel := r.Float64(), -math.Log(-math.Log(openUniform(r)))
		if unknown[j] == 0 {
			continue
		}
		var logP float64
		tokens[j], logP = classAt(logits(j), pick)
		confidence[j] = logP + temperature*gumbel
		places = append(places, j)
	}
	slices.SortStableFunc(places, func(a, b int) int {
		switch {
		case confidence[a] < confidence[b]:
			return -1
		case confidence[a] > confidence[b]:
			return 1
		}
		return 0
	})
	for _, j := range places[left:] {
		unknown[j] = 0
	}
}

// openUniform draws from (0,1).
func openUniform(r *rand.Rand) float64 {
	for {
		if u := r.Float64(); u > 0 {
			return u
		}
	}
}

// classAt returns the class that the uniform number u in [0,1) falls on, and the
// logarithm of its probability.
func classAt(logits []float32, u float64) (class int32, logP float64) {
	most := float64(slices.Max(logits))
	var total float64
	for _, v := range logits {
		total += math.Exp(float64(v) - most)
	}
	var sum float64
	class = int32(len(logits) - 1) // when rounding leaves sum a little below u*total
	for i, v := range logits {
		if sum += math.Exp(float64(v) - most); sum > u*total {
			class = int32(i)
			break
		}
	}
	return class, float64(logits[class]) - most - math.Log(total)
}
