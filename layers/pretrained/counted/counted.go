// Package counted makes weights and images by a formula of their key and number,
// which harness/reference/torch/networks.py has too, and holds outputs against
// those of PyTorch and torchvision. For tests.
package counted

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"strings"

	"lethe/autodiff"
	"lethe/layers"
)

//go:embed testdata/networks.json
var golden []byte

// Unit is number i of a key, uniform in [0,1): the finalizer of MurmurHash3 over
// FNV-1a of the key plus i times the golden ratio.
func Unit(key string, i int) float64 {
	h := fnv.New32a()
	h.Write([]byte(key))
	return unit(h.Sum32(), i)
}

func unit(h uint32, i int) float64 {
	z := h + uint32(i)*0x9e3779b9
	z = (z ^ z>>16) * 0x85ebca6b
	z = (z ^ z>>13) * 0xc2b2ae35
	return float64(z^z>>16) / (1 << 32)
}

// Weights makes a tensor for every spec, such that activations keep their size.
func Weights(specs []layers.Spec) []layers.Named {
	var out []layers.Named
	for _, s := range specs {
		h := fnv.New32a()
		h.Write([]byte(s.Name))
		sum, low, span := h.Sum32(), -0.1, 0.2
		switch fan := float64(s.Len() / s.Shape[0]); {
		case strings.HasSuffix(s.Name, "running_var"):
			low, span = 0.5, 1
		case len(s.Shape) == 4:
			low, span = -math.Sqrt(6/fan), 2*math.Sqrt(6/fan)
		case len(s.Shape) == 2:
			low, span = -math.Sqrt(3/fan), 2*math.Sqrt(3/fan)
		case strings.HasSuffix(s.Name, ".weight"):
			low, span = 0.75, 0.5
		}
		data := make([]float32, s.Len())
		for i := range data {
			data[i] = float32(low + float64(span*unit(sum, i)))
		}
		out = append(out, layers.Named{Name: s.Name, Shape: s.Shape, Data: data})
	}
	return out
}

// Images makes n images in [-1,1], [n,h,w,3]; the formula counts [n,3,h,w].
func Images(n, h, w int) *autodiff.Tensor {
	t := autodiff.New(n, h, w, 3)
	at := 0
	for i := range n {
		for c := range 3 {
			for p := range h * w {
				t.Data[(i*h*w+p)*3+c] = float32(2*Unit("input", at) - 1)
				at++
			}
		}
	}
	return t
}

// summary is what the golden file has of a tensor [rows,...].
type summary struct {
	Shape  []int     `json:"shape"`
	Norm   float64   `json:"norm"`
	Values []float64 `json:"values"` // at equal distances from the first element on
}

// Check holds a tensor against the golden one of that name: 64 values spread
// over it within 1e-4 of the largest of them, and the Euclidean norm likewise. Images
// are channels-last here and channels-first there.
func Check(name string, t *autodiff.Tensor) error {
	var all map[string]summary
	if err := json.Unmarshal(golden, &all); err != nil {
		return err
	}
	want, ok := all[name]
	if !ok {
		return fmt.Errorf("there is no golden tensor %q", name)
	}
	data, shape := t.Data, t.Shape()
	if len(shape) == 4 {
		data, shape = channelsFirst(data, shape), []int{shape[0], shape[3], shape[1], shape[2]}
	}
	if fmt.Sprint(shape) != fmt.Sprint(want.Shape) {
		return fmt.Errorf("%s is %v, want %v", name, shape, want.Shape)
	}
	norm, largest := 0.0, 0.0
	for _, v := range data {
		norm += float64(v) * float64(v)
	}
	for _, v := range want.Values {
		largest = max(largest, math.Abs(v))
	}
	if norm = math.Sqrt(norm); !(math.Abs(norm-want.Norm) <= 1e-4*want.Norm) {
		return fmt.Errorf("%s has norm %v, want %v", name, norm, want.Norm)
	}
	step := max(len(data)/64, 1)
	for i, v := range want.Values {
		if got := float64(data[i*step]); !(math.Abs(got-v) <= 1e-4*largest) {
			return fmt.Errorf("%s[%d] is %v, want %v (largest %v)", name, i*step, got, v, largest)
		}
	}
	return nil
}

func channelsFirst(x []float32, s []int) []float32 {
	out := make([]float32, 0, len(x))
	for n := range s[0] {
		for c := range s[3] {
			for p := range s[1] * s[2] {
				out = append(out, x[(n*s[1]*s[2]+p)*s[3]+c])
			}
		}
	}
	return out
}
