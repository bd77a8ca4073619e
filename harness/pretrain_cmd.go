package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"lethe/harness/data"
	"lethe/harness/family"
	"lethe/harness/report"
)

// pretrainCmd is lethe pretrain.
type pretrainCmd struct {
	RunFlags
	Model string `help:"Preset or a JSON file of constructor arguments." default:"mae_tiny"`
	NormPixFlag
	Data        []string      `required:"" help:"Training images: folders, folders of classes, .tar, .tar.gz, or world:train." placeholder:"PATH" sep:"none"`
	LeaveOut    []string      `help:"Classes to leave out: the model that never saw them, for comparison." placeholder:"CLASS"`
	SkipBad     bool          `help:"Leave out damaged images with a warning, instead of stopping."`
	Init        string        `help:"Start from these weights instead of random ones." placeholder:"CHECKPOINT"`
	Tokenizer   string        `help:"mage: the trained VQGAN to take over, a checkpoint of lethe pretrain --model vqgan_tiny or of a MAGE." placeholder:"CHECKPOINT"`
	Epochs      int           `help:"Passes over the images." default:"50"`
	Steps       int           `help:"Optimizer steps, instead of --epochs." default:"0"`
	Batch       int           `help:"Images a step." default:"256"`
	MicroBatch  int           `help:"Split a step into micro-batches of so many images (0: do not). Part of the result's definition." default:"0"`
	Lr          float64       `help:"Peak learning rate. Default: batch/256 times the family's (1.5e-4 for a masked autoencoder)." default:"0"`
	MinLr       float64       `help:"Learning rate at the end of the cosine." default:"0"`
	WeightDecay *float64      `help:"Decoupled weight decay of matrices. Default: the family's (0.05 for a masked autoencoder)."`
	Warmup      int           `help:"Steps of linear warm-up." default:"200"`
	Clip        float64       `help:"Bound on the global gradient norm; 0 does not clip." default:"0"`
	MaskRatio   *float64      `help:"Fraction of patches removed. Default: the family's (0.75 for a masked autoencoder)."`
	CropScale   float64       `help:"Smallest area of the random crop, as a share of the image as already scaled to the model's size; 0 does not crop." default:"0"`
	Flip        bool          `help:"Mirror images at random. Default: on." default:"true" negatable:""`
	For         time.Duration `help:"Stop with a resumable checkpoint after this long (such as 20m)." default:"0"`
	SavePth     bool          `help:"Also write checkpoint.pth for PyTorch."`
	EvalData    []string      `help:"Images to measure the result on. Default: the training images." placeholder:"PATH" sep:"none"`
	Evaluation  EvaluateFlags `embed:"" group:"Evaluation"`
}

// check fills in the family's recipe and refuses numbers out of range.
func (c *pretrainCmd) check(r family.Recipe) error {
	if c.Lr == 0 {
		c.Lr = r.PretrainRate * float64(c.Batch) / 256
	}
	if c.WeightDecay == nil {
		c.WeightDecay = &r.PretrainDecay
	}
	return errors.Join(c.RunFlags.check(), c.Evaluation.check(), within(
		least("epochs", c.Epochs, 1), least("steps", c.Steps, 0), least("batch", c.Batch, 1),
		least("micro-batch", c.MicroBatch, 0), least("warmup", c.Warmup, 0),
		rate("lr", c.Lr), weight("min-lr", c.MinLr), weight("weight-decay", *c.WeightDecay), weight("clip", c.Clip),
		bound{"crop-scale", c.CropScale, c.CropScale >= 0 && c.CropScale <= 1, "a number from 0 to 1"},
		bound{"for", c.For.Seconds(), c.For >= 0, "a time from 0"},
	))
}

// Run pretrains.
func (c *pretrainCmd) Run(a *app, parsed *kong.Context) error {
	if c.Out == "" {
		c.Out = "runs/pretrain-" + baseName(c.Model)
	}
	if err := errors.Join(runDir(c.Out).check(c.RunFlags), runDir(c.Out).checkInput("init", c.Init), runDir(c.Out).checkInput("tokenizer", c.Tokenizer)); err != nil {
		return err
	}
	s, err := newSession(a, c.Threads, c.PrecisionFlag)
	if err != nil {
		return err
	}
	model, err := c.model()
	if err != nil {
		return err
	}
	if err := errors.Join(c.check(recipeOf(model)), resolveMaskRatio(&c.MaskRatio, model), c.Evaluation.apply(model)); err != nil {
		return err
	}
	config, err := resolvedConfig(parsed)
	if err != nil {
		return err
	}
	options, err := c.Evaluation.options(model)
	if err != nil {
		return usage("%v", err)
	}
	hold, err := claimDir(c.Out, c.RunFlags)
	if err != nil {
		return err
	}
	defer hold.release()
	l := &loader{session: s, size: model.Geometry().Size, flags: DataFlags{SkipBad: c.SkipBad}, opened: map[string]*data.Set{}}
	set, measured, err := c.images(l)
	if err != nil {
		return err
	}
	j := &pretrainJob{job: job{session: s, flags: c.RunFlags, dir: hold.dir}, cmd: c, model: model, set: set, measured: measured, config: config, options: options, whole: s.ctx}
	if c.For > 0 {
		var cancel context.CancelFunc
		s.ctx, cancel = context.WithTimeout(s.ctx, c.For)
		defer cancel()
	}
	stop, err := c.watch(s)
	if err != nil {
		return err
	}
	defer stop()
	return j.run()
}

// model builds the model, from random weights or from --init.
func (c *pretrainCmd) model() (family.Model, error) {
	of := modelChoice{c.Model, c.NormPixLoss}
	if c.Init != "" {
		return openModel(of, c.Init)
	}
	m, err := newModel(of)
	if err != nil {
		return nil, usage("%v", err)
	}
	m.Init(c.Seed)
	return m, c.tokenizer(m)
}

// tokenizer gives a model that works on tokens its trained tokenizer.
func (c *pretrainCmd) tokenizer(m family.Model) error {
	t, ok := m.(family.Tokenized)
	switch {
	case !ok && c.Tokenizer == "":
		return nil
	case !ok:
		return usage("--tokenizer: %s has none", family.KindOf(m.Family()).Title)
	case c.Tokenizer == "":
		return usage("%s works on the tokens of a trained VQGAN: give one by --tokenizer (lethe pretrain --model vqgan_tiny makes one), or start from a whole model by --init", family.KindOf(m.Family()).Title)
	}
	file, err := openCheckpoint(c.Tokenizer)
	if err != nil {
		return err
	}
	defer file.Close()
	named, err := namedTensors(file)
	if err != nil {
		return err
	}
	if err := t.LoadTokenizer(named); err != nil {
		return fmt.Errorf("%s: %w", c.Tokenizer, err)
	}
	return nil
}

// images loads the training images without those left out, and what to measure.
func (c *pretrainCmd) images(l *loader) (set, measured *data.Set, err error) {
	if set, err = l.join(c.Data, nil); err != nil {
		return nil, nil, err
	}
	for _, name := range c.LeaveOut {
		if !slices.Contains(set.Classes, name) {
			return nil, nil, usage("--leave-out %s: no such class; there are %s", name, classNames(set))
		}
	}
	kept := slices.DeleteFunc(slices.Clone(set.Classes), func(k string) bool { return slices.Contains(c.LeaveOut, k) })
	if len(kept) == 0 {
		return nil, nil, usage("--leave-out leaves no class")
	}
	if set, err = set.Subset(kept); err != nil {
		return nil, nil, err
	}
	measured = set
	if len(c.EvalData) > 0 {
		if measured, err = l.join(c.EvalData, nil); err != nil {
			return nil, nil, err
		}
	}
	return set, measured, nil
}

// writePage writes the loss curve of a pretraining as a page.
func (j *pretrainJob) writePage(page report.Page) error {
	var html bytes.Buffer
	if err := report.Write(&html, page); err != nil {
		return err
	}
	return j.dir.write("report.html", html.Bytes())
}

// baseName is a file's name without folder and ending, or the preset's name.
func baseName(model string) string {
	return strings.TrimSuffix(filepath.Base(model), ".json")
}
