package main

import (
	"path/filepath"

	"lethe/harness/data"
	"lethe/harness/evaluate"
	"lethe/harness/family"
)

// evaluateCmd is lethe evaluate.
type evaluateCmd struct {
	Model string `help:"Preset or JSON file. Default: what the checkpoint says."`
	NormPixFlag
	Checkpoint string   `arg:"" help:"Weights to measure."`
	Against    string   `help:"Weights to compare with, as the original (before); the checkpoint is then after."`
	Retain     []string `help:"Images of the retain group." placeholder:"PATH" sep:"none"`
	Forget     []string `help:"Images of the forget group." placeholder:"PATH" sep:"none"`
	HeldOut    []string `help:"Images of neither." placeholder:"PATH" sep:"none"`
	Retained   []string `name:"retain-classes" help:"Classes of --retain to take." placeholder:"CLASS"`
	Forgotten  []string `name:"forget-classes" help:"Classes of --forget to take." placeholder:"CLASS"`
	SkipBad    bool     `help:"Leave out damaged files with a warning, instead of stopping."`
	Squash     bool     `help:"Scale images to the model's square, ignoring the aspect, as the run did that made the checkpoint."`
	Out        string   `help:"Also write the numbers as JSON to this file."`
	Threads    int      `help:"Worker threads; 0 uses all cores." default:"0"`
	PrecisionFlag
	Evaluation EvaluateFlags `embed:"" group:"Evaluation"`
}

// Run measures.
func (c *evaluateCmd) Run(a *app) error {
	if err := c.Evaluation.check(); err != nil {
		return err
	}
	s, err := newSession(a, c.Threads, c.PrecisionFlag)
	if err != nil {
		return err
	}
	before, after, err := c.models()
	if err != nil {
		return err
	}
	if err := c.Evaluation.apply(before, after); err != nil {
		return err
	}
	options, err := c.Evaluation.options(before)
	if err != nil {
		return usage("%v", err)
	}
	l := &loader{session: s, size: before.Geometry().Size, flags: DataFlags{SkipBad: c.SkipBad, Squash: c.Squash}, opened: map[string]*data.Set{}}
	var groups []evaluate.Group
	for j, g := range []struct {
		name           string
		paths, classes []string
	}{{"retain", c.Retain, c.Retained}, {"forget", c.Forget, c.Forgotten}, {"heldout", c.HeldOut, nil}} {
		if len(g.paths) == 0 {
			continue
		}
		set, err := l.join(g.paths, g.classes)
		if err != nil {
			return err
		}
		groups = append(groups, measureGroup(measuredSet{g.name, set}, c.Evaluation.EvalImages, c.Evaluation.EvalSeed, j))
	}
	if len(groups) == 0 {
		return usage("give --retain, --forget or --held-out")
	}
	options.Shown, options.Tape = 0, s.newTape()
	s.say("%s", s.arithmetic())
	res, _, err := evaluate.Compare(s.ctx, before, after, groups, options)
	if err != nil {
		return err
	}
	writeResult(a.out, res)
	if c.Out == "" {
		return nil
	}
	dir := runDir(filepath.Dir(c.Out))
	return dir.writeJSON(filepath.Base(c.Out), struct {
		evaluate.Result
		arithmetic
	}{res, s.arithmetic()})
}

// models opens one or two checkpoints; after is nil without --against.
func (c *evaluateCmd) models() (before, after family.Model, err error) {
	of := modelChoice{c.Model, c.NormPixLoss}
	m, err := openModel(of, c.Checkpoint)
	if err != nil || c.Against == "" {
		return m, nil, err
	}
	original, err := openModel(of, c.Against)
	if err != nil {
		return nil, nil, err
	}
	if original.Geometry() != m.Geometry() {
		return nil, nil, usage("%s and %s are models of different image sizes", c.Against, c.Checkpoint)
	}
	return original, m, nil
}
