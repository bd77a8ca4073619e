package main

import (
	"crypto/sha256"
	"fmt"

	"lethe/autodiff"
	"lethe/autodiff/optim"
	"lethe/harness/data"
	"lethe/harness/family"
	"lethe/layers"
)

// weightsHash identifies a model's weights.
func weightsHash(m family.Model) string {
	h := sha256.New()
	for _, t := range modelTensors(m) {
		fmt.Fprintf(h, "%s%v", t.Name, t.Shape)
		h.Write(t.Data)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// valuesOf are the tensors of parameters.
func valuesOf(params []*layers.Param) []*autodiff.Tensor {
	out := make([]*autodiff.Tensor, len(params))
	for i, p := range params {
		out[i] = p.Value
	}
	return out
}

// adamEps is PyTorch's default.
const adamEps = 1e-8

// newAdamW is an optimizer with a family's betas that has done nothing yet.
// Vectors do not decay.
func newAdamW(params []*layers.Param, r family.Recipe, weightDecay float64) optim.Optimizer {
	decay, plain := layers.DecayGroups(params)
	return optim.NewAdamW([]optim.Group{
		{Params: decay, WeightDecay: float32(weightDecay)}, {Params: plain},
	}, optim.AdamConfig{Beta1: r.Beta1, Beta2: r.Beta2, Eps: adamEps})
}

// cautionWarmup warns of a run that ends before its learning rate has risen to
// what was asked.
func (s *session) cautionWarmup(warmup, steps int) {
	if warmup >= steps {
		s.warn("--warmup %d is not below the run's %d steps: the learning rate never rises to --lr", warmup, steps)
	}
}

// itemsHash identifies the images of a set in their order, which the batches
// depend on; data.Set.Manifest does not tell the order.
func itemsHash(s *data.Set) string {
	h := sha256.New()
	for _, it := range s.Items {
		h.Write(it.Hash[:])
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}
