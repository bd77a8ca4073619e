package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// shard is the part of a study's units that one process does.
type shard struct{ index, of int }

// parseShard reads i/n, i from 1 to n; nothing is 1/1.
func parseShard(text string) (shard, error) {
	if text == "" {
		return shard{1, 1}, nil
	}
	i, n, ok := strings.Cut(text, "/")
	index, err1 := strconv.Atoi(i)
	of, err2 := strconv.Atoi(n)
	if !ok || err1 != nil || err2 != nil || of < 1 || index < 1 || index > of {
		return shard{}, usage("--shard %q: want i/n with i from 1 to n, such as 2/8", text)
	}
	return shard{index, of}, nil
}

// has tells whether a unit is the shard's.
func (s shard) has(unit int) bool { return unit%s.of == s.index-1 }

// studyRunner does the cells of a plan.
type studyRunner struct {
	*session
	flag   PrecisionFlag
	plan   *plan
	dir    string // of the results
	loaded map[int]*studyImages
	eta    *studyETA
	wait   time.Duration // between looks at cells that another process does

	decoding     time.Duration // spent on images until now
	ours, theirs float64       // seconds of cells done since the start, here and by other processes
}

// failure is a cell that could not be done.
type failure struct {
	cell *cell
	err  error
}

// finished tells whether a cell has its result and, if it is a training, its weights.
func (r *studyRunner) finished(c *cell) bool {
	dir := cellDir(r.dir, c.key)
	if _, err := readResult(dir, c.key); err != nil {
		return false
	}
	return c.kind() == kindMeasure || exists(dir.path(weightsFile))
}

// due lists the cells that a shard has to do, what they need before them.
func (r *studyRunner) due(s shard) []*cell {
	wanted := map[*cell]bool{}
	var want func(c *cell)
	want = func(c *cell) {
		if wanted[c] || r.finished(c) {
			return
		}
		wanted[c] = true
		for _, n := range c.needs {
			want(n)
		}
	}
	for _, c := range r.plan.cells {
		if c.kind() == kindMeasure && s.has(c.unit) {
			want(c)
		}
	}
	var out []*cell
	for _, c := range r.plan.cells {
		if wanted[c] {
			out = append(out, c)
		}
	}
	return out
}

// states of a cell in work.
const (
	cellLater = iota // another process does it, or what it needs
	cellDone
	cellElsewhere // done, by another process
	cellFailed
)

// work does the cells that are due. A cell that fails does not stop it.
//
// Errors: the context has ended; nothing is lost then.
func (r *studyRunner) work(due []*cell) ([]failure, error) {
	state := map[*cell]int{}
	left, failed, waited := due, []failure(nil), false
	for _, c := range due {
		state[c] = cellLater
	}
	for len(left) > 0 {
		var later []*cell
		for i, c := range left {
			if err := r.ctx.Err(); err != nil {
				return failed, err
			}
			did, err := r.attempt(c, state)
			if errors.Is(err, context.Canceled) || r.interrupted(err) {
				return failed, context.Canceled
			}
			state[c] = did
			switch did {
			case cellFailed:
				failed = append(failed, failure{c, err})
				r.say("failed  %s: %v", c, err)
			case cellLater:
				later = append(later, c)
			default:
				r.report(c, did, append(append([]*cell{}, later...), left[i+1:]...), len(due))
			}
		}
		if len(later) == len(left) {
			if !waited {
				r.say("waiting for another process, which does %s", later[0])
				waited = true
			}
			select {
			case <-r.ctx.Done():
				return failed, r.ctx.Err()
			case <-time.After(r.wait):
			}
		}
		left = later
	}
	return failed, nil
}

func (r *studyRunner) interrupted(err error) bool {
	var stopped *interruptedError
	return errors.As(err, &stopped)
}

// attempt does one cell unless it is done, or has to wait.
func (r *studyRunner) attempt(c *cell, state map[*cell]int) (int, error) {
	for _, n := range c.needs {
		switch s, known := state[n]; {
		case known && s == cellFailed:
			return cellFailed, fmt.Errorf("it needs %s, which failed", n)
		case known && s == cellLater:
			return cellLater, nil
		}
	}
	if r.finished(c) {
		return cellElsewhere, nil
	}
	hold, err := claimDir(string(cellDir(r.dir, c.key)), RunFlags{Force: true})
	if errors.Is(err, errLocked) || errors.Is(err, os.ErrNotExist) {
		return cellLater, nil // another process has it, or just gave it up
	}
	if err != nil {
		return cellFailed, err
	}
	defer hold.release()
	if r.finished(c) { // by a process that had it until now
		return cellElsewhere, nil
	}
	if err := r.compute(c, hold); err != nil {
		return cellFailed, err
	}
	r.eta.learn(c, readSeconds(hold.dir))
	return cellDone, nil
}

// report prints a line about a finished cell. What other processes have done since
// counts as done, and the time that is left is shared with them as that until now.
func (r *studyRunner) report(c *cell, did int, left []*cell, total int) {
	seconds := readSeconds(cellDir(r.dir, c.key))
	took := fmt.Sprintf("%.1f s", seconds)
	if did == cellElsewhere {
		took = "done elsewhere"
		r.theirs += seconds
	} else {
		r.ours += seconds
	}
	theirs, open := r.theirs, left[:0:0]
	for _, c := range left {
		if r.finished(c) {
			theirs += readSeconds(cellDir(r.dir, c.key))
		} else {
			open = append(open, c)
		}
	}
	r.say("[%d/%d] %s  %s; %s", total-len(open), total, c, took, r.eta.text(open, portion(r.ours, theirs)))
}

// portion is what part of the work a process does that has done ours while others did
// theirs: all of it while it has done nothing.
func portion(ours, theirs float64) float64 {
	if ours <= 0 {
		return 1
	}
	return ours / (ours + theirs)
}

// studyETA tells from finished cells how long others take: the mean of those of the
// same kind, model and method, else of the same kind.
type studyETA struct {
	sum map[string]float64
	n   map[string]int
}

// newETA learns from the finished cells of a plan.
func (r *studyRunner) newETA() *studyETA {
	e := &studyETA{map[string]float64{}, map[string]int{}}
	for _, c := range r.plan.cells {
		if r.finished(c) {
			e.learn(c, readSeconds(cellDir(r.dir, c.key)))
		}
	}
	return e
}

func etaKeys(c *cell) []string {
	return []string{fmt.Sprintf("%s/%d/%s", c.kind(), c.model, c.row.Method), fmt.Sprintf("%s/%d", c.kind(), c.model), c.kind()}
}

func (e *studyETA) learn(c *cell, seconds float64) {
	for _, k := range etaKeys(c) {
		e.sum[k] += seconds
		e.n[k]++
	}
}

// left is the time that cells will take, and how many of them are of a kind that none
// has been measured of.
func (e *studyETA) left(cells []*cell) (d time.Duration, unknown int) {
	var seconds float64
next:
	for _, c := range cells {
		for _, k := range etaKeys(c) {
			if e.n[k] > 0 {
				seconds += e.sum[k] / float64(e.n[k])
				continue next
			}
		}
		unknown++
	}
	return time.Duration(seconds * float64(time.Second)), unknown
}

// text says how much is left, of which this process does a share.
func (e *studyETA) text(cells []*cell, share float64) string {
	d, unknown := e.left(cells)
	d = time.Duration(float64(d) * share)
	switch {
	case len(cells) == 0:
		return "nothing left"
	case unknown == len(cells):
		return fmt.Sprintf("%d left, time not known yet", len(cells))
	case unknown > 0:
		return fmt.Sprintf("%d left, about %s and %d of kinds not measured yet", len(cells), d.Round(time.Second), unknown)
	}
	return fmt.Sprintf("%d left, about %s", len(cells), d.Round(time.Second))
}
