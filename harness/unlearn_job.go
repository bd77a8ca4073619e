package main

import (
	"fmt"
	"time"

	"lethe/autodiff"
	"lethe/autodiff/optim"
	"lethe/harness/data"
	"lethe/harness/evaluate"
	"lethe/harness/family"
	"lethe/harness/progress"
	"lethe/harness/stage"
	"lethe/harness/train"
	"lethe/harness/unlearn"
	"lethe/layers"
)

// The AdamW settings of every method (spec, section 1.6).
const (
	beta1   = 0.9
	beta2   = 0.95
	adamEps = 1e-8
)

// unlearnJob is one run of one method.
type unlearnJob struct {
	*session
	cmd      *unlearnCmd
	method   unlearn.Method
	settings settings
	original family.Model
	student  family.Model
	images   *imageGroups
	config   []byte

	dir     runDir
	tape    *autodiff.Tape
	trained []*layers.Param
	opt     optim.Optimizer
	cut     []int
	retain  *data.Sampler
	forget  *data.Sampler
	epoch   int // steps of a pass over the larger side
	log     *stepLog
	line    *progress.Line
	steps   int
}

// run trains, saves, evaluates and reports.
func (j *unlearnJob) run() error {
	began := time.Now()
	evalOptions, err := j.cmd.Evaluation.options(j.original.Geometry().Grid)
	if err != nil {
		return &exitError{2, err}
	}
	if j.settings.Alpha == 0 {
		j.warn("alpha is 0: nothing will be forgotten")
	}
	if j.dir, err = newRunDir(j.cmd.Out, j.cmd.Resume, j.cmd.Force); err != nil {
		return err
	}
	if err := j.dir.write("config.yaml", j.config); err != nil {
		return err
	}
	if err := j.prepare(); err != nil {
		return err
	}
	asked := j.asked()
	first := 0
	if j.cmd.Resume {
		if first, err = loadState(j.dir, j.trained, j.opt, asked); err != nil {
			return err
		}
	}
	j.announce(first)
	if err := j.train(first, asked); err != nil {
		return err
	}
	stop := j.clock.Start(stage.Checkpoint)
	err = saveModel(j.dir, j.student, j.cmd.SavePth, map[string]string{"lethe.method": j.method.Name, "lethe.seed": fmt.Sprint(j.cmd.Seed)})
	stop(0)
	if err != nil {
		return err
	}
	result, pictures, err := j.evaluate(evalOptions)
	if err != nil {
		return err
	}
	return j.finish(result, pictures, time.Since(began))
}

// prepare builds the student, the optimizer and the schedule of batches.
func (j *unlearnJob) prepare() error {
	var err error
	if j.student, err = j.original.Clone(); err != nil {
		return err
	}
	j.tape = autodiff.NewTape()
	j.trained = j.method.Trains.Trained(j.student)
	layers.SetTrainable(j.trained, true)
	decay, plain := layers.DecayGroups(j.trained)
	j.opt = optim.NewAdamW([]optim.Group{
		{Params: decay, WeightDecay: float32(j.settings.WeightDecay)}, {Params: plain},
	}, optim.AdamConfig{Beta1: beta1, Beta2: beta2, Eps: adamEps})
	j.cut = train.Cut(j.cmd.Batch, j.cmd.MicroBatch)
	j.retain = data.NewSampler(len(j.images.retain.Items), j.cmd.Batch, j.cmd.Seed, 0)
	j.forget = data.NewSampler(len(j.images.forget.Items), j.cmd.Batch, j.cmd.Seed, 1)
	j.epoch = max(j.retain.StepsPerEpoch(), j.forget.StepsPerEpoch())
	j.steps = j.cmd.Steps
	if j.steps == 0 {
		j.steps = j.settings.Epochs * j.epoch
	}
	return nil
}

// asked hashes everything that the trained weights depend on.
func (j *unlearnJob) asked() string {
	c := *j.cmd
	c.RunFlags = RunFlags{Seed: c.Seed}
	c.Evaluation, c.SavePth, c.Data, c.Alpha, c.Lr, c.WeightDecay = EvaluateFlags{}, false, DataFlags{}, nil, nil, nil
	c.Checkpoint = ""
	return fingerprint(c, j.settings, j.images.retain.Manifest(), j.images.forget.Manifest(), weightsHash(j.original))
}

// announce says what is about to happen.
func (j *unlearnJob) announce(first int) {
	j.say("lethe unlearn: %s on %s, %s", j.method.Name, j.original.Name(), j.machine())
	j.say("  retain  %d images: %s", len(j.images.retain.Items), classNames(j.images.retain))
	j.say("  forget  %d images: %s", len(j.images.forget.Items), classNames(j.images.forget))
	j.say("  %d steps of %d + %d images, alpha %g, lr %g, %s", j.steps, j.cmd.Batch, j.cmd.Batch, j.settings.Alpha, j.settings.LearningRate, j.method.Trains)
	if first > 0 {
		j.say("  resumed at step %d", first)
	}
}

// train runs the loop.
func (j *unlearnJob) train(first int, asked string) (err error) {
	if j.log, err = openLog(j.dir, first); err != nil {
		return err
	}
	defer j.log.close()
	j.line = j.session.line("unlearn", j.steps, first, "step")
	defer j.line.End()
	loop := &train.Loop{
		Tape: j.tape, Params: valuesOf(j.trained), Optimizer: j.opt, Clip: j.cmd.Clip,
		Schedule: schedule(j.cmd.Schedule, j.settings.LearningRate, j.cmd.Warmup, j.steps),
		Steps:    j.steps, StepsPerEpoch: j.epoch, Shares: train.Shares(j.cut),
		Micro: j.micro, Clock: j.clock, OnStep: j.onStep, SaveEvery: j.cmd.CheckpointEvery,
		Save: func(next int) error {
			if err := j.log.flush(); err != nil {
				return err
			}
			return saveState(j.dir, j.trained, j.opt, next, asked)
		},
	}
	next, err := loop.Run(j.ctx, first)
	j.line.End()
	return stopped(err, j.dir, loop, next)
}

// schedule is the learning rate over the steps.
func schedule(kind string, lr float64, warmup, steps int) optim.Schedule {
	if kind == "cosine" || warmup > 0 {
		s := optim.WarmupCosine{Base: float32(lr), Warmup: warmup, Total: steps}
		if kind != "cosine" {
			s.Min = float32(lr)
		}
		return s
	}
	return optim.Constant(lr)
}

// micro draws micro-batch i of a step and records the method's losses.
func (j *unlearnJob) micro(step, i int) (train.Losses, error) {
	stop := j.clock.Start(stage.Batch)
	from, to := j.cut[i], j.cut[i+1]
	retain, forget := j.retain.Step(nil, step)[from:to], j.forget.Step(nil, step)[from:to]
	draw, err := j.original.Draw(family.DrawSpec{
		Retain: batchOf(j.images.retain, retain, j.vary(step, 2*from)),
		Forget: batchOf(j.images.forget, forget, j.vary(step, 2*from+1)),
		Seed:   j.cmd.Seed, Step: step, First: from,
		MaskRatio: j.cmd.MaskRatio, Noise: j.cmd.Noise,
	})
	stop(0)
	if err != nil {
		return train.Losses{}, err
	}
	out := j.method.Losses(&unlearn.Step{
		Tape: j.tape, Student: j.student, Original: j.original, Draw: draw,
		Number: step, First: j.cut[i], Time: j.timer,
		Options: unlearn.Options{
			Alpha: j.settings.Alpha, Reduction: unlearn.Reduction(j.cmd.Reduction),
			UnitNoise: j.cmd.UnitNoise, Seed: j.cmd.Seed,
		},
	})
	return train.Losses{Total: out.Total, Retain: out.Retain, Forget: out.Forget}, nil
}

// vary keys the crop and flip of samples first, first+2, ... of a step.
func (j *unlearnJob) vary(step, first int) variation {
	v := variation{seed: j.cmd.Seed, step: step, first: first, stride: 2}
	if j.cmd.Augment {
		v.augment = data.Augment{ScaleMin: 0.2, ScaleMax: 1, Flip: true}
	}
	return v
}

// timer times a stage with the arithmetic that the tape counted in it.
func (j *unlearnJob) timer(name string) func() {
	stop, before := j.clock.Start(name), j.tape.FLOPs()
	return func() { stop((j.tape.FLOPs() - before) / 1e9) }
}

func (j *unlearnJob) onStep(r train.Record) error {
	j.line.Step(r.Step+1, progress.Field{Label: "retain", Value: short(r.Retain)}, progress.Field{Label: "forget", Value: short(r.Forget)})
	return j.log.keep(r)
}

func short(v float64) string { return fmt.Sprintf("%.4g", v) }

// evaluate measures the original and the student.
func (j *unlearnJob) evaluate(o evaluate.Options) (evaluate.Result, []evaluate.Picture, error) {
	stop := j.clock.Start(stage.Evaluation)
	defer func() { stop(0) }()
	groups := j.images.evaluated()
	total := 0
	for _, g := range groups {
		total += len(g.Pixels) * len(o.Masks)
	}
	line := j.session.line("evaluate", total, 0, "image")
	defer line.End()
	o.Progress = func(done, _ int) { line.Step(done) }
	return evaluate.Compare(j.ctx, j.original, j.student, groups, o)
}
