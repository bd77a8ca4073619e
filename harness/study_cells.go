package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"lethe/harness/data"
	"lethe/harness/evaluate"
	"lethe/harness/family"
	"lethe/harness/stage"
	"lethe/harness/unlearn"
)

// The files of a cell, beside those of its training.
const (
	resultFile  = "result.json" // last: a cell that has it is finished
	secondsFile = "time.json"
	modelFile   = "model.json"
	weightsFile = "checkpoint.safetensors"
)

// cellResult is result.json. It has no time and no place in it: the same cell gives
// the same bytes.
type cellResult struct {
	Cell    cellSpec                      `json:"cell"`
	Weights string                        `json:"weights_sha256,omitempty"`
	Images  map[string]int                `json:"images,omitempty"`
	Metrics map[string]map[string]float64 `json:"metrics,omitempty"` // by group, then by name

	Warnings []string `json:"warnings,omitempty"` // what makes metrics doubtful
}

// readResult reads a finished cell.
//
// Errors: none there, a damaged file, or the result of another cell.
func readResult(dir runDir, key string) (cellResult, error) {
	var r cellResult
	raw, err := os.ReadFile(dir.path(resultFile))
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return r, fmt.Errorf("%s: %w", dir.path(resultFile), err)
	}
	if got := r.Cell.key(); got != key {
		return r, fmt.Errorf("%s: is the result of cell %s", dir.path(resultFile), got)
	}
	return r, nil
}

// cellTime is time.json.
type cellTime struct {
	Seconds float64 `json:"seconds"` // of every process that worked on the cell and was not killed, but for decoding images, which is done once for all cells
}

func readSeconds(dir runDir) float64 {
	var t cellTime
	raw, err := os.ReadFile(dir.path(secondsFile))
	if err != nil || json.Unmarshal(raw, &t) != nil {
		return 0
	}
	return t.Seconds
}

// compute does a cell whose folder is held.
func (r *studyRunner) compute(c *cell, hold *claim) error {
	if err := hold.dir.sweep(); err != nil {
		return err
	}
	began, before, decoding := time.Now(), readSeconds(hold.dir), r.decoding
	s := *r.session
	s.clock, s.warnings, s.out = stage.New(stage.Options{}), nil, io.Discard
	var result cellResult
	var err error
	switch c.kind() {
	case kindPretrain:
		result, err = r.pretrain(&s, c, hold)
	case kindUnlearn:
		result, err = r.unlearn(&s, c, hold)
	default:
		result, err = r.measure(&s, c)
	}
	timed := hold.dir.writeJSON(secondsFile, cellTime{before + (time.Since(began) - (r.decoding - decoding)).Seconds()})
	if err = errors.Join(err, timed); err != nil {
		return err
	}
	result.Cell = c.spec
	if err := hold.dir.writeJSON(resultFile, result); err != nil {
		return err
	}
	for _, name := range []string{stateFile, priorFile} {
		if err := os.Remove(hold.dir.path(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// sweep removes the half-written files of a process that was killed. The folder is
// held, so that they are nobody else's.
func (d runDir) sweep() error {
	scraps, err := filepath.Glob(d.path(".*.tmp"))
	for _, name := range scraps {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

// flags of a cell's training in its folder.
func (r *studyRunner) flags(dir runDir) []string {
	every := 200
	if r.plan.study.Every != nil {
		every = *r.plan.study.Every
	}
	return []string{"--out=" + string(dir), fmt.Sprintf("--resume=%t", exists(dir.path("log.jsonl"))), fmt.Sprintf("--checkpoint-every=%d", every),
		"--precision=" + r.flag.Precision, "--convolution=" + r.flag.Convolution}
}

// original opens the weights that a cell starts from.
func (r *studyRunner) original(c *cell) (family.Model, error) {
	sm := r.plan.study.Models[c.model]
	if key, ok := strings.CutPrefix(c.spec.Original, "cell:"); ok {
		return r.trained(key)
	}
	model, err := openModel(modelChoice{name: sm.Model}, sm.Checkpoint)
	if err != nil {
		return nil, err
	}
	if "weights:"+weightsHash(model) != c.spec.Original {
		return nil, fmt.Errorf("%s has changed since the study began: start the study again", sm.Checkpoint)
	}
	return model, nil
}

// trained opens the weights that a cell made.
func (r *studyRunner) trained(key string) (family.Model, error) {
	dir := cellDir(r.dir, key)
	res, err := readResult(dir, key)
	if err != nil {
		return nil, err
	}
	model, err := openModel(modelChoice{}, dir.path(weightsFile))
	if err != nil {
		return nil, err
	}
	if weightsHash(model) != res.Weights {
		return nil, fmt.Errorf("%s is not what cell %s made: remove that folder, and it is made again", dir.path(weightsFile), key)
	}
	return model, nil
}

// load decodes the study's images at a model's size, once.
func (r *studyRunner) load(s *session, size int) (*studyImages, error) {
	if g := r.loaded[size]; g != nil {
		return g, nil
	}
	began := time.Now()
	defer func() { r.decoding += time.Since(began) }()
	st := r.plan.study
	opened := map[string]*data.Set{}
	g, err := st.images(func(path string, o data.Options) (*data.Set, error) {
		key := fmt.Sprint(path, o.PerClass)
		if opened[key] == nil {
			l := &loader{session: s, size: size, opened: opened, flags: DataFlags{ImagesPerClass: o.PerClass, SplitSeed: o.Seed, Squash: st.Data.Squash}}
			set, err := l.load(path)
			if err != nil {
				return nil, err
			}
			delete(opened, path)
			opened[key] = set
		}
		return opened[key], nil
	})
	if err == nil {
		r.loaded[size] = g
	}
	return g, err
}

// same refuses images that are not those of the plan.
func same(c *cell, sets ...measuredSet) error {
	for i, m := range sets {
		if got := identify(m.name, m.set); got != c.spec.Images[i] {
			return fmt.Errorf("the %s images have changed since the study began: start the study again", m.name)
		}
	}
	return nil
}

// pretrain trains from scratch in the cell's folder.
func (r *studyRunner) pretrain(s *session, c *cell, hold *claim) (cellResult, error) {
	if err := hold.dir.write(modelFile, []byte(c.spec.Config)); err != nil {
		return cellResult{}, err
	}
	args := append(append([]string{}, c.args...), r.flags(hold.dir)...)
	args = append(args, "--model="+hold.dir.path(modelFile))
	if c.spec.Original != "" {
		args = append(args, "--tokenizer="+r.plan.study.Models[c.model].Checkpoint)
	}
	cli, parsed, err := parseCommand(args)
	if err != nil {
		return cellResult{}, err
	}
	cmd := &cli.Pretrain
	model, err := cmd.model()
	if err != nil {
		return cellResult{}, err
	}
	if err := errors.Join(cmd.check(recipeOf(model)), resolveMaskRatio(&cmd.MaskRatio, model)); err != nil {
		return cellResult{}, err
	}
	g, err := r.load(s, model.Geometry().Size)
	if err != nil {
		return cellResult{}, err
	}
	set := g.all
	if c.row.Method == rowOracle {
		set = g.leaveOut
	}
	config, err := resolvedConfig(parsed)
	if err := errors.Join(err, same(c, measuredSet{"train", set})); err != nil {
		return cellResult{}, err
	}
	j := &pretrainJob{job: job{session: s, flags: cmd.RunFlags, dir: hold.dir}, cmd: cmd, model: model, set: set, measured: set, config: config, whole: s.ctx, only: true}
	if err := j.run(); err != nil {
		return cellResult{}, err
	}
	return cellResult{Weights: weightsHash(j.model)}, nil
}

// unlearn trains by a method in the cell's folder.
func (r *studyRunner) unlearn(s *session, c *cell, hold *claim) (cellResult, error) {
	cli, parsed, err := parseCommand(append(append([]string{}, c.args...), r.flags(hold.dir)...))
	if err != nil {
		return cellResult{}, err
	}
	cmd := &cli.Unlearn
	method, err := unlearn.Find(cmd.Method)
	if err != nil {
		return cellResult{}, err
	}
	model, err := r.original(c)
	if err != nil {
		return cellResult{}, err
	}
	set, err := cmd.resolve(recipeOf(model))
	if err := errors.Join(err, resolveMaskRatio(&cmd.MaskRatio, model)); err != nil {
		return cellResult{}, err
	}
	cmd.Model = model.Name()
	g, err := r.load(s, model.Geometry().Size)
	if err != nil {
		return cellResult{}, err
	}
	images := &imageGroups{retain: g.retains[c.retain], forget: g.forget}
	config, err := resolvedConfig(parsed)
	if err := errors.Join(err, same(c, measuredSet{"retain", images.retain}, measuredSet{"forget", images.forget})); err != nil {
		return cellResult{}, err
	}
	j := &unlearnJob{job: job{session: s, flags: cmd.RunFlags, dir: hold.dir}, cmd: cmd, method: method, settings: set,
		original: model, reopen: func() (family.Model, error) { return r.original(c) }, images: images, config: config, only: true}
	if err := j.run(); err != nil {
		return cellResult{}, err
	}
	return cellResult{Weights: weightsHash(j.student)}, nil
}

// measure completes the measured images with one model or two.
func (r *studyRunner) measure(s *session, c *cell) (cellResult, error) {
	before, err := r.original(c)
	if err != nil {
		return cellResult{}, err
	}
	var after family.Model
	if key, ok := strings.CutPrefix(c.spec.Unlearned, "cell:"); ok {
		if after, err = r.trained(key); err != nil {
			return cellResult{}, err
		}
	}
	e := r.plan.study.Measure
	flags := e.flags(c.mask, before)
	if err := flags.apply(before, after); err != nil {
		return cellResult{}, err
	}
	o, err := flags.options(before)
	if err != nil {
		return cellResult{}, err
	}
	g, err := r.load(s, before.Geometry().Size)
	if err != nil {
		return cellResult{}, err
	}
	if err := same(c, g.measured...); err != nil {
		return cellResult{}, err
	}
	var groups []evaluate.Group
	for j, m := range g.measured {
		groups = append(groups, measureGroup(m, e.Images, e.Seed, j))
	}
	o.Tape, o.Networks, o.LPIPS, o.Cache, o.AfterOnly = s.newTape(), r.plan.networks, r.plan.lpips, e.Cache, true
	res, _, err := evaluate.Compare(s.ctx, before, after, groups, o)
	if err != nil {
		return cellResult{}, err
	}
	side := res.After
	if after == nil {
		side = res.Before
	}
	out := cellResult{Images: map[string]int{}, Metrics: map[string]map[string]float64{}}
	for name, m := range side {
		out.Images[name] = m.Images
		if out.Metrics[name], err = numbersOf(m.Metrics); err != nil {
			return cellResult{}, err
		}
		for _, v := range m.SetResults {
			for _, text := range v.Warnings {
				if text = v.Column + ": " + text; !slices.Contains(out.Warnings, text) {
					out.Warnings = append(out.Warnings, text)
				}
			}
		}
	}
	slices.Sort(out.Warnings) // groups come in no order
	return out, nil
}

// numbersOf are the numbers of a group under one mask, by their JSON names, whatever
// fields the metrics have; a number that is optional and not there is left out.
func numbersOf(m evaluate.Metrics) (map[string]float64, error) {
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&fields); err != nil {
		return nil, err
	}
	out := map[string]float64{}
	for name, v := range fields {
		switch v := v.(type) {
		case float64:
			out[name] = v
		case map[string]any: // numbers of a set, by name; the summaries are no numbers
			for inner, x := range v {
				if f, ok := x.(float64); ok {
					out[inner] = f
				}
			}
		}
	}
	delete(out, "images")
	return out, nil
}
