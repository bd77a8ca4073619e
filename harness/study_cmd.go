package main

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"

	"lethe/autodiff"
)

// The examples that lethe study prints.
var (
	//go:embed builtin/study.yaml
	exampleStudy string
	//go:embed builtin/study-slurm.sh
	exampleSlurm string
	//go:embed builtin/study-kubernetes.yaml
	exampleKubernetes string
)

// studyCmd is lethe study.
type studyCmd struct {
	Run   studyRunCmd   `cmd:"" default:"withargs" help:"Do what is left of a study and write its tables."`
	Check studyCheckCmd `cmd:"" help:"List a study's cells, how many are done and how long the others take; computes nothing."`
	Merge studyMergeCmd `cmd:"" help:"Join the results of shards into one folder."`
}

// StudyFlags are what running and checking a study have in common.
type StudyFlags struct {
	Results string `help:"Folder of the results, instead of the study's; several studies may share one." placeholder:"DIR"`
	Shard   string `help:"Do the i-th of n parts; the parts may share the folder of the results or be merged later." placeholder:"i/n"`
	Threads int    `help:"Worker threads; 0 uses all cores. The result does not depend on it." default:"0"`
	PrecisionFlag
}

// studyRunCmd is lethe study FILE.
type studyRunCmd struct {
	Study             string `arg:"" optional:"" help:"The study, a YAML file."`
	Example           bool   `help:"Print an example of a study, with comments."`
	ExampleSlurm      bool   `help:"Print a Slurm array job that runs a study in shards."`
	ExampleKubernetes bool   `help:"Print a Kubernetes Indexed Job that runs a study in shards."`
	DryRun            bool   `help:"As lethe study check."`
	StudyFlags
}

// Run does a study.
func (c *studyRunCmd) Run(a *app) error {
	for _, e := range []struct {
		asked bool
		text  string
	}{{c.Example, exampleStudy}, {c.ExampleSlurm, exampleSlurm}, {c.ExampleKubernetes, exampleKubernetes}} {
		if e.asked {
			_, err := fmt.Fprint(a.out, e.text)
			return err
		}
	}
	if c.DryRun {
		return (&studyCheckCmd{Study: c.Study, StudyFlags: c.StudyFlags}).Run(a)
	}
	r, s, err := c.open(a, c.Study)
	if err != nil {
		return err
	}
	due := r.due(s)
	r.say("lethe study: %s, %d cells, %d to do here, %s", r.plan.study.Name, len(r.plan.cells), len(due), r.machine())
	r.say("  %s", r.arithmetic())
	if len(due) > 0 {
		r.say("  %s", r.eta.text(due, 1))
	}
	failed, err := r.work(due)
	if err != nil {
		return fmt.Errorf("the study was interrupted; nothing is lost: the same command goes on (%w)", err)
	}
	if err := r.tables(s); err != nil {
		return err
	}
	if len(failed) == 0 {
		return nil
	}
	var lines []string
	for _, f := range failed {
		lines = append(lines, fmt.Sprintf("  %s (%s): %v", f.cell, cellDir(r.dir, f.cell.key), f.err))
	}
	return fmt.Errorf("%d cells failed, the others are done; the same command tries them again:\n%s", len(failed), strings.Join(lines, "\n"))
}

// open reads a study and plans it.
func (f StudyFlags) open(a *app, path string) (*studyRunner, shard, error) {
	if path == "" {
		return nil, shard{}, usage("no study given: lethe study FILE.yaml (lethe study --example prints one)")
	}
	part, err := parseShard(f.Shard)
	if err != nil {
		return nil, part, err
	}
	st, err := readStudy(path)
	if err != nil {
		return nil, part, err
	}
	s, err := newSession(a, f.Threads, f.PrecisionFlag)
	if err != nil {
		return nil, part, err
	}
	s.tape = autodiff.NewTape()
	r := &studyRunner{session: s, flag: f.PrecisionFlag, dir: st.Results, loaded: map[int]*studyImages{}, wait: 500 * time.Millisecond}
	if f.Results != "" {
		r.dir = f.Results
	}
	if r.plan, err = newPlan(s, st, f.PrecisionFlag); err != nil {
		return nil, part, err
	}
	r.eta = r.newETA()
	return r, part, nil
}

// studyCheckCmd is lethe study check.
type studyCheckCmd struct {
	Study string `arg:"" help:"The study, a YAML file."`
	StudyFlags
}

// Run lists the cells.
func (c *studyCheckCmd) Run(a *app) error {
	r, s, err := c.open(a, c.Study)
	if err != nil {
		return err
	}
	done, shown := 0, 0
	for _, x := range r.plan.cells {
		if x.unit >= 0 && !s.has(x.unit) {
			continue
		}
		state := "to do"
		if r.finished(x) {
			state = "done"
			done++
		}
		shown++
		r.say("%-5s  %s  %s", state, x.key[:12], x)
	}
	due := r.due(s)
	r.say("%d cells, %d done; %s", shown, done, r.eta.text(due, 1))
	return nil
}

var errNothingToMerge = errors.New("none of the folders has a finished cell")
