package main

import (
	"errors"
	"fmt"

	"lethe/harness/checkpoint"
	"lethe/harness/data"
	"lethe/harness/family"
	"lethe/harness/reference"
)

// referenceRecordCmd is lethe reference record.
type referenceRecordCmd struct {
	Data  DataFlags `embed:"" group:"Images"`
	Model string    `help:"Preset or JSON file. Default: what the checkpoint says."`
	NormPixFlag
	Checkpoint  string       `required:"" help:"Weights to start from."`
	Task        string       `help:"What to record: unlearn (steps of method ours, with their losses and the weights after the last) or forward (one batch through the model)." enum:"unlearn,forward" default:"unlearn"`
	Steps       int          `help:"Steps of the task unlearn." default:"4"`
	Batch       int          `help:"Retain images a step, and as many forget images." default:"4"`
	Alpha       *float64     `help:"Weight of the forget term. Default: the family's."`
	Lr          *float64     `help:"Learning rate. Default: the family's."`
	WeightDecay *float64     `help:"Decoupled weight decay of matrices. Default: the family's."`
	Clip        float64      `help:"Bound on the global gradient norm; 0 does not clip." default:"0"`
	Eps         float64      `help:"Adam's eps. Below 1e-5 the rounding noise of gradients that are 0 in exact arithmetic becomes steps." default:"1e-5"`
	MaskRatio   *float64     `help:"Fraction of patches removed. Default: the family's."`
	Noise       family.Noise `help:"Forget target's noise image: gaussian, batch or diag-forget." enum:"gaussian,batch,diag-forget" default:"gaussian"`
	Seed        uint64       `help:"Seed of batches, masks and noise, as in lethe unlearn." default:"1"`
	Threads     int          `help:"Worker threads; 0 uses all cores." default:"0"`
	Out         string       `required:"" help:"Folder of the bundle; it must be new or empty."`
}

// Run records the batches that lethe unlearn draws under the same seed, and
// computes what is expected of them.
func (c *referenceRecordCmd) Run(a *app) error {
	s, err := newSession(a, c.Threads, PrecisionFlag{}) // what others are held against is f32
	if err != nil {
		return err
	}
	model, err := openModel(modelChoice{c.Model, c.NormPixLoss}, c.Checkpoint)
	if err != nil {
		return err
	}
	recorder, ok := model.(family.Recorder)
	if !ok {
		return usage("%s: no reference bundle is defined for %s", c.Checkpoint, family.KindOf(model.Family()).Title)
	}
	if err := c.resolve(model); err != nil {
		return err
	}
	images, err := c.Data.open(s, model.Geometry().Size, EvaluateFlags{})
	if err != nil {
		return err
	}
	r, err := c.recording(model)
	if err != nil {
		return err
	}
	if r.Inputs, err = c.inputs(model, recorder, images); err != nil {
		return err
	}
	if err := reference.Record(c.Out, r); err != nil {
		return referenceError(err)
	}
	s.say("%s: task %s of %s, %s", c.Out, c.Task, model.Name(), c.size())
	return nil
}

// resolve fills in the family's recipe and refuses numbers out of range.
func (c *referenceRecordCmd) resolve(m family.Model) error {
	r := recipeOf(m)
	for _, f := range []struct {
		given **float64
		own   float64
	}{{&c.Alpha, r.Alpha}, {&c.Lr, r.LearningRate}, {&c.WeightDecay, r.WeightDecay}} {
		if *f.given == nil {
			*f.given = &f.own
		}
	}
	return errors.Join(c.Data.check(), resolveMaskRatio(&c.MaskRatio, m), within(
		weight("alpha", *c.Alpha), rate("lr", *c.Lr), weight("weight-decay", *c.WeightDecay), weight("clip", c.Clip),
		rate("eps", c.Eps), least("steps", c.Steps, 1), least("batch", c.Batch, 1),
	))
}

// recording describes the bundle without its inputs.
func (c *referenceRecordCmd) recording(m family.Model) (reference.Recording, error) {
	config, err := m.Config()
	r := reference.Recording{Task: c.Task, Model: m.Family(), Config: config, Checkpoint: portableTensors(m), About: map[string]any{
		"recorded": map[string]any{"seed": c.Seed, "noise": c.Noise},
	}}
	if *c.MaskRatio > 0 {
		r.About["mask_ratio"] = *c.MaskRatio
	}
	if c.Task == "unlearn" {
		recipe := recipeOf(m)
		optimizer := map[string]any{
			"name": "adamw", "lr": *c.Lr, "betas": []float64{recipe.Beta1, recipe.Beta2}, "eps": c.Eps,
			"weight_decay": *c.WeightDecay, "alpha": *c.Alpha,
		}
		if c.Clip > 0 {
			optimizer["grad_clip"] = c.Clip
		}
		r.About["method"], r.About["steps"], r.About["optimizer"] = "ours", c.Steps, optimizer
		r.About["loss_reduction"] = "group-mean"
	}
	return r, err
}

// inputs draws the batches of the steps.
func (c *referenceRecordCmd) inputs(m family.Model, recorder family.Recorder, images *imageGroups) ([]checkpoint.Tensor, error) {
	retain := data.NewSampler(len(images.retain.Items), c.Batch, c.Seed, 0)
	forget := data.NewSampler(len(images.forget.Items), c.Batch, c.Seed, 1)
	draw := func(step int) (*family.Draw, error) {
		return m.Draw(family.DrawSpec{
			Retain: batchOf(images.retain, retain.Step(nil, step), variation{}),
			Forget: batchOf(images.forget, forget.Step(nil, step), variation{}),
			Seed:   c.Seed, Step: step, MaskRatio: *c.MaskRatio, Noise: c.Noise,
		})
	}
	if c.Task == "forward" {
		d, err := draw(0)
		if err != nil {
			return nil, err
		}
		return inputTensors(recorder.RecordForward(d)), nil
	}
	var steps [][]checkpoint.Tensor
	for step := range c.Steps {
		d, err := draw(step)
		if err != nil {
			return nil, err
		}
		steps = append(steps, inputTensors(recorder.RecordStep(d)))
	}
	return reference.Stack(steps), nil
}

func inputTensors(inputs []family.Input) []checkpoint.Tensor {
	var out []checkpoint.Tensor
	for _, in := range inputs {
		out = append(out, checkpoint.FromFloat32(in.Name, in.Shape, in.Data))
	}
	return out
}

// size says how much is recorded.
func (c *referenceRecordCmd) size() string {
	if c.Task == "forward" {
		return fmt.Sprintf("%d images", 2*c.Batch)
	}
	return fmt.Sprintf("%d steps of %d + %d images", c.Steps, c.Batch, c.Batch)
}
