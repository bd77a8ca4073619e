package reference

import (
	"lethe/autodiff"
	"lethe/autodiff/optim"
	"lethe/layers"
)

// optimizer is "optimizer" of bundle.json. An absent value has the default of
// PyTorch's class; lr and alpha have none.
type optimizer struct {
	Name        string     `json:"name"`
	LR          *float64   `json:"lr"`
	Betas       *[]float64 `json:"betas"`
	Eps         *float64   `json:"eps"`
	WeightDecay *float64   `json:"weight_decay"`
	Alpha       *float64   `json:"alpha"`     // weight of the forget term
	GradClip    *float64   `json:"grad_clip"` // largest global norm; absent, null or 0: no clipping
}

// trainer steps the trained tensors of a model.
type trainer struct {
	params []*autodiff.Tensor
	opt    optim.Optimizer
	lr     float32
	clip   float64
}

// trainer makes the trainable parameters ready to step. Decay applies to
// tensors of rank above 1 whose name does not end in .bias.
//
// Errors: an *InputError about a value that is absent or out of its range.
func (b *bundle) trainer(params []*layers.Param) (*trainer, error) {
	o := b.Optimizer
	if o == nil {
		return nil, b.refuse("task %s needs optimizer", b.Task)
	}
	if err := b.checkOptimizer(); err != nil {
		return nil, err
	}
	betas, defaultDecay := []float64{0.9, 0.999}, 0.0
	if o.Betas != nil {
		betas = *o.Betas
	}
	if o.Name == "adamw" {
		defaultDecay = 1e-2
	}
	layers.SetTrainable(params, true)
	decay, plain := layers.DecayGroups(params)
	groups := []optim.Group{
		{Params: decay, WeightDecay: float32(value(o.WeightDecay, defaultDecay))},
		{Params: plain},
	}
	config := optim.AdamConfig{Beta1: betas[0], Beta2: betas[1], Eps: value(o.Eps, 1e-8)}
	t := &trainer{params: append(decay, plain...), lr: float32(*o.LR), clip: value(o.GradClip, 0)}
	if o.Name == "adamw" {
		t.opt = optim.NewAdamW(groups, config)
	} else {
		t.opt = optim.NewAdam(groups, config)
	}
	return t, nil
}

func (b *bundle) checkOptimizer() error {
	o := b.Optimizer
	if o.Name != "adam" && o.Name != "adamw" {
		return b.refuse("optimizer name is %q, want adam or adamw", o.Name)
	}
	if o.LR == nil || o.Alpha == nil {
		return b.refuse("optimizer needs lr and alpha")
	}
	if o.Betas != nil {
		inside := func(beta float64) bool { return beta >= 0 && beta < 1 }
		if betas := *o.Betas; len(betas) != 2 || !inside(betas[0]) || !inside(betas[1]) {
			return b.refuse("optimizer betas are %v, want two numbers from 0 to below 1", betas)
		}
	}
	for _, limit := range []struct {
		name  string
		value float64
	}{
		{"lr", *o.LR}, {"eps", value(o.Eps, 0)},
		{"weight_decay", value(o.WeightDecay, 0)}, {"grad_clip", value(o.GradClip, 0)},
	} {
		if !(limit.value >= 0) {
			return b.refuse("optimizer %s is %v, want at least 0", limit.name, limit.value)
		}
	}
	return nil
}

// step clips, updates and forgets the gradients. It returns their global norm
// before clipping.
func (t *trainer) step() float64 {
	norm := optim.GlobalNorm(t.params)
	t.opt.Step(t.lr, optim.ClipScale(norm, t.clip))
	for _, p := range t.params {
		p.ZeroGrad()
	}
	return norm
}

// value returns *v, or otherwise when v is nil.
func value(v *float64, otherwise float64) float64 {
	if v == nil {
		return otherwise
	}
	return *v
}
