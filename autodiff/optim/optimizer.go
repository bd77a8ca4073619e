package optim

import (
	"fmt"
	"strconv"

	"lethe/autodiff"
)

// Group is parameters that share a weight decay.
type Group struct {
	Params      []*autodiff.Tensor
	WeightDecay float32
}

// StateTensor is one array of an optimizer's state, for a checkpoint. Names
// are "<i>.step", the steps that parameter i has made (one element), and the
// averages "<i>.m" and "<i>.v", with i the index over all groups in order.
type StateTensor struct {
	Name string
	Data []float32
}

// Optimizer moves parameters by their gradients.
type Optimizer interface {
	// Step updates every parameter that has a gradient, read as
	// gradient*gradScale (1, or the result of ClipScale), with learning rate lr.
	Step(lr, gradScale float32)
	// Count returns the number of Step calls, those before a Restore included.
	Count() int
	// State returns what a later run needs to go on: nothing for a
	// parameter that never had a gradient. The data is shared, not copied.
	State() []StateTensor
	// Restore replaces the state by a copy of an earlier one. On an error,
	// which names the array that does not fit, nothing is changed.
	Restore(state []StateTensor, count int) error
}

// maxSteps is where a float32 stops counting in ones.
const maxSteps = 1 << 24

// slot is one parameter and what the optimizer remembers of it.
type slot struct {
	value   *autodiff.Tensor
	decay   float32
	steps   int         // steps made with a gradient
	buffers [][]float32 // one per name in state.names; nil before the first step
}

// state is the bookkeeping that all optimizers share.
type state struct {
	names []string // of the buffers, such as "m", "v"
	slots []slot
	count int
}

// newState lists the parameters of all groups.
// Panics: a parameter is nil or listed twice.
func newState(op string, groups []Group, names ...string) state {
	s := state{names: names}
	seen := map[*autodiff.Tensor]bool{}
	for _, g := range groups {
		for _, p := range g.Params {
			if p == nil || seen[p] {
				panic(fmt.Sprintf("optim: %s: parameter %d is nil or listed twice", op, len(s.slots)))
			}
			seen[p] = true
			s.slots = append(s.slots, slot{value: p, decay: g.WeightDecay})
		}
	}
	return s
}

// Count returns the number of Step calls, those before a Restore included.
func (s *state) Count() int { return s.count }

// begin counts a step of a parameter that has a gradient, and makes its
// buffers before the first.
func (s *state) begin(p *slot) {
	if p.buffers == nil {
		p.buffers = s.newBuffers(p)
	}
	p.steps++
}

func (s *state) newBuffers(p *slot) [][]float32 {
	buffers := make([][]float32, len(s.names))
	for i := range buffers {
		buffers[i] = autodiff.New(p.value.Len()).Data
	}
	return buffers
}

// State returns the arrays of every parameter that has made a step.
func (s *state) State() []StateTensor {
	var all []StateTensor
	for i, p := range s.slots {
		if p.buffers == nil {
			continue
		}
		prefix := strconv.Itoa(i) + "."
		all = append(all, StateTensor{prefix + "step", []float32{float32(p.steps)}})
		for j, name := range s.names {
			all = append(all, StateTensor{prefix + name, p.buffers[j]})
		}
	}
	return all
}

// Restore replaces the state by a copy of an earlier one.
// Errors: an array is unknown, listed twice, of the wrong length or missing,
// or a step count is not possible. The state is unchanged then.
func (s *state) Restore(from []StateTensor, count int) error {
	if count < 0 || count > maxSteps {
		return fmt.Errorf("optim: step count is %d, want 0 to %d", count, maxSteps)
	}
	given := make(map[string][]float32, len(from))
	for _, t := range from {
		if _, twice := given[t.Name]; twice {
			return fmt.Errorf("optim: state %q is listed twice", t.Name)
		}
		given[t.Name] = t.Data
	}
	saved := make([]savedSlot, len(s.slots))
	for i := range s.slots {
		found, err := s.find(i, given, count)
		if err != nil {
			return err
		}
		saved[i] = found
	}
	for _, t := range from {
		if _, left := given[t.Name]; left {
			return fmt.Errorf("optim: state %q belongs to no parameter (there are %d)", t.Name, len(s.slots))
		}
	}
	for i := range s.slots {
		s.restoreSlot(&s.slots[i], saved[i])
	}
	s.count = count
	return nil
}

// savedSlot is the checked state of one parameter; buffers are nil for none.
type savedSlot struct {
	steps   int
	buffers [][]float32
}

// find takes the arrays of parameter i out of given and checks them.
func (s *state) find(i int, given map[string][]float32, count int) (savedSlot, error) {
	prefix := strconv.Itoa(i) + "."
	var found savedSlot
	present := 0
	for _, name := range s.names {
		data, ok := given[prefix+name]
		if !ok {
			continue
		}
		if want := s.slots[i].value.Len(); len(data) != want {
			return found, fmt.Errorf("optim: state %q has %d elements, want %d", prefix+name, len(data), want)
		}
		delete(given, prefix+name)
		found.buffers = append(found.buffers, data)
		present++
	}
	steps, counted := given[prefix+"step"]
	delete(given, prefix+"step")
	if present == 0 && !counted {
		return found, nil
	}
	if present < len(s.names) || !counted {
		return found, fmt.Errorf("optim: state of parameter %d is incomplete, want %q and step", i, s.names)
	}
	if len(steps) != 1 || !(steps[0] >= 1 && steps[0] <= float32(count)) || steps[0] != float32(int(steps[0])) {
		return found, fmt.Errorf("optim: state %q is %v, want one whole number from 1 to %d", prefix+"step", steps, count)
	}
	found.steps = int(steps[0])
	return found, nil
}

func (s *state) restoreSlot(p *slot, from savedSlot) {
	p.steps = from.steps
	if from.buffers == nil {
		p.buffers = nil
		return
	}
	if p.buffers == nil {
		p.buffers = s.newBuffers(p)
	}
	for i, data := range from.buffers {
		copy(p.buffers[i], data)
	}
}
