package unlearn

import (
	"fmt"
	"slices"
	"strings"

	"lethe/autodiff"
	"lethe/harness/family"
	"lethe/layers"
	"lethe/layers/rng"
)

// Scope says which tensors a method trains.
type Scope string

// The scopes. A tensor outside the scope keeps its bytes.
const (
	EncoderOnly Scope = "encoder"
	FullModel   Scope = "full model"
)

// Method is one way to make a model forget.
type Method struct {
	// Name is what --method takes.
	Name string
	// Loss is the minimized loss in one line, in the notation of
	// arXiv 2402.00351.
	Loss string
	// Source is where the method is defined. The works that the paper takes its
	// baselines from are not named: their citations could not be verified.
	Source string
	Trains Scope
	// NeedsOriginal is false for a method that never runs the original.
	NeedsOriginal bool
	// Schedule says where alpha, learning rate, decay and epochs come from
	// where the user gives none; the numbers are the family's Recipe.
	Schedule string
	// IgnoresAlpha is true for a method whose losses alpha has no part in.
	IgnoresAlpha bool
	// Losses records the method's losses for one micro-batch.
	Losses func(s *Step) Losses
}

// Losses are scalars on the tape: Total is what Backward starts from.
type Losses struct{ Retain, Forget, Total *autodiff.Tensor }

// Reduction turns the difference of two groups of feature maps into a loss.
type Reduction string

// The reductions (spec, section 9.1). MSE is the mean over tokens and channels
// of the squared difference, as the released code has it; L2 is the printed
// norm, smoothed at 0 where it has no gradient.
const (
	MSE Reduction = "mse"
	L2  Reduction = "l2"
)

// l2Smoothing is added under the root of the L2 reduction; units of a squared
// feature distance.
const l2Smoothing = 1e-12

// Options are the user's choices that methods read.
type Options struct {
	Alpha     float64
	Reduction Reduction
	// UnitNoise makes RANDOM ENCODER draw N(0,1) instead of noise with the
	// original latent's mean and deviation (spec, section 9.16).
	UnitNoise bool
	Seed      uint64
}

// Timer times a named stage; the returned function ends it.
type Timer func(stage string) (stop func())

// Step is one micro-batch of one step, as a method sees it.
type Step struct {
	Tape              *autodiff.Tape
	Student, Original family.Model
	Draw              *family.Draw
	Number, First     int
	Options           Options
	Time              Timer
}

var registry []Method

// register adds a method at start; two of one name are a mistake in the build.
func register(m Method) Method {
	if slices.ContainsFunc(registry, func(o Method) bool { return o.Name == m.Name }) {
		panic("unlearn: method " + m.Name + " is registered twice")
	}
	registry = append(registry, m)
	return m
}

// Methods lists the registered methods, the paper's own first, then by name.
func Methods() []Method {
	out := slices.Clone(registry)
	slices.SortFunc(out, func(a, b Method) int {
		if (a.Name == "ours") != (b.Name == "ours") {
			if a.Name == "ours" {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out
}

// Find returns the method of a name; the error lists the names there are.
func Find(name string) (Method, error) {
	var names []string
	for _, m := range Methods() {
		if m.Name == name {
			return m, nil
		}
		names = append(names, m.Name)
	}
	return Method{}, fmt.Errorf("unknown method %q: want one of %s", name, strings.Join(names, ", "))
}

// Trained lists the tensors of m that the scope trains.
func (s Scope) Trained(m family.Model) []*layers.Param {
	all := m.Params()
	if s == EncoderOnly {
		all = m.Encoder()
	}
	var out []*layers.Param
	for _, p := range all {
		if !p.Fixed {
			out = append(out, p)
		}
	}
	return out
}

// Owned says by name which tensors a student of m needs of its own: those that
// the scope trains. The others keep the original's bytes.
func (s Scope) Owned(m family.Model) func(name string) bool {
	owned := map[string]bool{}
	for _, p := range s.Trained(m) {
		owned[p.Name] = true
	}
	return func(name string) bool { return owned[name] }
}

// Freeze readies m for being the frozen original of a student that owns its tensors: of
// the matrices among them it keeps what products of that precision read, and no values, which
// the student has.
func (s Scope) Freeze(m family.Model, p autodiff.Precision) {
	layers.KeepPacked(s.Trained(m), p)
}

// studentFeatures runs the student's encoder on the images as they are.
func (s *Step) studentFeatures() []*autodiff.Tensor {
	defer s.Time("student forward")()
	return s.Student.Features(s.Tape, s.Draw.Seen())
}

// studentOutput runs the whole student on the images as they are.
func (s *Step) studentOutput() *autodiff.Tensor { return s.studentOutputOf(s.Draw.Seen()) }

// studentOutputOf runs the whole student.
func (s *Step) studentOutputOf(b family.Batch) *autodiff.Tensor {
	defer s.Time("student forward")()
	return s.Student.Output(s.Tape, b)
}

// originalFeatures runs the frozen original's encoder.
func (s *Step) originalFeatures(b family.Batch) []*autodiff.Tensor {
	defer s.Time("original forward")()
	return s.Tape.FrozenAll(func() []*autodiff.Tensor { return s.Original.Features(s.Tape, b) })
}

// originalOutput runs the whole frozen original.
func (s *Step) originalOutput(b family.Batch) *autodiff.Tensor {
	defer s.Time("original forward")()
	return s.Tape.Frozen(func() *autodiff.Tensor { return s.Original.Output(s.Tape, b) })
}

// distance is the reduction of one group over all maps, summed over the maps.
func (s *Step) distance(maps, targets []*autodiff.Tensor, g family.Group) *autodiff.Tensor {
	var terms []*autodiff.Tensor
	var ones []float32
	for i, x := range maps {
		a := s.Tape.Rows(x, g.First, g.First+g.Count)
		b := s.Tape.Rows(targets[i], g.First, g.First+g.Count)
		if s.Options.Reduction == L2 {
			terms = append(terms, s.Tape.SampleL2(a, b, l2Smoothing))
		} else {
			terms = append(terms, s.Tape.MSE(a, b))
		}
		ones = append(ones, 1)
	}
	if len(terms) == 1 {
		return terms[0]
	}
	return s.Tape.WeightedSum(terms, ones)
}

// combine is retain + weight*forget; an empty group counts 0.
func (s *Step) combine(retain, forget *autodiff.Tensor, weight float64) Losses {
	total := s.Tape.WeightedSum([]*autodiff.Tensor{retain, forget}, []float32{1, float32(weight)})
	return Losses{Retain: retain, Forget: forget, Total: total}
}

// moments are the mean and the deviation of a target's noise.
type moments struct{ mean, std float64 }

// gaussian fills the rows of one group in every target with noise of the target's
// moments, keyed by sample: the maps of a sample follow each other in one stream,
// so that no two have the same noise. Several maps have a stream of their own
// purpose, since families that have them draw the noise of their images from
// rng.Noise; a single map keeps the stream that stored results were made with.
func (s *Step) gaussian(targets []*autodiff.Tensor, of []moments, g family.Group) {
	purpose := rng.Noise
	if len(targets) > 1 {
		purpose = rng.Target
	}
	for i := range g.Count {
		r := rng.New(s.Options.Seed, purpose, uint64(s.Number), 2*uint64(s.First+i)+1)
		for k, t := range targets {
			one := t.Len() / t.Dim(0)
			row := t.Data[(g.First+i)*one:][:one]
			for j := range row {
				row[j] = float32(r.NormFloat64()*of[k].std + of[k].mean)
			}
		}
	}
}
