package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"lethe/harness/data"
	"lethe/harness/evaluate"
	"lethe/harness/family"
	"lethe/harness/feature"
	"lethe/harness/unlearn"
	"lethe/kernels"
)

// cellFormat is part of every cell's key: it changes when the same settings give
// other bytes, so that no result of an older kind is taken for one of the new.
const cellFormat = "lethe-cell/3"

// The kinds of cells. Training and measuring are apart, so that another mask
// costs no training.
const (
	kindPretrain = "pretrain"
	kindUnlearn  = "unlearn"
	kindMeasure  = "measure"
)

// cellSpec is everything that the bytes of a cell's result depend on; its SHA-256
// is the cell's key. Weights are named by their hash, or by the key of the cell
// that makes them.
type cellSpec struct {
	Format string `json:"format"`
	Kind   string `json:"kind"`
	arithmetic
	ISA         string            `json:"isa"`
	Convolution string            `json:"convolution"`
	Config      string            `json:"model"`               // constructor arguments
	Original    string            `json:"original,omitempty"`  // weights that are started from, or compared with
	Unlearned   string            `json:"unlearned,omitempty"` // weights that are measured, beside the original's
	Method      string            `json:"method,omitempty"`
	Settings    map[string]string `json:"settings"`
	Images      []cellImages      `json:"images"`
}

// cellImages identify a set: the hash is of the images' hashes in order.
type cellImages struct {
	Name   string `json:"name"`
	Images int    `json:"images"`
	Hash   string `json:"sha256"`
}

func (c cellSpec) key() string {
	raw, err := json.Marshal(c)
	if err != nil {
		panic("study: " + err.Error()) // strings and whole numbers marshal
	}
	return fmt.Sprintf("%x", sha256.Sum256(raw))
}

// cell is one piece of work of a study.
type cell struct {
	spec   cellSpec
	key    string
	needs  []*cell
	unit   int // what a shard is made of: a training with its measurements; -1: what several need
	args   []string
	retain int // of study.Retain

	model int    // of study.Models
	of    string // the model's name where there are several
	row   studyRow
	mask  string
	seed  uint64
}

// studyRow is what a row of the tables is about. Alpha is nil where there is none.
type studyRow struct {
	Method string // "original" and "retrained" beside the methods
	Retain string
	Alpha  *float64
}

// The rows beside those of methods.
const (
	rowOriginal = "original"
	rowOracle   = "retrained"
)

func (r studyRow) name() string {
	n := r.Method
	if r.Retain != "" && r.Retain != "real" {
		n += ", retain " + r.Retain
	}
	if r.Alpha != nil {
		n += fmt.Sprintf(", α %g", *r.Alpha)
	}
	return n
}

func (c *cell) String() string {
	name := c.of + c.row.name()
	if c.row.Method != rowOriginal && c.row.Method != rowOracle {
		name += fmt.Sprintf(", seed %d", c.seed)
	}
	if c.kind() == kindMeasure {
		name += ", mask " + c.mask
	}
	return c.kind() + " " + name
}

func (c *cell) kind() string { return c.spec.Kind }

// plan is the list of a study's cells: what others need stands before them.
type plan struct {
	study  *study
	cells  []*cell
	images *studyImages
	units  int
	base   cellSpec // what all have in common

	networks []*feature.Network // that measure sets
	lpips    *feature.Perceptual
}

// original is what the plan knows of a model.
type original struct {
	model family.Model
	ref   string // hash of its weights or key of its cell
	needs []*cell
}

// newPlan opens what the study names and lists its cells.
func newPlan(s *session, st *study, p PrecisionFlag) (*plan, error) {
	pl := &plan{study: st, base: cellSpec{Format: cellFormat, arithmetic: s.arithmetic(), ISA: kernels.FloatISA(), Convolution: p.Convolution}}
	var err error
	if pl.networks, err = openNetworks(st.Measure.Networks); err != nil {
		return nil, st.at("$.evaluation.networks", "%w", err)
	}
	if pl.lpips, err = openPerceptual(st.Measure.LPIPS); err != nil {
		return nil, st.at("$.evaluation.lpips", "%w", err)
	}
	opened := map[string]*data.Set{}
	pl.images, err = st.images(func(path string, o data.Options) (*data.Set, error) {
		key := fmt.Sprint(path, o.PerClass)
		if opened[key] == nil {
			set, err := data.Open(path, o)
			if err != nil {
				return nil, err
			}
			opened[key] = set
		}
		return opened[key], nil
	})
	if err != nil {
		return nil, err
	}
	if err := st.overlaps(pl.images, s.warn); err != nil {
		return nil, err
	}
	for m := range st.Models {
		if err := pl.addModel(m); err != nil {
			return nil, err
		}
	}
	return pl, nil
}

// addModel lists the cells of one model.
func (pl *plan) addModel(m int) error {
	sm := pl.study.Models[m]
	at := fmt.Sprintf("$.models[%d]", m)
	o, err := pl.original(m, at)
	if err != nil {
		return err
	}
	if family.KindOf(o.model.Family()).Recipe.LearningRate == 0 {
		return pl.study.at(at, "%s is pretrained and then frozen, there is nothing to unlearn in it", family.KindOf(o.model.Family()).Title)
	}
	if err := pl.checkMeasures(m, o.model); err != nil {
		return err
	}
	if pl.lpips != nil {
		if err := pl.lpips.Fits(o.model.Geometry().Size); err != nil {
			return pl.study.at("$.evaluation.lpips", "%w", err)
		}
	}
	var oracle *cell
	if sm.Oracle != nil {
		if oracle, err = pl.pretrain(m, at+".oracle", o, sm.Oracle, rowOracle, pl.images.leaveOut); err != nil {
			return err
		}
	}
	pl.measure(m, o, nil, studyRow{Method: rowOriginal}, 0)
	if oracle != nil {
		pl.measure(m, o, oracle, studyRow{Method: rowOracle}, 0)
	}
	return pl.addMethods(m, o)
}

// original opens a model's checkpoint, or adds the cell of its pretraining.
func (pl *plan) original(m int, at string) (original, error) {
	sm := pl.study.Models[m]
	if sm.Pretrain == nil {
		model, err := openModel(modelChoice{name: sm.Model}, sm.Checkpoint)
		if err != nil {
			return original{}, pl.study.at(at, "%w", err)
		}
		return original{model: model, ref: "weights:" + weightsHash(model)}, nil
	}
	model, err := newModel(modelChoice{name: sm.Model})
	if err != nil {
		return original{}, pl.study.at(at, "%w", err)
	}
	if _, tokens := model.(family.Tokenized); tokens {
		return original{}, pl.study.at(at, "%s needs a tokenizer: pretrain it by lethe pretrain and give its checkpoint", sm.Model)
	}
	c, err := pl.pretrain(m, at+".pretrain", original{model: model}, sm.Pretrain, rowOriginal, pl.images.all)
	if err != nil {
		return original{}, err
	}
	return original{model: model, ref: "cell:" + c.key, needs: []*cell{c}}, nil
}

// checkMeasures refuses masks and numbers of steps that do not fit a model.
func (pl *plan) checkMeasures(m int, model family.Model) error {
	masks, at := pl.study.masksOf(m)
	for i, text := range masks {
		if _, err := pl.study.Measure.flags(text, model).options(model); err != nil {
			return pl.study.at(fmt.Sprintf("%s[%d]", at, i), "%w", err)
		}
	}
	flags := pl.study.Measure.flags("", model)
	if err := errors.Join(flags.check(), flags.apply(model)); err != nil {
		return pl.study.at("$.evaluation", "%w", err)
	}
	return nil
}

// flags are the measurement of a model under one mask as lethe evaluate has them.
// Steps of sampling are for the models that have any.
func (e studyMeasure) flags(mask string, model family.Model) EvaluateFlags {
	f := EvaluateFlags{EvalMasks: []string{mask}, EvalImages: e.Images, EvalBatch: e.Batch, EvalSeed: e.Seed}
	if _, ok := model.(family.Sampler); ok {
		f.SampleSteps = e.SampleSteps
	}
	return f
}

// pretrain adds a training from scratch.
func (pl *plan) pretrain(m int, at string, like original, settings map[string]any, row string, set *data.Set) (*cell, error) {
	config, err := like.model.Config()
	if err != nil {
		return nil, err
	}
	args := append([]string{"pretrain", "--data=."}, settingArgs(settings)...)
	cli, parsed, err := parseCommand(args)
	if err != nil {
		return nil, pl.study.at(at, "%w", err)
	}
	c := &cli.Pretrain
	if err = c.check(recipeOf(like.model)); err == nil {
		err = resolveMaskRatio(&c.MaskRatio, like.model)
	}
	if err != nil {
		return nil, pl.study.at(at, "%w", err)
	}
	spec := pl.base
	spec.Kind, spec.Config, spec.Settings = kindPretrain, string(config), flagValues(parsed, pretrainSettings)
	spec.Settings["squash"] = fmt.Sprint(pl.study.Data.Squash)
	spec.Images = []cellImages{identify("train", set)}
	if _, tokens := like.model.(family.Tokenized); tokens {
		spec.Original = like.ref // whose tokenizer it takes over
	}
	return pl.add(&cell{spec: spec, needs: like.needs, unit: -1, args: args, model: m, row: studyRow{Method: row}, seed: c.Seed}), nil
}

// addMethods adds the trainings of the grid, with their measurements.
func (pl *plan) addMethods(m int, o original) error {
	st := pl.study
	for _, name := range st.Methods {
		method, err := unlearn.Find(name)
		if err != nil {
			return err
		}
		for r := range st.Retain {
			for _, alpha := range alphasOf(method, st.Alphas) {
				for _, seed := range st.Seeds {
					c, err := pl.unlearn(m, o, method, r, alpha, seed)
					if err != nil {
						return err
					}
					pl.measure(m, o, c, c.row, seed)
				}
			}
		}
	}
	return nil
}

// alphasOf are the weights of the forget term that make a difference to a method;
// nil is the family's, or none.
func alphasOf(method unlearn.Method, alphas []float64) []*float64 {
	if method.IgnoresAlpha || len(alphas) == 0 {
		return []*float64{nil}
	}
	var out []*float64
	for i := range alphas {
		out = append(out, &alphas[i])
	}
	return out
}

// unlearn adds one training of one method.
func (pl *plan) unlearn(m int, o original, method unlearn.Method, r int, alpha *float64, seed uint64) (*cell, error) {
	st := pl.study
	args := append([]string{"unlearn", "--method=" + method.Name, fmt.Sprintf("--seed=%d", seed)}, settingArgs(st.Settings)...)
	args = append(args, settingArgs(st.Models[m].Settings)...)
	args = append(args, settingArgs(st.Override[method.Name])...)
	if alpha != nil {
		args = append(args, fmt.Sprintf("--alpha=%v", *alpha))
	}
	cli, parsed, err := parseCommand(args)
	if err != nil {
		return nil, st.at("$.settings", "%w", err)
	}
	c := &cli.Unlearn
	if _, err = c.resolve(recipeOf(o.model)); err == nil {
		err = resolveMaskRatio(&c.MaskRatio, o.model)
	}
	if err != nil {
		return nil, st.at("$.settings", "%w", err)
	}
	config, err := o.model.Config()
	if err != nil {
		return nil, err
	}
	spec := pl.base
	spec.Kind, spec.Config, spec.Original, spec.Method = kindUnlearn, string(config), o.ref, method.Name
	spec.Settings = flagValues(parsed, append([]string{"seed", "alpha"}, unlearnSettings...))
	if method.IgnoresAlpha {
		delete(spec.Settings, "alpha")
	} else if alpha == nil {
		alpha = c.Alpha
	}
	spec.Settings["squash"] = fmt.Sprint(st.Data.Squash)
	spec.Images = []cellImages{identify("retain", pl.images.retains[r]), identify("forget", pl.images.forget)}
	unit := pl.units
	pl.units++
	return pl.add(&cell{spec: spec, needs: o.needs, unit: unit, args: args, retain: r, model: m,
		row: studyRow{method.Name, st.Retain[r].Name, alpha}, seed: seed}), nil
}

// measure adds the measurements of weights, one a mask; without any, of the
// original's alone.
func (pl *plan) measure(m int, o original, of *cell, row studyRow, seed uint64) {
	e := pl.study.Measure
	unit := pl.units
	if of != nil && of.unit >= 0 {
		unit = of.unit
	} else {
		pl.units++
	}
	masks, _ := pl.study.masksOf(m)
	for _, mask := range masks {
		spec := pl.base
		spec.Kind, spec.Original = kindMeasure, o.ref
		config, err := o.model.Config()
		if err != nil {
			panic("study: " + err.Error()) // it was read or made a moment ago
		}
		spec.Config = string(config)
		c := &cell{needs: slices.Clone(o.needs), unit: unit, model: m, row: row, mask: mask, seed: seed}
		if of != nil {
			spec.Unlearned = "cell:" + of.key
			c.needs = append(c.needs, of)
		}
		spec.Settings = map[string]string{"mask": canonicalMask(mask), "seed": fmt.Sprint(e.Seed), "batch": fmt.Sprint(e.Batch),
			"images": fmt.Sprint(e.Images), "sample_steps": fmt.Sprint(e.flags(mask, o.model).SampleSteps), "squash": fmt.Sprint(pl.study.Data.Squash)}
		for _, n := range pl.networks {
			spec.Settings["network "+n.Name()] = n.SHA256()
		}
		if pl.lpips != nil {
			spec.Settings[pl.lpips.Column()] = pl.lpips.From().SHA256
		}
		for _, g := range pl.images.measured {
			spec.Images = append(spec.Images, identify(g.name, g.set))
		}
		c.spec = spec
		pl.add(c)
	}
}

func canonicalMask(text string) string {
	if k, err := evaluate.ParseMaskKind(text); err == nil {
		return k.String()
	}
	return text
}

// add appends a cell.
func (pl *plan) add(c *cell) *cell {
	c.key = c.spec.key()
	if len(pl.study.Models) > 1 {
		c.of = pl.study.Models[c.model].Name + ": "
	}
	pl.cells = append(pl.cells, c)
	return c
}

func identify(name string, s *data.Set) cellImages {
	return cellImages{name, len(s.Items), itemsHash(s)}
}

// parseCommand reads arguments as the command line would.
func parseCommand(args []string) (*commands, *kong.Context, error) {
	cli := &commands{}
	parser, err := newParser(cli, io.Discard, io.Discard)
	if err != nil {
		return nil, nil, err
	}
	parsed, err := parser.Parse(args)
	return cli, parsed, err
}

// flagValues are the values of flags, by the names that a study has for them.
func flagValues(parsed *kong.Context, keys []string) map[string]string {
	out := map[string]string{}
	for _, f := range parsed.Flags() {
		key := strings.ReplaceAll(f.Name, "-", "_")
		if !slices.Contains(keys, key) {
			continue
		}
		v := f.Target
		for v.Kind().String() == "ptr" && !v.IsNil() {
			v = v.Elem()
		}
		out[key] = fmt.Sprint(v.Interface())
	}
	return out
}

// cellDir is a cell's folder below the results.
func cellDir(results, key string) runDir { return runDir(filepath.Join(results, "cells", key)) }
