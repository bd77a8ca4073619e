package reference

import (
	"sort"
	"strings"

	"lethe/harness/checkpoint"
	"lethe/kernels"
)

// runner computes the tensors of one task from an opened bundle.
type runner func(*bundle) ([]checkpoint.Tensor, error)

// runners returns what can be run: model, then task.
func runners() map[string]map[string]runner {
	return map[string]map[string]runner{
		"mae":     {"forward": maeForward, "unlearn": maeUnlearn},
		"mage":    {"forward": mageForward, "unlearn": mageUnlearn},
		"palette": {"forward": paletteForward, "sample": paletteSample, "unlearn": paletteUnlearn},
	}
}

// Run computes the tensors of a bundle, with products of a precision, under the
// names of its expected ones. The file expected.safetensors is not read and need not exist.
//
// Errors: an *InputError: an unknown format, model or task, a file that cannot
// be read, a tensor that is missing or misshapen.
func Run(dir string, p kernels.Precision) ([]checkpoint.Tensor, error) {
	b, err := open(dir)
	if err != nil {
		return nil, err
	}
	defer b.close()
	b.precision = p
	tasks, ok := runners()[b.Model]
	if !ok {
		return nil, b.refuse("model is %q, want one of %s", b.Model, names(runners()))
	}
	run, ok := tasks[b.Task]
	if !ok {
		return nil, b.refuse("task of model %s is %q, want one of %s", b.Model, b.Task, names(tasks))
	}
	return run(b)
}

// names lists the keys of a map in alphabetic order.
func names[T any](m map[string]T) string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return strings.Join(keys, ", ")
}
