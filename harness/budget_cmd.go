package main

import (
	"lethe/autodiff/optim"
	"lethe/harness/family"
	"lethe/harness/stage"
	"lethe/harness/train"
	"lethe/harness/unlearn"
	"lethe/layers"
	"lethe/layers/rng"
)

// budgetCmd is lethe budget.
type budgetCmd struct {
	Model   string `help:"Preset or a JSON file of constructor arguments." default:"mae_vit_base_patch16"`
	Method  string `help:"Unlearning method; lethe methods lists them." default:"ours"`
	Images  int    `help:"Retain images a step, and as many forget images." default:"8"`
	Steps   int    `help:"Steps that are measured, after one that is not." default:"5"`
	Seed    uint64 `help:"Seed of weights and images, both random." default:"1"`
	Threads int    `help:"Worker threads; 0 uses all cores." default:"0"`
	PrecisionFlag
	CPUProfile string `name:"cpu-profile" aliases:"cpuprofile" help:"Write a profile for go tool pprof to this file, with the labels stage and op. The labels cost time, which the table then has in it." placeholder:"FILE"`
}

// Run takes steps of unlearning on noise and prints where their time went.
func (c *budgetCmd) Run(a *app) error {
	if err := within(least("images", c.Images, 1), least("steps", c.Steps, 1)); err != nil {
		return err
	}
	method, err := unlearn.Find(c.Method)
	if err != nil {
		return usage("--method: %w", err)
	}
	s, err := newSession(a, c.Threads, c.PrecisionFlag)
	if err != nil {
		return err
	}
	original, err := newModel(modelChoice{name: c.Model})
	if err != nil {
		return usage("%v", err)
	}
	if recipeOf(original).LearningRate == 0 {
		return usage("--model %s: %s is pretrained and then frozen, there is nothing to unlearn in it", c.Model, family.KindOf(original.Family()).Title)
	}
	stop, err := WatchFlags{Budget: true, CPUProfile: c.CPUProfile}.watch(s)
	if err != nil {
		return err
	}
	defer stop()
	s.say("lethe budget: a step of %s on %s, %d + %d images, %s", method.Name, original.Name(), c.Images, c.Images, s.machine())
	s.say("  %s", s.arithmetic())
	loop, err := c.loop(s, method, original)
	if err != nil {
		return err
	}
	roofs, err := c.measure(s, loop)
	if err != nil {
		return err
	}
	return stage.WriteBudget(a.out, s.ops.Summary(), roofs)
}

// measure runs the loop and adds up its steps, all but the first, which brings
// memory in.
func (c *budgetCmd) measure(s *session, loop *train.Loop) (stage.Roofs, error) {
	roofs := s.roofs()
	loop.OnStep = func(r train.Record) error {
		if r.Step == 0 {
			s.ops.Reset()
			return nil
		}
		roofs.Steps++
		roofs.Seconds += r.Seconds
		return nil
	}
	if _, err := loop.Run(s.ctx, 0); err != nil {
		return roofs, err
	}
	roofs.Memory = s.memory()
	return roofs, nil
}

// loop is the training loop of lethe unlearn on random weights and noise.
func (c *budgetCmd) loop(s *session, method unlearn.Method, original family.Model) (*train.Loop, error) {
	original.Init(c.Seed)
	student, err := original.Clone(method.Trains.Owned(original))
	if err != nil {
		return nil, err
	}
	if u, ok := student.(family.Untier); ok && method.Trains == unlearn.EncoderOnly {
		u.Untie()
	}
	trained := method.Trains.Trained(student)
	layers.SetTrainable(trained, true)
	recipe, tape := recipeOf(original), s.newTape()
	method.Trains.Freeze(original, tape.Precision())
	images := c.noise(original.Geometry().Size)
	timer := func(name string) func() {
		stop, before := s.clock.Start(name), tape.FLOPs()
		return func() { stop((tape.FLOPs() - before) / 1e9) }
	}
	return &train.Loop{
		Tape: tape, Params: valuesOf(trained), Optimizer: newAdamW(trained, recipe, recipe.WeightDecay), Schedule: optim.Constant(recipe.LearningRate),
		Steps: c.Steps + 1, StepsPerEpoch: 1, Shares: train.Shares(train.Cut(c.Images, 0)), Clock: s.clock, Ops: s.ops,
		Micro: func(step, _ int) (train.Losses, error) {
			stop := s.clock.Start(stage.Batch)
			draw, err := original.Draw(family.DrawSpec{
				Retain: images[:c.Images], Forget: images[c.Images:], Seed: c.Seed, Step: step, MaskRatio: recipe.MaskRatio, Noise: family.Gaussian,
			})
			stop(0)
			if err != nil {
				return train.Losses{}, err
			}
			out := method.Losses(&unlearn.Step{
				Tape: tape, Student: student, Original: original, Draw: draw, Number: step, Time: timer,
				Options: unlearn.Options{Alpha: recipe.Alpha, Reduction: unlearn.MSE, Seed: c.Seed},
			})
			return train.Losses{Total: out.Total, Retain: out.Retain, Forget: out.Forget}, nil
		},
	}, nil
}

// noise is the pixels of the images of a step, retain first.
func (c *budgetCmd) noise(size int) [][]uint8 {
	r := rng.New(c.Seed, rng.Noise, 0, 0)
	out := make([][]uint8, 2*c.Images)
	for i := range out {
		out[i] = make([]uint8, 3*size*size)
		for j := range out[i] {
			out[i][j] = uint8(r.UintN(256))
		}
	}
	return out
}
