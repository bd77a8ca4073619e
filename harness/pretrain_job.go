package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"lethe/autodiff/optim"
	"lethe/harness/data"
	"lethe/harness/evaluate"
	"lethe/harness/family"
	"lethe/harness/progress"
	"lethe/harness/report"
	"lethe/harness/stage"
	"lethe/harness/train"
	"lethe/kernels"
	"lethe/layers"
)

// pretrainJob trains one model from scratch.
type pretrainJob struct {
	job
	cmd           *pretrainCmd
	model         family.Model
	set, measured *data.Set
	config        []byte
	options       evaluate.Options
	whole         context.Context // without the limit of --for
	only          bool            // train and save the weights, no more

	trained []*layers.Param
	opt     optim.Optimizer
	sampler *data.Sampler
	cut     []int
	steps   int
}

// run trains, saves and measures.
func (j *pretrainJob) run() error {
	began := time.Now()
	if n := len(j.set.Items); n < j.cmd.Batch {
		j.warn("%d images to train on are fewer than --batch %d, so that every step has some of them more than once", n, j.cmd.Batch)
	}
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
	j.say("lethe pretrain: %s, %s", j.model.Name(), j.machine())
	j.say("  %s", j.arithmetic())
	j.say("  %d images: %s", len(j.set.Items), classNames(j.set))
	j.say("  %d steps of %d images, lr %g, from step %d", j.steps, j.cmd.Batch, j.cmd.Lr, from.next)
	if err := j.train(from.next); err != nil {
		return err
	}
	if err := j.budget(); err != nil {
		return err
	}
	stop := j.clock.Start(stage.Checkpoint)
	err = saveModel(j.dir, j.model, saving{pth: j.cmd.SavePth, metadata: map[string]string{
		"lethe.seed": fmt.Sprint(j.cmd.Seed), "lethe.steps": fmt.Sprint(j.steps), metaAsked: j.keep.asked, metaPrecision: j.arithmetic().Precision, metaPath: j.arithmetic().Path,
	}})
	stop(0)
	if err != nil || j.only {
		return err
	}
	if err := j.finish(began); err != nil {
		return err
	}
	return j.keep.drop()
}

func (j *pretrainJob) prepare() error {
	j.tape = j.newTape()
	for _, p := range j.model.Params() {
		if !p.Fixed {
			j.trained = append(j.trained, p)
		}
	}
	layers.SetTrainable(j.trained, true)
	fresh := func() optim.Optimizer { return newAdamW(j.trained, recipeOf(j.model), *j.cmd.WeightDecay) }
	j.opt = fresh()
	j.sampler = data.NewSampler(len(j.set.Items), j.cmd.Batch, j.cmd.Seed, 0)
	j.cut = train.Cut(j.cmd.Batch, j.cmd.MicroBatch)
	if j.steps = j.cmd.Steps; j.steps == 0 {
		j.steps = j.cmd.Epochs * j.sampler.StepsPerEpoch()
	}
	j.cautionWarmup(j.cmd.Warmup, j.steps)
	asked, err := j.asked()
	j.keep = &keeper{
		command: "pretrain", model: j.model, trained: j.trained, opt: j.opt, asked: asked, config: j.config, arithmetic: j.arithmetic(), warn: j.warn,
		start: j.cmd.model, restart: fresh,
	}
	return err
}

// asked hashes everything that the trained weights depend on. The model still
// has its first weights.
func (j *pretrainJob) asked() (string, error) {
	c := *j.cmd
	c.RunFlags, c.NormPixFlag = RunFlags{Seed: c.Seed, PrecisionFlag: c.PrecisionFlag}, NormPixFlag{}
	c.Evaluation, c.SavePth, c.Data, c.EvalData, c.LeaveOut, c.For = EvaluateFlags{}, false, nil, nil, nil, 0
	c.Model, c.Init, c.Tokenizer, c.MaskRatio, c.WeightDecay = "", "", "", nil, nil
	model, err := j.model.Config()
	return fingerprint(c, j.steps, *j.cmd.MaskRatio, *j.cmd.WeightDecay, itemsHash(j.set), string(model), weightsHash(j.model)), err
}

func (j *pretrainJob) train(first int) error {
	return j.loop("pretrain", &train.Loop{
		Tape: j.tape, Params: valuesOf(j.trained), Optimizer: j.opt, Clip: j.cmd.Clip,
		Schedule: optim.WarmupCosine{Base: float32(j.cmd.Lr), Min: float32(j.cmd.MinLr), Warmup: j.cmd.Warmup, Total: j.steps},
		Steps:    j.steps, StepsPerEpoch: j.sampler.StepsPerEpoch(), Shares: train.Shares(j.cut),
		Micro: j.micro, Clock: j.clock,
	}, first, func(r train.Record) []progress.Field {
		return []progress.Field{{Label: "loss", Value: short(r.Loss)}}
	})
}

// micro records the training loss of one micro-batch.
func (j *pretrainJob) micro(step, i int) (train.Losses, error) {
	stop := j.clock.Start(stage.Batch)
	from, to := j.cut[i], j.cut[i+1]
	v := variation{seed: j.cmd.Seed, step: step, first: from, stride: 1, augment: data.Augment{Flip: j.cmd.Flip}}
	if j.cmd.CropScale > 0 {
		v.augment.ScaleMin, v.augment.ScaleMax = j.cmd.CropScale, 1
	}
	draw, err := j.model.Draw(family.DrawSpec{
		Retain: batchOf(j.set, j.sampler.Step(nil, step)[from:to], v),
		Seed:   j.cmd.Seed, Step: step, First: from,
		MaskRatio: *j.cmd.MaskRatio, Noise: family.Gaussian,
	})
	stop(0)
	if err != nil {
		return train.Losses{}, err
	}
	b := draw.Seen()
	forward := j.timer(stage.StudentForward)
	out := j.model.Output(j.tape, b)
	forward()
	stop = j.clock.Start(stage.Loss)
	loss := j.model.Loss(j.tape, out, j.model.Truth(j.tape, b), b, draw.Retain)
	stop(0)
	return train.Losses{Total: loss, Retain: loss}, nil
}

// pretrainSummary is summary.json of a pretraining.
type pretrainSummary struct {
	Method string `json:"method"`
	Model  string `json:"model"`
	Seed   uint64 `json:"seed"`
	ISA    string `json:"isa"`
	arithmetic
	Threads   int             `json:"threads"`
	GoVersion string          `json:"go_version"`
	Steps     int             `json:"steps"`
	Stages    []stage.Stage   `json:"stages"`
	PeakRSS   int64           `json:"peak_rss_bytes"`
	Seconds   float64         `json:"seconds"`
	Eval      evaluate.Result `json:"eval"`
	Data      []dataSummary   `json:"data"`
	Weights   string          `json:"checkpoint_weights_sha256"`
	Warnings  []string        `json:"warnings"`
	// Codes is how many codes of a tokenizer the measured images use.
	Codes *family.CodeUsage `json:"code_usage,omitempty"`
}

// finish measures the model and writes summary and report.
func (j *pretrainJob) finish(began time.Time) error {
	stop := j.timer(stage.Evaluation)
	group := measureGroup(measuredSet{"retain", j.measured}, j.cmd.Evaluation.EvalImages, j.cmd.Evaluation.EvalSeed, 0)
	j.options.Tape = j.tape
	res, pictures, err := evaluate.Compare(j.whole, j.model, nil, []evaluate.Group{group}, j.options)
	var codes *family.CodeUsage
	if c, ok := j.model.(family.Coder); ok && err == nil {
		var u family.CodeUsage
		u, err = c.CodeUsage(j.tape, group.Pixels)
		codes = &u
	}
	stop()
	if err != nil {
		return j.keep.unmeasured(err)
	}
	if err := j.closeEvents(j.steps, panels(pictures, res.Masks)); err != nil {
		return err
	}
	stages, totals := j.clock.Summary(j.peak), j.clock.Totals(j.peak)
	err = j.dir.writeJSON("summary.json", pretrainSummary{
		Method: "pretrain", Model: j.model.Name(), Seed: j.cmd.Seed, ISA: kernels.ISA(), arithmetic: j.arithmetic(), Threads: runtime.GOMAXPROCS(0),
		GoVersion: runtime.Version(), Steps: j.steps, Stages: stages, PeakRSS: totals.PeakRSSBytes, Seconds: time.Since(began).Seconds(),
		Eval: res, Data: []dataSummary{describeSet("trained", j.set), describeSet("measured", j.measured)},
		Weights: weightsHash(j.model), Warnings: append([]string{}, j.warnings...), Codes: codes,
	})
	if err != nil {
		return err
	}
	err = j.writePage(report.Page{
		Kicker: "lethe pretrain", Title: j.model.Name() + " from scratch", When: time.Now().UTC().Format("2006-01-02 15:04 UTC"),
		Asked: askedSettings(j.config), Curves: lossCharts(j.log.records), Pictures: panels(pictures, res.Masks), Shows: "What it completes",
		Stages: stages, Ops: j.ops.ByStage(), Totals: totals, Warnings: j.warnings, Machine: j.machineSettings(), Command: again("pretrain", j.dir),
	})
	if err != nil {
		return err
	}
	if err := stage.WriteTable(j.out, stages, totals); err != nil {
		return err
	}
	writeResult(j.out, res)
	if codes != nil {
		j.say("codes in use  %d of %d, perplexity %.1f", codes.Used, codes.Codes, codes.Perplexity)
	}
	j.say("checkpoint  %s", j.dir.path("checkpoint.safetensors"))
	return nil
}
