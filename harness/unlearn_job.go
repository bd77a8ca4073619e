package main

import (
	"fmt"
	"time"

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

// unlearnJob is one run of one method.
type unlearnJob struct {
	job
	cmd      *unlearnCmd
	method   unlearn.Method
	settings settings
	original family.Model
	reopen   func() (family.Model, error) // the original's weights again
	student  family.Model
	images   *imageGroups
	config   []byte
	options  evaluate.Options
	only     bool // train and save the weights, no more

	weights string // hash of the original's
	trained []*layers.Param
	opt     optim.Optimizer
	cut     []int
	retain  *data.Sampler
	forget  *data.Sampler
	epoch   int // steps of a pass over the larger side
	steps   int
	samples int        // that the steps of this process saw
	tokens  sampleWork // of the tokenizer, for each of them and for an image
}

// run trains, saves, evaluates and reports.
func (j *unlearnJob) run() error {
	began := time.Now()
	j.caution()
	if err := j.prepare(); err != nil {
		return err
	}
	from, err := j.enter()
	if err != nil || from.finished {
		return err
	}
	if from.trained {
		from.next = j.steps
	}
	j.announce(from.next)
	if err := j.train(from.next); err != nil {
		return err
	}
	if err := j.budget(); err != nil {
		return err
	}
	j.samples = 2 * j.cmd.Batch * (j.steps - from.next)
	j.tokens = tokenizerWork(j.original, j.samples)
	if j.cmd.SavePth {
		j.cautionPth(j.student)
	}
	stop := j.clock.Start(stage.Checkpoint)
	err = saveModel(j.dir, j.student, saving{pth: j.cmd.SavePth, metadata: map[string]string{
		"lethe.method": j.method.Name, "lethe.seed": fmt.Sprint(j.cmd.Seed), metaAsked: j.keep.asked, metaPrecision: j.arithmetic().Precision, metaPath: j.arithmetic().Path,
	}})
	stop(0)
	if err != nil || j.only {
		return err
	}
	result, pictures, err := j.evaluate()
	if err != nil {
		return j.keep.unmeasured(err)
	}
	if err := j.closeEvents(j.steps, panels(pictures, result.Masks)); err != nil {
		return err
	}
	if err := j.finish(result, pictures, time.Since(began)); err != nil {
		return err
	}
	return j.keep.drop()
}

// caution warns of what is allowed but hardly meant.
func (j *unlearnJob) caution() {
	if j.settings.Alpha == 0 {
		j.warn("alpha is 0: nothing will be forgotten")
	}
	for _, side := range []struct {
		name string
		set  *data.Set
	}{{"retain", j.images.retain}, {"forget", j.images.forget}} {
		if n := len(side.set.Items); n < j.cmd.Batch {
			j.warn("%s: %d images to train on are fewer than --batch %d, so that every step has some of them more than once", side.name, n, j.cmd.Batch)
		}
	}
	if j.cmd.Noise == family.DiagForget && (j.cmd.Batch == 1 || j.cmd.MicroBatch == 1 || len(j.images.forget.Items) == 1) {
		j.warn("--noise diag-forget has the variance of the forget images of a micro-batch, which is 0 for a single image: the noise is the mean grey")
	}
}

// prepare builds the student, the optimizer and the schedule of batches.
func (j *unlearnJob) prepare() error {
	var err error
	if j.student, err = j.original.Clone(j.method.Trains.Owned(j.original)); err != nil {
		return err
	}
	if u, ok := j.student.(family.Untier); ok && j.method.Trains == unlearn.EncoderOnly && !j.cmd.CodeFaithful {
		u.Untie()
	}
	j.tape = j.newTape()
	j.trained = j.method.Trains.Trained(j.student)
	layers.SetTrainable(j.trained, true)
	fresh := func() optim.Optimizer { return newAdamW(j.trained, recipeOf(j.original), j.settings.WeightDecay) }
	j.opt = fresh()
	j.cut = train.Cut(j.cmd.Batch, j.cmd.MicroBatch)
	j.retain = data.NewSampler(len(j.images.retain.Items), j.cmd.Batch, j.cmd.Seed, 0)
	j.forget = data.NewSampler(len(j.images.forget.Items), j.cmd.Batch, j.cmd.Seed, 1)
	j.epoch = max(j.retain.StepsPerEpoch(), j.forget.StepsPerEpoch())
	j.steps = j.cmd.Steps
	if j.steps == 0 {
		j.steps = j.settings.Epochs * j.epoch
	}
	j.cautionWarmup(j.cmd.Warmup, j.steps)
	j.weights = weightsHash(j.original)
	asked, err := j.asked()
	j.keep = &keeper{
		command: "unlearn", model: j.student, trained: j.trained, opt: j.opt, asked: asked, config: j.config, arithmetic: j.arithmetic(), warn: j.warn,
		start: j.start, restart: fresh,
	}
	j.method.Trains.Freeze(j.original, j.tape.Precision())
	return err
}

// start opens the original again, for its values, which it does not keep.
func (j *unlearnJob) start() (family.Model, error) {
	m, err := j.reopen()
	if err == nil && weightsHash(m) != j.weights {
		err = fmt.Errorf("%s has changed since the run began: put the old one back and --resume, or start over with --force", j.cmd.Checkpoint)
	}
	return m, err
}

// asked hashes everything that the trained weights depend on.
func (j *unlearnJob) asked() (string, error) {
	c := *j.cmd
	c.RunFlags, c.NormPixFlag = RunFlags{Seed: c.Seed, PrecisionFlag: c.PrecisionFlag}, NormPixFlag{}
	c.Data = DataFlags{Squash: c.Data.Squash}
	c.Evaluation, c.SavePth, c.Alpha, c.Lr, c.WeightDecay, c.MaskRatio = EvaluateFlags{}, false, nil, nil, nil, nil
	c.Model, c.Checkpoint, c.defaultTitle = "", "", ""
	model, err := j.original.Config()
	return fingerprint(c, j.settings, *j.cmd.MaskRatio, itemsHash(j.images.retain), itemsHash(j.images.forget), string(model), j.weights), err
}

// announce says what is about to happen.
func (j *unlearnJob) announce(first int) {
	j.say("lethe unlearn: %s on %s, %s", j.method.Name, j.original.Name(), j.machine())
	j.say("  %s", j.arithmetic())
	j.say("  retain  %d images: %s", len(j.images.retain.Items), classNames(j.images.retain))
	j.say("  forget  %d images: %s", len(j.images.forget.Items), classNames(j.images.forget))
	j.say("  %d steps of %d + %d images, alpha %g, lr %g, %s", j.steps, j.cmd.Batch, j.cmd.Batch, j.settings.Alpha, j.settings.LearningRate, j.method.Trains)
	if first > 0 {
		j.say("  resumed at step %d", first)
	}
}

// train runs the loop.
func (j *unlearnJob) train(first int) error {
	j.forgets = true
	return j.loop("unlearn", &train.Loop{
		Tape: j.tape, Params: valuesOf(j.trained), Optimizer: j.opt, Clip: j.cmd.Clip,
		Schedule: schedule(j.cmd.Schedule, j.settings.LearningRate, j.cmd.Warmup, j.steps),
		Steps:    j.steps, StepsPerEpoch: j.epoch, Shares: train.Shares(j.cut),
		Micro: j.micro, Clock: j.clock,
	}, first, func(r train.Record) []progress.Field {
		return []progress.Field{{Label: "retain", Value: short(r.Retain)}, {Label: "forget", Value: short(r.Forget)}}
	})
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
		MaskRatio: *j.cmd.MaskRatio, Noise: j.cmd.Noise,
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

func short(v float64) string { return fmt.Sprintf("%.4g", v) }

// evaluate measures the original and the student.
func (j *unlearnJob) evaluate() (evaluate.Result, []evaluate.Picture, error) {
	defer j.timer(stage.Evaluation)()
	groups, o := j.images.evaluated(), j.options
	o.Tape = j.tape
	total := 0
	for _, g := range groups {
		total += len(g.Pixels) * len(o.Masks)
	}
	line := j.session.line("evaluate", total, 0, "image")
	defer line.End()
	o.Progress = func(done, _ int) { line.Step(done) }
	return evaluate.Compare(j.ctx, j.original, j.student, groups, o)
}
