package pretrained

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"lethe/autodiff"
	"lethe/layers"
)

// Weights looks tensors up by key and remembers what was asked for and what was
// wrong. A tensor that is missing or misshapen reads as zeros until Err.
type Weights struct {
	have    map[string]layers.Named
	record  bool
	specs   []layers.Spec
	asked   map[string]bool
	misfit  layers.Misfit
	factors []*autodiff.Tensor
}

// Of looks up in a checkpoint's tensors.
func Of(src []layers.Named) *Weights {
	w := &Weights{have: make(map[string]layers.Named, len(src)), asked: map[string]bool{}}
	for _, t := range src {
		if _, twice := w.have[t.Name]; twice {
			w.misfit.Bad = append(w.misfit.Bad, t.Name+" is given twice")
		}
		w.have[t.Name] = t
	}
	return w
}

// Record has every key, as zeros; Specs then lists what was asked for.
func Record() *Weights { return &Weights{record: true, asked: map[string]bool{}} }

// Specs lists the tensors that were asked for, in order.
func (w *Weights) Specs() []layers.Spec { return w.specs }

// Has reports whether there is a tensor of that key.
func (w *Weights) Has(key string) bool { return w.have[key].Data != nil }

// Take returns the values of a tensor, which the caller must not change.
func (w *Weights) Take(key string, shape ...int) []float32 {
	spec := layers.Spec{Name: key, Shape: shape}
	w.specs = append(w.specs, spec)
	w.asked[key] = true
	t, ok := w.have[key]
	switch {
	case w.record:
	case !ok:
		w.misfit.Missing = append(w.misfit.Missing, fmt.Sprintf("%s %v", key, shape))
	case !slices.Equal(t.Shape, shape) || len(t.Data) != spec.Len():
		w.misfit.Misshapen = append(w.misfit.Misshapen, fmt.Sprintf("%s is %v, want %v", key, t.Shape, shape))
	default:
		for i, v := range t.Data {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				w.misfit.Bad = append(w.misfit.Bad, fmt.Sprintf("%s has %v at element %d", key, v, i))
				break
			}
		}
		return t.Data
	}
	return make([]float32, spec.Len())
}

// Tensor is Take as a tensor of its own.
func (w *Weights) Tensor(key string, shape ...int) *autodiff.Tensor {
	return autodiff.FromSlice(slices.Clone(w.Take(key, shape...)), shape...)
}

// Matrix is Tensor for a matrix [out,in] that maps rows.
func (w *Weights) Matrix(key string, out, in int) *autodiff.Tensor {
	return w.factor(w.Tensor(key, out, in))
}

// factor remembers what will be multiplied by.
func (w *Weights) factor(t *autodiff.Tensor) *autodiff.Tensor {
	w.factors = append(w.factors, t)
	return t
}

// Freeze says that what was found never changes again, which makes products with
// it faster and takes its memory once more; where that would be more than a GiB,
// it stays as it is.
func (w *Weights) Freeze() {
	const most = 1 << 28
	n := 0
	for _, t := range w.factors {
		n += t.Len()
	}
	if n > most {
		return
	}
	for _, t := range w.factors {
		t.SetConstant()
	}
}

// Linear finds a Linear: weight [out,in], bias [out].
func (w *Weights) Linear(prefix string, in, out int) layers.Linear {
	return layers.Linear{Weight: w.Matrix(prefix+".weight", out, in), Bias: w.Tensor(prefix+".bias", out)}
}

// LayerNorm finds a LayerNorm: weight [width], bias [width].
func (w *Weights) LayerNorm(prefix string, width int, eps float32) layers.LayerNorm {
	return layers.LayerNorm{Weight: w.Tensor(prefix+".weight", width), Bias: w.Tensor(prefix+".bias", width), Eps: eps}
}

// LoadError says how a file does not fit a network.
type LoadError struct {
	layers.Misfit
	Network string // what the file was taken for
}

// Error names the network, the first few keys of every kind and how many.
func (e *LoadError) Error() string {
	text := fmt.Sprintf("the weights look like %s but do not fit it: %s", e.Network, e.Misfit.String())
	switch {
	case len(e.Bad) > 0 && !e.Foreign():
		return text + "; the file is damaged: fetch it again"
	case len(e.Extra) > 0 && len(e.Missing)+len(e.Misshapen) == 0:
		return text + "; remove the extra tensors if the network is that one"
	}
	return text + "; give the whole, unmodified state dict"
}

// Err reports whatever was wrong with the tensors asked for, and the keys that
// nobody asked for unless ignore is true of them. Counters of batches are always
// ignored.
func (w *Weights) Err(network string, ignore func(key string) bool) error {
	m := w.misfit
	m.Keys = len(w.specs)
	for key := range w.have {
		if !w.asked[key] && !strings.HasSuffix(key, "num_batches_tracked") && (ignore == nil || !ignore(key)) {
			m.Extra = append(m.Extra, key)
		}
	}
	slices.Sort(m.Extra)
	if !m.Any() {
		return nil
	}
	return &LoadError{Misfit: m, Network: network}
}

// Bare takes off every prefix that all keys share, one after another: module.
// of DistributedDataParallel and its like.
func Bare(src []layers.Named, prefixes ...string) []layers.Named {
	for _, prefix := range prefixes {
		if len(src) == 0 || slices.ContainsFunc(src, func(t layers.Named) bool { return !strings.HasPrefix(t.Name, prefix) }) {
			continue
		}
		src = slices.Clone(src)
		for i := range src {
			src[i].Name = strings.TrimPrefix(src[i].Name, prefix)
		}
	}
	return src
}
