package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/goccy/go-yaml"

	"lethe/autodiff/optim"
	"lethe/harness/checkpoint"
	"lethe/harness/evaluate"
	"lethe/harness/family"
	"lethe/harness/train"
	"lethe/layers"
)

// keeper writes the resumable state of one run and goes on from it.
//
// A state is proven by the step after it: only that step tells whether its
// weights still have a finite loss. Until then the state before it stays beside
// it, so that a run whose loss is no longer finite always has good weights to
// fall back to.
type keeper struct {
	command string // that goes on: "unlearn" or "pretrain"
	dir     runDir
	model   family.Model
	trained []*layers.Param
	opt     optim.Optimizer
	asked   string
	config  []byte // resolved, for the message when asked differs
	arithmetic
	warn func(format string, args ...any)
	// start builds the model as it is before step 0, and restart an optimizer
	// that has done nothing.
	start   func() (family.Model, error)
	restart func() optim.Optimizer

	saved, prior int // the steps that stateFile and priorFile go on with, -1: no file
	proven       bool
}

// restored says where a run begins.
type restored struct {
	next     int
	finished bool // nothing is left to do
	trained  bool // only the evaluation is left; next is meaningless
}

// restore prepares the folder: a new run clears what an earlier one left there,
// a resumed one loads it. The parameters are untouched unless it resumes.
func (k *keeper) restore(o RunFlags) (restored, error) {
	k.saved, k.prior = -1, -1
	if !o.Resume {
		if o.Force {
			return restored{}, k.dir.clear()
		}
		return restored{}, nil
	}
	if r, err := k.fromResult(); err != nil || r.finished || r.trained {
		return r, err
	}
	for _, name := range []string{stateFile, priorFile} {
		next, on, err := loadState(k.dir.path(name), k.trained, k.opt, k.asked)
		switch {
		case errors.Is(err, os.ErrNotExist):
			continue
		case errors.Is(err, errOtherRun):
			return restored{}, k.refuse(name)
		case err != nil:
			return restored{}, fmt.Errorf("%w; --force starts over", err)
		}
		k.saved = next
		k.moved(name, on)
		if name == priorFile {
			return restored{next: next}, os.Rename(k.dir.path(priorFile), k.dir.path(stateFile))
		}
		if exists(k.dir.path(priorFile)) {
			k.prior = 0
		}
		return restored{next: next}, nil
	}
	return restored{}, nil // interrupted before there was a state
}

// fromResult looks at the weights of a run that ended its training: they stand
// above any state.
func (k *keeper) fromResult() (restored, error) {
	const name = "checkpoint.safetensors"
	file, err := checkpoint.Open(k.dir.path(name))
	if errors.Is(err, os.ErrNotExist) {
		return restored{}, nil
	}
	if err != nil {
		return restored{}, fmt.Errorf("%w; --force starts over", err)
	}
	defer file.Close()
	if file.Metadata[metaAsked] != k.asked {
		return restored{}, k.refuse(name)
	}
	if exists(k.dir.path("summary.json")) && exists(k.dir.path("report.html")) {
		return restored{finished: true}, nil
	}
	k.moved(name, file.Metadata[metaPath])
	return restored{trained: true}, restoreWeights(file, "", k.model.Params())
}

// moved warns when a file of the run was computed with other instructions than
// this process has: its precision is the same, but not every bit.
func (k *keeper) moved(name, on string) {
	if on != "" && on != k.Path {
		k.warn("%s was computed on %s, this process computes on %s: the result may differ in the last bits from that of a run that stays where it began", k.dir.path(name), on, k.Path)
	}
}

// refuse explains that a folder holds another run, and in what it differs.
func (k *keeper) refuse(name string) error {
	why, out := "the images or the starting weights are not the same", "repeat the command that began it"
	keys, before := k.differences()
	if len(keys) > 0 {
		why = "config.yaml there differs in " + strings.Join(keys, ", ")
	}
	if len(keys) == 1 && keys[0] == "precision" {
		out = fmt.Sprintf("go on with --precision %v, in which it began", before["precision"])
	}
	return fmt.Errorf("%s cannot be resumed: %w (%s); %s, or start over with --force", k.dir.path(name), errOtherRun, why, out)
}

// differences lists the settings that the run in the folder had otherwise and
// that its weights depend on, and returns all that it had.
func (k *keeper) differences() (keys []string, before map[string]any) {
	raw, err := os.ReadFile(k.dir.path("config.yaml"))
	if err != nil {
		return nil, nil
	}
	var now map[string]any
	if yaml.Unmarshal(raw, &before) != nil || yaml.Unmarshal(k.config, &now) != nil {
		return nil, nil
	}
	for key := range before {
		if _, ok := now[key]; !ok {
			now[key] = nil
		}
	}
	var out []string
	for _, key := range sortedKeys(now) {
		switch {
		case key == "out", key == "threads", key == "checkpoint_every", key == "save_pth", key == "for",
			strings.HasPrefix(key, "eval_"), key == "shown":
		case fmt.Sprint(before[key]) != fmt.Sprint(now[key]):
			out = append(out, key)
		}
	}
	return out, before
}

// save writes the state from which step next goes on.
func (k *keeper) save(next int) error {
	if next == k.saved {
		return nil // nothing happened since
	}
	state, prior := k.dir.path(stateFile), k.dir.path(priorFile)
	moved := k.saved >= 0
	if moved {
		if err := os.Rename(state, prior); err != nil {
			return fmt.Errorf("keeping the state before: %w", err)
		}
	}
	if err := saveState(state, k.trained, k.opt, next, origin{k.asked, k.arithmetic}); err != nil {
		if moved {
			err = errors.Join(err, os.Rename(prior, state))
		}
		return err
	}
	if moved {
		k.prior = k.saved
	}
	k.saved, k.proven = next, false
	return nil
}

// passed hears of a finished step: it proves the state that it began from.
func (k *keeper) passed(step int) error {
	if k.saved < 0 || k.proven || step < k.saved {
		return nil
	}
	k.proven = true
	if k.prior < 0 {
		return nil
	}
	k.prior = -1
	return os.Remove(k.dir.path(priorFile))
}

// drop removes the states; the run's result stands in their place.
func (k *keeper) drop() error {
	for _, name := range []string{stateFile, priorFile} {
		if err := os.Remove(k.dir.path(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// stopped explains why a loop ended before step next and what of it is kept.
func (k *keeper) stopped(err error, next int) error {
	var diverged *train.NotFiniteError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &interruptedError{command: k.command, dir: k.dir, step: next, timeout: errors.Is(err, context.DeadlineExceeded)}
	case !errors.As(err, &diverged):
		return err
	}
	return k.diverged(err)
}

// diverged keeps the last good state and says where it is.
func (k *keeper) diverged(err error) error {
	good, keepErr := k.fallBack()
	if keepErr != nil {
		return errors.Join(err, keepErr)
	}
	return fmt.Errorf("%w: the run stops; the last good weights, those before step %d, are in %s; start over with --force and a lower --lr, or with --clip", err, good, k.dir.path(stateFile))
}

// fallBack makes stateFile the last state that is known to be good: the proven
// one, the one before it, or that of step 0.
func (k *keeper) fallBack() (next int, err error) {
	state, prior := k.dir.path(stateFile), k.dir.path(priorFile)
	switch {
	case k.saved >= 0 && k.proven:
		return k.saved, nil
	case k.prior >= 0:
		if err := os.Rename(prior, state); err != nil {
			return 0, err
		}
		file, err := checkpoint.Open(state)
		if err != nil {
			return 0, err
		}
		defer file.Close()
		return metaInt(file, metaNext)
	}
	first, err := k.start()
	if err != nil {
		return 0, err
	}
	values := map[string][]float32{}
	for _, p := range first.Params() {
		values[p.Name] = p.Value.Data
	}
	for _, p := range k.trained {
		copy(p.Value.Data, values[p.Name])
	}
	return 0, saveState(state, k.trained, k.restart(), 0, origin{k.asked, k.arithmetic})
}

// unmeasured explains why a run ended after its training. Weights whose output
// is not finite are no result.
func (k *keeper) unmeasured(err error) error {
	var broken *evaluate.NotFiniteError
	switch {
	case errors.Is(err, context.Canceled):
		return &interruptedError{command: k.command, dir: k.dir, trained: true}
	case !errors.As(err, &broken):
		return fmt.Errorf("%w; the trained weights are in %s", err, k.dir.path("checkpoint.safetensors"))
	}
	for _, name := range []string{"checkpoint.safetensors", "checkpoint.pth"} {
		if e := os.Remove(k.dir.path(name)); e != nil && !errors.Is(e, os.ErrNotExist) {
			return errors.Join(err, e)
		}
	}
	return k.diverged(err)
}

// interruptedError tells how to go on.
type interruptedError struct {
	command string
	dir     runDir
	step    int
	timeout bool // by --for
	trained bool // during the evaluation
}

func (e *interruptedError) Error() string {
	what := fmt.Sprintf("interrupted before step %d; the state is in %s", e.step, e.dir.path(stateFile))
	switch {
	case e.trained:
		what = fmt.Sprintf("interrupted after the training, before the report; the weights are in %s", e.dir.path("checkpoint.safetensors"))
	case e.timeout:
		what = fmt.Sprintf("stopped by --for before step %d; the state is in %s", e.step, e.dir.path(stateFile))
	}
	return fmt.Sprintf("%s; to go on: lethe %s --config %s --resume", what, e.command, e.dir.path("config.yaml"))
}
