package main

import (
	"fmt"
	"slices"

	"lethe/harness/data"
)

// studyImages are the sets of a study, with pixels or, for the plan, without.
type studyImages struct {
	forget   *data.Set
	retains  []*data.Set // in the order of study.Retain
	all      *data.Set   // that an original is pretrained on
	leaveOut *data.Set   // all without the forget classes: the oracle's
	measured []measuredSet
}

// images opens the sets and divides them; open lists or loads one source.
func (s *study) images(open func(path string, o data.Options) (*data.Set, error)) (*studyImages, error) {
	d, g := s.Data, &studyImages{}
	var err error
	if g.all, err = open(d.Train, data.Options{PerClass: d.PerClass, Seed: d.Seed}); err != nil {
		return nil, s.at("$.data.train", "%w", err)
	}
	retain, forget, err := s.division(g.all.Classes)
	if err != nil {
		return nil, err
	}
	if g.forget, err = g.all.Subset(forget); err != nil {
		return nil, s.at("$.data.forget", "%w", err)
	}
	if _, err = g.all.Subset(retain); err != nil {
		return nil, s.at("$.data.retain", "%w", err)
	}
	if g.leaveOut, err = g.all.Subset(without(g.all.Classes, forget)); err != nil {
		return nil, err
	}
	rest := without(g.all.Classes, slices.Concat(retain, forget, d.HeldOut))
	for i, r := range s.Retain {
		at := fmt.Sprintf("$.retain[%d]", i)
		set, err := s.retained(r, at, retain, rest, g.all, open)
		if err != nil {
			return nil, err
		}
		g.retains = append(g.retains, set)
	}
	eval, err := open(d.Eval, data.Options{})
	if err != nil {
		return nil, s.at("$.data.eval", "%w", err)
	}
	for _, m := range []struct {
		name    string
		classes []string
	}{{"retain", retain}, {"forget", forget}, {"heldout", d.HeldOut}} {
		if len(m.classes) == 0 {
			continue
		}
		set, err := eval.Subset(m.classes)
		if err != nil {
			return nil, s.at("$.data.eval", "%s classes: %w", m.name, err)
		}
		g.measured = append(g.measured, measuredSet{m.name, set})
	}
	return g, nil
}

// division resolves split, or the lists of classes.
func (s *study) division(classes []string) (retain, forget []string, err error) {
	d := s.Data
	if d.Split != "" {
		if retain, forget, err = data.NamedSplit(d.Split, classes); err != nil {
			return nil, nil, s.at("$.data.split", "%w", err)
		}
		return without(retain, d.HeldOut), without(forget, d.HeldOut), nil
	}
	retain, forget = d.Retain, d.Forget
	if len(retain) == 0 {
		retain = without(classes, slices.Concat(forget, d.HeldOut))
	}
	for _, c := range forget {
		if slices.Contains(retain, c) || slices.Contains(d.HeldOut, c) {
			return nil, nil, s.at("$.data.forget", "class %s is to be forgotten and to be kept or held out: take it out of one of the lists", c)
		}
	}
	if len(retain) == 0 {
		return nil, nil, s.at("$.data.forget", "no class is left to keep")
	}
	return retain, forget, nil
}

// retained joins the images of one retain set.
func (s *study) retained(r studyRetain, at string, retain, rest []string, all *data.Set, open func(string, data.Options) (*data.Set, error)) (*data.Set, error) {
	var sets []*data.Set
	if r.Real {
		real, err := all.Subset(retain)
		if err != nil {
			return nil, s.at(at, "%w", err)
		}
		sets = append(sets, real)
	}
	for k, p := range r.Proxies {
		at := fmt.Sprintf("%s.proxy[%d]", at, k)
		if p.Path == "" {
			p.Path = s.Data.Train
		}
		if slices.Equal(p.Classes, []string{"*"}) {
			if p.Classes = rest; len(rest) == 0 {
				return nil, s.at(at, `classes "*": every class of data.train is forgotten, retained or held out`)
			}
		}
		set, err := open(p.Path, data.Options{PerClass: p.PerClass, Seed: s.Data.Seed})
		if err == nil && len(p.Classes) > 0 {
			set, err = set.Subset(p.Classes)
		}
		if err != nil {
			return nil, s.at(at, "%w", err)
		}
		sets = append(sets, set)
	}
	return data.Join(sets...)
}

// overlaps refuses images on both sides, and refuses or warns of images that are
// measured and trained on.
func (s *study) overlaps(g *studyImages, warn func(format string, args ...any)) error {
	for i, set := range g.retains {
		if err := data.NeedDisjoint(set, g.forget); err != nil {
			return s.at(fmt.Sprintf("$.retain[%d]", i), "retain set %s: %w", s.Retain[i].Name, err)
		}
	}
	type side struct {
		name string
		set  *data.Set
	}
	trained := []side{{"forget", g.forget}}
	for i, set := range g.retains {
		trained = append(trained, side{"retain set " + s.Retain[i].Name, set})
	}
	pairs := [][2]side{{{"the oracle's training images", g.leaveOut}, trained[0]}}
	for _, t := range trained {
		for _, m := range g.measured {
			pairs = append(pairs, [2]side{t, {"images to measure on (" + m.name + ")", m.set}})
		}
	}
	for _, p := range pairs {
		shared := data.Overlap(p[0].set, p[1].set)
		switch {
		case len(shared) == 0:
		case s.Overlap:
			warn("%s and %s share %d images by content", p[0].name, p[1].name, len(shared))
		default:
			return s.at("$.data", "%s and %s share %d images by content: %s is the same as %s; take them out of one, or allow it by allow_overlap: true",
				p[0].name, p[1].name, len(shared), shared[0].A, shared[0].B)
		}
	}
	return nil
}

// without is a list without the members of another.
func without(list, gone []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(c string) bool { return slices.Contains(gone, c) })
}
