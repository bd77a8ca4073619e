package layers

import (
	"math"
	"math/rand/v2"

	"lethe/layers/rng"
)

// Start says what a parameter holds before training from scratch.
type Start uint8

// The ways to start.
const (
	StartZero   Start = iota // 0: biases
	StartOne                 // 1: scales of normalizations
	StartXavier              // XavierUniform: weights of products
	StartToken               // normal, mean 0, deviation TokenDeviation: learned tokens
	StartKept                // as it is: computed when the model is made, not drawn
	StartFanIn               // FanInUniform: weights and biases as PyTorch's layers draw them
)

// TokenDeviation is the deviation of learned tokens at the start.
// Source: the masked autoencoder's reference code (std 0.02).
const TokenDeviation = 0.02

// Init fills every parameter of the set as its Start says. Each draws from a
// generator of its own, keyed by its position in the list.
func (s *Set) Init(seed uint64) {
	for i, spec := range s.specs {
		data := s.params[i].Value.Data
		r := rng.New(seed, rng.Init, 0, uint64(i))
		switch spec.Start {
		case StartZero:
			clear(data)
		case StartOne:
			for j := range data {
				data[j] = 1
			}
		case StartXavier:
			XavierUniform(data, spec.Shape[0], spec.Len()/spec.Shape[0], r)
		case StartToken:
			Normal(data, TokenDeviation, r)
		case StartFanIn:
			fan := spec.Fan
			if fan == 0 {
				fan = spec.Len() / spec.Shape[0]
			}
			FanInUniform(data, fan, r)
		}
	}
}

// XavierUniform fills dst from the uniform distribution on (-a, a) with
//
//	a = sqrt(6/(fanIn+fanOut))
//
// A convolution that cuts an image into patches counts as the product it is:
// fanIn is channels*patch*patch.
//
// Source: Glorot, Bengio 2010 (AISTATS), eq. 16.
func XavierUniform(dst []float32, fanOut, fanIn int, r *rand.Rand) {
	bound := math.Sqrt(6 / float64(fanIn+fanOut))
	for i := range dst {
		dst[i] = float32(bound * (2*r.Float64() - 1))
	}
}

// FanInUniform fills dst from the uniform distribution on (-a, a) with
//
//	a = 1/sqrt(fanIn)
//
// Source: the defaults of torch.nn.Linear and torch.nn.Conv2d, weight and bias.
func FanInUniform(dst []float32, fanIn int, r *rand.Rand) {
	bound := 1 / math.Sqrt(float64(fanIn))
	for i := range dst {
		dst[i] = float32(bound * (2*r.Float64() - 1))
	}
}

// Normal fills dst from the normal distribution with mean 0.
func Normal(dst []float32, deviation float64, r *rand.Rand) {
	for i := range dst {
		dst[i] = float32(deviation * r.NormFloat64())
	}
}
