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

// The resumable state of a run, and the metadata keys of its files.
const (
	stateFile   = "state.safetensors"
	priorFile   = "state-before.safetensors" // see keeper
	metaNext    = "lethe.next_step"
	metaUpdates = "lethe.optimizer_steps"
	metaAsked   = "lethe.asked" // hash of what was asked; a resumed run must ask the same
	stateFormat = "lethe-state/1"

	metaPrecision = "lethe.precision" // of the products
	metaPath      = "lethe.path"      // what they ran on
)

// origin says what made a state: what was asked, as a hash, and how it was
// computed.
type origin struct {
	asked string
	arithmetic
}

// saveState writes everything that step next needs: trained tensors and
// optimizer state. Random numbers are keyed by step, so none are stored.
func saveState(path string, trained []*layers.Param, opt optim.Optimizer, next int, from origin) error {
	var out []checkpoint.Tensor
	for _, p := range trained {
		out = append(out, checkpoint.FromFloat32("weights."+p.Name, p.Shape, p.Export()))
	}
	for _, s := range opt.State() {
		out = append(out, checkpoint.FromFloat32("optimizer."+s.Name, []int{len(s.Data)}, s.Data))
	}
	return checkpoint.WriteSafetensors(path, out, map[string]string{
		metaFormat:    stateFormat,
		metaNext:      strconv.Itoa(next),
		metaUpdates:   strconv.Itoa(opt.Count()),
		metaAsked:     from.asked,
		metaPrecision: from.Precision,
		metaPath:      from.Path,
	})
}

// errOtherRun refuses a state that other settings or images made.
var errOtherRun = errors.New("it belongs to a run with other settings or images")

// loadState restores what saveState wrote and returns the next step, and the path
// that the state was computed on.
//
// Errors: os.ErrNotExist, errOtherRun, or a damaged file; then the parameters
// may hold anything.
func loadState(path string, trained []*layers.Param, opt optim.Optimizer, asked string) (next int, on string, err error) {
	file, err := checkpoint.Open(path)
	if err != nil {
		return 0, "", err
	}
	defer file.Close()
	if got := file.Metadata[metaAsked]; got != asked {
		return 0, "", errOtherRun
	}
	if err := restoreWeights(file, "weights.", trained); err != nil {
		return 0, "", err
	}
	var state []optim.StateTensor
	for _, t := range file.Tensors {
		name, ok := strings.CutPrefix(t.Name, "optimizer.")
		if !ok {
			continue
		}
		data, err := t.Float32()
		if err != nil {
			return 0, "", fmt.Errorf("%s: %w", file.Path, err)
		}
		state = append(state, optim.StateTensor{Name: name, Data: data})
	}
	updates, err := metaInt(file, metaUpdates)
	if err != nil {
		return 0, "", err
	}
	if err := opt.Restore(state, updates); err != nil {
		return 0, "", fmt.Errorf("%s: %w", file.Path, err)
	}
	next, err = metaInt(file, metaNext)
	return next, file.Metadata[metaPath], err
}

// metaInt reads a count from a file's metadata.
func metaInt(file *checkpoint.File, key string) (int, error) {
	n, err := strconv.Atoi(file.Metadata[key])
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s: metadata %s is %q, want a count", file.Path, key, file.Metadata[key])
	}
	return n, nil
}

// restoreWeights copies the tensors of a file, whose names begin with prefix,
// into parameters.
func restoreWeights(file *checkpoint.File, prefix string, params []*layers.Param) error {
	for _, p := range params {
		t, ok := file.Get(prefix + p.Name)
		if !ok {
			return fmt.Errorf("%s: tensor %s%s is missing", file.Path, prefix, p.Name)
		}
		data, err := t.Float32()
		if err != nil {
			return fmt.Errorf("%s: %w", file.Path, err)
		}
		if len(data) != p.Value.Len() {
			return fmt.Errorf("%s: tensor %s has %d values, want %d", file.Path, t.Name, len(data), p.Value.Len())
		}
		p.Import(data)
	}
	return nil
}

// exists tells whether a file is there.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
