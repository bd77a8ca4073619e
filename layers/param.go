package layers

import (
	"fmt"
	"slices"
	"strings"

	"lethe/autodiff"
)

// Param is one parameter of a model under its state-dict key.
type Param struct {
	Name  string
	Value *autodiff.Tensor
	Fixed bool // part of the state dict, but never trains (sin-cos positions)
}

// Named is a tensor as a checkpoint has it. len(Data) is the product of Shape.
type Named struct {
	Name  string
	Shape []int
	Data  []float32
}

// Spec describes a parameter before it has memory.
type Spec struct {
	Name  string
	Shape []int
	Fixed bool
	Start Start
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
		s.params[i] = &Param{Name: spec.Name, Value: autodiff.New(spec.Shape...), Fixed: spec.Fixed}
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

// SetTrainable switches the gradient of every parameter that is not Fixed on
// or off.
func SetTrainable(params []*Param, on bool) {
	for _, p := range params {
		if !p.Fixed {
			p.Value.SetTrainable(on)
		}
	}
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
