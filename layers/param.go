package layers

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	"lethe/autodiff"
)

// Layout is how a parameter lies in memory, compared with the state dict.
type Layout uint8

// The layouts.
const (
	LayoutPlain Layout = iota // as in the state dict
	LayoutConv                // [Co,KH,KW,Ci] in memory, [Co,Ci,KH,KW] in the state dict
)

// Param is one parameter of a model under its state-dict key.
type Param struct {
	Name   string
	Value  *autodiff.Tensor
	Fixed  bool  // part of the state dict, but never trains (sin-cos positions)
	Factor bool  // a matrix that Linear and MLP multiply by, and nothing else reads
	Shape  []int // in the state dict; Value has another one where the layout differs
	Layout Layout
}

// Export returns the values in state-dict order: the parameter's own memory
// where the layout is plain, a copy otherwise.
func (p *Param) Export() []float32 {
	if p.Layout == LayoutPlain {
		return p.Value.Data
	}
	out := make([]float32, p.Value.Len())
	p.eachTap(func(dict, memory int) { out[dict] = p.Value.Data[memory] })
	return out
}

// Import copies values in state-dict order into the parameter.
//
// Panics: len(data) is not that of the parameter.
func (p *Param) Import(data []float32) {
	if len(data) != p.Value.Len() {
		panic(fmt.Sprintf("layers: Import: %s: len(data) is %d, want %d", p.Name, len(data), p.Value.Len()))
	}
	if p.Layout == LayoutPlain {
		copy(p.Value.Data, data)
		return
	}
	p.eachTap(func(dict, memory int) { p.Value.Data[memory] = data[dict] })
}

// eachTap calls f with the place of every weight of a convolution, in the state
// dict and in memory.
func (p *Param) eachTap(f func(dict, memory int)) {
	in, taps := p.Shape[1], p.Shape[2]*p.Shape[3]
	for out := range p.Shape[0] {
		for c := range in {
			for tap := range taps {
				f((out*in+c)*taps+tap, (out*taps+tap)*in+c)
			}
		}
	}
}

// Named is a tensor as a checkpoint has it. len(Data) is the product of Shape.
type Named struct {
	Name  string
	Shape []int
	Data  []float32
}

// Spec describes a parameter before it has memory.
type Spec struct {
	Name   string
	Shape  []int // in the state dict
	Fixed  bool
	Factor bool
	Start  Start
	Layout Layout
	Fan    int // inputs of an output, where the shape does not tell: of a bias
}

// memory is the shape of the tensor.
func (s Spec) memory() []int {
	if s.Layout == LayoutConv {
		return []int{s.Shape[0], s.Shape[2], s.Shape[3], s.Shape[1]}
	}
	return s.Shape
}

// Len returns the number of elements.
func (s Spec) Len() int {
	n := 1
	for _, d := range s.Shape {
		n *= d
	}
	return n
}

// Set is the parameters of a model, in state-dict order and by name.
type Set struct {
	specs  []Spec
	params []*Param
	byName map[string]*Param
}

// Allocate makes a zeroed tensor for every spec, none of them trainable.
//
// Panics: two specs share a name.
func Allocate(specs []Spec) *Set {
	s := &Set{
		specs:  specs,
		params: make([]*Param, len(specs)),
		byName: make(map[string]*Param, len(specs)),
	}
	for i, spec := range specs {
		if s.byName[spec.Name] != nil {
			panic(fmt.Sprintf("layers: Allocate: two parameters are named %q", spec.Name))
		}
		s.params[i] = &Param{Name: spec.Name, Value: autodiff.New(spec.memory()...), Fixed: spec.Fixed, Factor: spec.Factor, Shape: spec.Shape, Layout: spec.Layout}
		s.byName[spec.Name] = s.params[i]
	}
	return s
}

// Params returns the parameters in the order of their specs. The caller must
// not change the slice.
func (s *Set) Params() []*Param { return s.params }

// Tensor returns the tensor of a parameter.
//
// Panics: there is no parameter of that name.
func (s *Set) Tensor(name string) *autodiff.Tensor {
	p := s.byName[name]
	if p == nil {
		panic(fmt.Sprintf("layers: Tensor: there is no parameter named %q", name))
	}
	return p.Value
}

// Has reports whether there is a parameter of that name.
func (s *Set) Has(name string) bool { return s.byName[name] != nil }

// SetTrainable switches the gradient of every parameter that is not Fixed on
// or off.
func SetTrainable(params []*Param, on bool) {
	for _, p := range params {
		if !p.Fixed {
			p.Value.SetTrainable(on)
		}
	}
}

// KeepPacked gives up the values of the parameters that only products read, for the order in
// which products of that precision read them (autodiff.Tensor.KeepPacked): the params of a
// model that never trains again, and whose values nobody else wants.
func KeepPacked(params []*Param, p autodiff.Precision) {
	for _, q := range params {
		if q.Factor {
			q.Value.KeepPacked(p)
		}
	}
	runtime.GC() // so that gradients and moments take the memory of the values
}

// ZeroGrad makes every parameter forget its gradient.
func ZeroGrad(params []*Param) {
	for _, p := range params {
		p.Value.ZeroGrad()
	}
}

// DecayGroups splits the parameters that are not Fixed into those that weight
// decay shrinks (rank above 1 and a name that does not end in ".bias") and the
// rest, each in the order of params.
func DecayGroups(params []*Param) (decay, plain []*autodiff.Tensor) {
	for _, p := range params {
		switch {
		case p.Fixed:
		case len(p.Value.Shape()) > 1 && !strings.HasSuffix(p.Name, ".bias"):
			decay = append(decay, p.Value)
		default:
			plain = append(plain, p.Value)
		}
	}
	return decay, plain
}

// Copy copies the values of src into dst, which describe the same model.
//
// Panics: the lists differ in length, a name or a shape.
func Copy(dst, src []*Param) {
	if len(dst) != len(src) {
		panic(fmt.Sprintf("layers: Copy: src has %d parameters, want %d", len(src), len(dst)))
	}
	for i, d := range dst {
		if s := src[i]; d.Name != s.Name || !slices.Equal(d.Value.Shape(), s.Value.Shape()) {
			panic(fmt.Sprintf("layers: Copy: parameter %d of src is %s %v, want %s %v",
				i, s.Name, s.Value.Shape(), d.Name, d.Value.Shape()))
		}
		copy(d.Value.Data, src[i].Value.Data)
	}
}
