package pretrained

import (
	"fmt"
	"math"

	"lethe/autodiff"
	"lethe/layers"
)

// ConvShape is the shape of a bank of filters, [Out,In,KH,KW] in state dicts.
type ConvShape struct{ Out, In, KH, KW int }

// Square is a bank of k x k filters.
func Square(out, in, k int) ConvShape { return ConvShape{out, in, k, k} }

// Geometry is a stride and a padding alike in both directions.
func Geometry(stride, pad int) autodiff.ConvOptions {
	return autodiff.ConvOptions{StrideH: stride, StrideW: stride, PadH: pad, PadW: pad}
}

// Conv finds a convolution with a bias: weight [Out,In,KH,KW], bias [Out].
func (w *Weights) Conv(prefix string, s ConvShape, o autodiff.ConvOptions) layers.Conv {
	c := w.ConvBare(prefix, s, o)
	c.Bias = w.Tensor(prefix+".bias", s.Out)
	return c
}

// ConvBare finds a convolution without a bias.
func (w *Weights) ConvBare(prefix string, s ConvShape, o autodiff.ConvOptions) layers.Conv {
	ones := make([]float64, s.Out)
	for i := range ones {
		ones[i] = 1
	}
	return layers.Conv{Weight: w.factor(channelsLast(w.Take(prefix+".weight", s.Out, s.In, s.KH, s.KW), s, ones)), Options: o}
}

// ConvNorm finds a convolution without a bias and the batch norm behind it, and
// folds them into one with a bias:
//
//	weight' = weight * gamma/sqrt(var+eps),  bias' = beta - mean*gamma/sqrt(var+eps)
//
// Keys: conv.weight [Out,In,KH,KW]; norm.{weight,bias,running_mean,running_var} [Out].
// Units: eps is added to the variance.
// Numerics: folded in float64 and rounded once.
// Source: Ioffe, Szegedy 2015 (arXiv:1502.03167), algorithm 2.
func (w *Weights) ConvNorm(conv, norm string, s ConvShape, eps float64, o autodiff.ConvOptions) layers.Conv {
	weight := w.Take(conv+".weight", s.Out, s.In, s.KH, s.KW)
	gamma, beta := w.Take(norm+".weight", s.Out), w.Take(norm+".bias", s.Out)
	mean, variance := w.Take(norm+".running_mean", s.Out), w.Take(norm+".running_var", s.Out)
	scale, bias := make([]float64, s.Out), autodiff.New(s.Out)
	for i := range scale {
		if variance[i] < 0 {
			w.misfit.Bad = append(w.misfit.Bad, fmt.Sprintf("%s.running_var has %v at element %d", norm, variance[i], i))
			break
		}
		scale[i] = float64(gamma[i]) / math.Sqrt(float64(variance[i])+eps)
		bias.Data[i] = float32(float64(beta[i]) - float64(mean[i])*scale[i])
	}
	return layers.Conv{Weight: w.factor(channelsLast(weight, s, scale)), Bias: bias, Options: o}
}

// channelsLast scales the filters [Out,In,KH,KW] and lays them out as
// [Out,KH,KW,In].
func channelsLast(weight []float32, s ConvShape, scale []float64) *autodiff.Tensor {
	t := autodiff.New(s.Out, s.KH, s.KW, s.In)
	taps := s.KH * s.KW
	for o := range s.Out {
		for c := range s.In {
			for tap := range taps {
				t.Data[(o*taps+tap)*s.In+c] = float32(float64(weight[(o*s.In+c)*taps+tap]) * scale[o])
			}
		}
	}
	return t
}

// ConvRelu is a convolution with the positive part of its output.
func ConvRelu(tp *autodiff.Tape, c layers.Conv, x *autodiff.Tensor) *autodiff.Tensor {
	return c.Fused(tp, x, autodiff.ConvEnds{Relu: true})
}

// Chain is convolutions one behind the other, each with the positive part.
type Chain []layers.Conv

// Forward maps x through the chain.
func (c Chain) Forward(tp *autodiff.Tape, x *autodiff.Tensor) *autodiff.Tensor {
	for _, conv := range c {
		x = ConvRelu(tp, conv, x)
	}
	return x
}
