package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"lethe/autodiff/optim"
	"lethe/harness/checkpoint"
	"lethe/layers"
)

// The metadata keys of a resumable checkpoint.
const (
	stateFile   = "state.safetensors"
	metaNext    = "lethe.next_step"
	metaUpdates = "lethe.optimizer_steps"
	metaAsked   = "lethe.asked" // hash of what was asked; a resumed run must ask the same
)

// saveState writes everything that step next needs: trained tensors and
// optimizer state. Random numbers are keyed by step, so none are stored.
func saveState(d runDir, trained []*layers.Param, opt optim.Optimizer, next int, asked string) error {
	var out []checkpoint.Tensor
	for _, p := range trained {
		out = append(out, checkpoint.FromFloat32("weights."+p.Name, p.Value.Shape(), p.Value.Data))
	}
	for _, s := range opt.State() {
		out = append(out, checkpoint.FromFloat32("optimizer."+s.Name, []int{len(s.Data)}, s.Data))
	}
	return checkpoint.WriteSafetensors(d.path(stateFile), out, map[string]string{
		metaFormat:  "lethe-state/1",
		metaNext:    strconv.Itoa(next),
		metaUpdates: strconv.Itoa(opt.Count()),
		metaAsked:   asked,
	})
}

// loadState restores what saveState wrote and returns the next step. A run that
// was stopped before its first checkpoint starts at 0.
func loadState(d runDir, trained []*layers.Param, opt optim.Optimizer, asked string) (next int, err error) {
	file, err := checkpoint.Open(d.path(stateFile))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer file.Close()
	if got := file.Metadata[metaAsked]; got != asked {
		return 0, fmt.Errorf("%s belongs to a run with other settings or images: --resume needs the same ones (see config.yaml beside it), --force starts over", file.Path)
	}
	if err := restoreWeights(file, trained); err != nil {
		return 0, err
	}
	var state []optim.StateTensor
	for _, t := range file.Tensors {
		name, ok := strings.CutPrefix(t.Name, "optimizer.")
		if !ok {
			continue
		}
		data, err := t.Float32()
		if err != nil {
			return 0, fmt.Errorf("%s: %w", file.Path, err)
		}
		state = append(state, optim.StateTensor{Name: name, Data: data})
	}
	updates, err := strconv.Atoi(file.Metadata[metaUpdates])
	if err != nil {
		return 0, fmt.Errorf("%s: metadata %s: %w", file.Path, metaUpdates, err)
	}
	if err := opt.Restore(state, updates); err != nil {
		return 0, fmt.Errorf("%s: %w", file.Path, err)
	}
	if next, err = strconv.Atoi(file.Metadata[metaNext]); err != nil {
		return 0, fmt.Errorf("%s: metadata %s: %w", file.Path, metaNext, err)
	}
	return next, nil
}

func restoreWeights(file *checkpoint.File, trained []*layers.Param) error {
	for _, p := range trained {
		t, ok := file.Get("weights." + p.Name)
		if !ok {
			return fmt.Errorf("%s: tensor weights.%s is missing", file.Path, p.Name)
		}
		data, err := t.Float32()
		if err != nil {
			return fmt.Errorf("%s: %w", file.Path, err)
		}
		if len(data) != p.Value.Len() {
			return fmt.Errorf("%s: tensor %s has %d values, want %d", file.Path, t.Name, len(data), p.Value.Len())
		}
		copy(p.Value.Data, data)
	}
	return nil
}
