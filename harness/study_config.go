package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"lethe/harness/data"
	"lethe/harness/unlearn"
)

// study is what a study's YAML file says; lethe study --example prints one with
// comments.
type study struct {
	Name     string                    `yaml:"name"`
	Results  string                    `yaml:"results"`
	Models   []studyModel              `yaml:"models"`
	Data     studyData                 `yaml:"data"`
	Retain   []studyRetain             `yaml:"retain"`
	Methods  []string                  `yaml:"methods"`
	Alphas   []float64                 `yaml:"alphas"`
	Seeds    []uint64                  `yaml:"seeds"`
	Masks    []string                  `yaml:"masks"`
	Settings map[string]any            `yaml:"settings"`
	Override map[string]map[string]any `yaml:"method_settings"`
	Measure  studyMeasure              `yaml:"evaluation"`
	Overlap  bool                      `yaml:"allow_overlap"`
	Every    *int                      `yaml:"checkpoint_every"`

	file string
	tree *ast.File
}

// studyModel is an original: a checkpoint, or the settings of its pretraining.
type studyModel struct {
	Name       string         `yaml:"name"`
	Model      string         `yaml:"model"`
	Checkpoint string         `yaml:"checkpoint"`
	Pretrain   map[string]any `yaml:"pretrain"`
	Oracle     map[string]any `yaml:"oracle"`
	Settings   map[string]any `yaml:"settings"` // that differ for this model
	Masks      []string       `yaml:"masks"`    // instead of the study's
}

// studyData says what is trained on, how it is divided, and what is measured on.
type studyData struct {
	Train    string   `yaml:"train"`
	Eval     string   `yaml:"eval"`
	Split    string   `yaml:"split"`
	Forget   []string `yaml:"forget"`
	Retain   []string `yaml:"retain"`
	HeldOut  []string `yaml:"held_out"`
	PerClass int      `yaml:"images_per_class"`
	Seed     uint64   `yaml:"seed"`
	Squash   bool     `yaml:"squash"`
}

// studyRetain is one set of retain images that methods train on.
type studyRetain struct {
	Name    string       `yaml:"name"`
	Real    bool         `yaml:"real"`
	Proxies []studyProxy `yaml:"proxy"`
}

// studyProxy stands in for retain images: classes of a set. The class "*" is every
// class of data.train that is not forgotten, retained or held out.
type studyProxy struct {
	Path     string   `yaml:"path"`
	Classes  []string `yaml:"classes"`
	PerClass int      `yaml:"images_per_class"`
}

// studyMeasure says how much is measured.
type studyMeasure struct {
	Images      int    `yaml:"images"`
	Batch       int    `yaml:"batch"`
	Seed        uint64 `yaml:"seed"`
	SampleSteps int    `yaml:"sample_steps"`

	Networks []string `yaml:"networks"` // weights of networks that measure sets
	LPIPS    []string `yaml:"lpips"`    // its backbone and heads
	Cache    string   `yaml:"feature_cache"`
}

// The settings that a study may give, by the flags' names; what is left out is the
// command's default.
var (
	unlearnSettings  = []string{"steps", "epochs", "batch", "micro_batch", "lr", "weight_decay", "warmup", "schedule", "clip", "mask_ratio", "noise", "reduction", "unit_noise", "code_faithful", "augment"}
	pretrainSettings = []string{"steps", "epochs", "batch", "micro_batch", "lr", "min_lr", "weight_decay", "warmup", "clip", "mask_ratio", "crop_scale", "flip", "seed"}
)

// readStudy reads and checks a study. Paths in it are taken from its folder.
//
// Errors: exit status 2, with file, line and column.
func readStudy(path string) (*study, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, usage("reading the study: %w", err)
	}
	s, err := parseStudy(path, raw)
	if err != nil {
		return nil, err
	}
	base := filepath.Dir(path)
	for i := range s.Models {
		s.Models[i].Checkpoint = beside(base, s.Models[i].Checkpoint)
		if strings.HasSuffix(s.Models[i].Model, ".json") {
			s.Models[i].Model = beside(base, s.Models[i].Model)
		}
	}
	for _, files := range [][]string{s.Measure.Networks, s.Measure.LPIPS} {
		for i, file := range files {
			files[i] = beside(base, file)
		}
	}
	if s.Measure.Cache != "" {
		s.Measure.Cache = beside(base, s.Measure.Cache)
	}
	s.Data.Train, s.Data.Eval, s.Results = beside(base, s.Data.Train), beside(base, s.Data.Eval), beside(base, s.Results)
	for i := range s.Retain {
		for k := range s.Retain[i].Proxies {
			s.Retain[i].Proxies[k].Path = beside(base, s.Retain[i].Proxies[k].Path)
		}
	}
	return s, nil
}

// beside takes a relative path from a folder; names such as world:train stay.
func beside(folder, path string) string {
	if path == "" || filepath.IsAbs(path) || strings.HasPrefix(path, "world:") || path == builtinName {
		return path
	}
	return filepath.Join(folder, path)
}

// parseStudy reads the text of a study and fills in defaults.
func parseStudy(path string, raw []byte) (*study, error) {
	s := &study{file: path, Measure: studyMeasure{Images: 500, Batch: 50, Seed: 2024}, Data: studyData{Seed: 1}}
	var err error
	if s.tree, err = parser.ParseBytes(raw, 0); err == nil {
		err = yaml.UnmarshalWithOptions(raw, s, yaml.Strict())
	}
	if err != nil {
		return nil, usage("%s:%s\nlethe study --example prints a study with every key", path, strings.TrimRight(yaml.FormatError(err, false, true), "\n"))
	}
	name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	if s.Name == "" {
		s.Name = name
	}
	if s.Results == "" {
		s.Results = name + "-results"
	}
	if len(s.Retain) == 0 {
		s.Retain = []studyRetain{{Name: "real", Real: true}}
	}
	for i := range s.Models {
		if m := &s.Models[i]; m.Name == "" {
			m.Name = strings.TrimSuffix(baseName(m.Checkpoint+m.Model), ".safetensors")
		}
	}
	return s, s.check()
}

// at is an error about a key of the study; the path is as in $.models[0].name.
func (s *study) at(path, format string, args ...any) error {
	where := s.file
	if p, err := yaml.PathString(path); err == nil {
		if n, err := p.FilterFile(s.tree); err == nil && n != nil {
			t := n.GetToken()
			where = fmt.Sprintf("%s:%d:%d", s.file, t.Position.Line, t.Position.Column)
		}
	}
	return usage("%s: %s: %w", where, strings.TrimPrefix(path, "$."), fmt.Errorf(format, args...))
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]*$`)

// check refuses what can be seen without the data and the models.
func (s *study) check() error {
	var errs []error
	bad := func(path, format string, args ...any) { errs = append(errs, s.at(path, format, args...)) }
	if !plainName.MatchString(s.Name) || s.Name == "cells" {
		bad("$.name", "%q: want letters, digits, dots and dashes, and not cells; it names a folder beside the one of the cells", s.Name)
	}
	if len(s.Models) == 0 {
		bad("$.models", "none: give at least one, with a checkpoint (builtin:world needs no file) or with pretrain settings")
	}
	for i, m := range s.Models {
		at := fmt.Sprintf("$.models[%d]", i)
		switch {
		case (m.Checkpoint == "") == (m.Pretrain == nil):
			bad(at, "give either checkpoint, or pretrain with the settings to make one")
		case m.Pretrain != nil && m.Model == "":
			bad(at, "pretrain needs model, a preset such as mae_tiny or a JSON file")
		case slices.IndexFunc(s.Models, func(o studyModel) bool { return o.Name == m.Name }) < i:
			bad(at, "two models are named %s: give each a name", m.Name)
		}
		errs = append(errs, s.known(at+".pretrain", m.Pretrain, pretrainSettings), s.known(at+".oracle", m.Oracle, pretrainSettings), s.known(at+".settings", m.Settings, unlearnSettings))
		if len(m.Masks)+len(s.Masks) == 0 {
			bad("$.masks", "none: give at least one, such as [random:0.75]")
		}
		if twice(m.Masks) {
			bad(at+".masks", "one of them stands twice")
		}
	}
	errs = append(errs, s.checkData(), s.checkGrid())
	return errors.Join(errs...)
}

// checkData refuses a division that is incomplete or contradicts itself.
func (s *study) checkData() error {
	d := s.Data
	switch {
	case d.Train == "":
		return s.at("$.data", "give train, the images to divide into forget and retain")
	case d.Eval == "":
		return s.at("$.data", "give eval, images that are not trained on, to measure on")
	case (d.Split == "") == (len(d.Forget) == 0):
		return s.at("$.data", "give either forget, a list of classes, or split: %s", data.NamedSplits)
	case d.Split != "" && len(d.Retain) > 0:
		return s.at("$.data.retain", "split says which classes are retained: give forget and retain, or split alone")
	}
	for i, r := range s.Retain {
		at := fmt.Sprintf("$.retain[%d]", i)
		switch {
		case !plainName.MatchString(r.Name):
			return s.at(at, "name %q: want letters, digits, dots and dashes", r.Name)
		case !r.Real && len(r.Proxies) == 0:
			return s.at(at, "%s has no images: give real: true, or proxy", r.Name)
		case slices.IndexFunc(s.Retain, func(o studyRetain) bool { return o.Name == r.Name }) < i:
			return s.at(at, "two sets are named %s", r.Name)
		}
	}
	return nil
}

// checkGrid refuses methods, settings and lists that make no cells or two of one.
func (s *study) checkGrid() error {
	errs := []error{s.known("$.settings", s.Settings, unlearnSettings)}
	for i, name := range s.Methods {
		if _, err := unlearn.Find(name); err != nil {
			errs = append(errs, s.at(fmt.Sprintf("$.methods[%d]", i), "%w", err))
		}
	}
	for _, name := range sortedKeys(s.Override) {
		if !slices.Contains(s.Methods, name) {
			errs = append(errs, s.at("$.method_settings", "%s is not among the methods", name))
		}
		errs = append(errs, s.known("$.method_settings."+name, s.Override[name], unlearnSettings))
	}
	if len(s.Methods) > 0 && len(s.Seeds) == 0 {
		errs = append(errs, s.at("$.seeds", "none: give at least one, such as [1]"))
	}
	for _, list := range []struct {
		key  string
		same bool
	}{{"methods", twice(s.Methods)}, {"alphas", twice(s.Alphas)}, {"seeds", twice(s.Seeds)}, {"masks", twice(s.Masks)}} {
		if list.same {
			errs = append(errs, s.at("$."+list.key, "one of them stands twice"))
		}
	}
	return errors.Join(errs...)
}

// masksOf are the masks that a model is measured under, and where they stand.
func (s *study) masksOf(m int) (masks []string, at string) {
	if own := s.Models[m].Masks; len(own) > 0 {
		return own, fmt.Sprintf("$.models[%d].masks", m)
	}
	return s.Masks, "$.masks"
}

func twice[T comparable](list []T) bool {
	for i, v := range list {
		if slices.Contains(list[:i], v) {
			return true
		}
	}
	return false
}

// known refuses settings that the command has not.
func (s *study) known(at string, given map[string]any, keys []string) error {
	for _, k := range sortedKeys(given) {
		if !slices.Contains(keys, k) {
			return s.at(at+"."+k, "unknown setting %q (there are %s)%s", k, strings.Join(keys, ", "), suggestion(k, keys))
		}
		switch given[k].(type) {
		case map[string]any, []any, nil:
			return s.at(at+"."+k, "want a single value")
		}
	}
	return nil
}

// settingArgs are settings as the command line has them.
func settingArgs(given map[string]any) []string {
	var args []string
	for _, k := range sortedKeys(given) {
		args = append(args, fmt.Sprintf("--%s=%v", strings.ReplaceAll(k, "_", "-"), given[k]))
	}
	return args
}
