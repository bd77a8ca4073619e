package gradcheck

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"lethe/autodiff"
	"lethe/kernels"
)

func testRNG() *rand.Rand { return rand.New(rand.NewPCG(20, 24)) }

// TestEveryOp is the table: every op, every input, and the wirings that go
// wrong when gradients are shared, accumulated or skipped.
func TestEveryOp(t *testing.T) {
	for _, r := range allRows() {
		t.Run(r.op+"/"+r.wiring, func(t *testing.T) {
			rng := testRNG()
			c := Case{Inputs: r.tensors(rng), Forward: r.forward, Roundings: r.roundings, Magnitude: r.magnitude}
			if _, err := Check(c, rng); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestPrecisions checks the ops that have products of the tape's precision in
// BF16x3: beside a row's own roundings each of its three products has some, and
// every product is off by 192 more (see Case); no row has more than two in a chain.
func TestPrecisions(t *testing.T) {
	checked := 0
	for _, r := range allRows() {
		if r.op != "Linear" && r.op != "Conv2D" {
			continue
		}
		checked++
		rng := testRNG()
		c := Case{Inputs: r.tensors(rng), Forward: r.forward, Roundings: 3*r.roundings + 2*192, Magnitude: r.magnitude, Precision: kernels.BF16x3}
		if _, err := Check(c, rng); err != nil {
			t.Errorf("%s, %s: %v", r.op, r.wiring, err)
		}
	}
	if checked < 2 {
		t.Errorf("%d rows were checked", checked)
	}
}

// notOps are the methods that return a tensor but compute nothing of their own.
var notOps = []string{"Frozen", "Scope"}

// forwardOnly are the ops without a gradient, which refuse an input that wants
// one: TestForwardOnlyRefusesGradients of autodiff.
var forwardOnly = []string{"AvgPool", "ConvFused", "Join", "MaxPool", "MeanPixels", "ReluInPlace"}

// TestTableIsComplete compares the table with the methods of Tape, so that an
// op without a row fails.
func TestTableIsComplete(t *testing.T) {
	inTable := map[string]bool{}
	for _, r := range allRows() {
		inTable[r.op] = true
	}
	typ := reflect.TypeFor[*autodiff.Tape]()
	ops := 0
	for i := range typ.NumMethod() {
		m := typ.Method(i)
		if m.Type.NumOut() == 0 || m.Type.Out(0) != reflect.TypeFor[*autodiff.Tensor]() || slices.Contains(notOps, m.Name) || slices.Contains(forwardOnly, m.Name) {
			continue
		}
		ops++
		if !inTable[m.Name] {
			t.Errorf("op %s has no row in the table", m.Name)
		}
		delete(inTable, m.Name)
	}
	if ops == 0 {
		t.Error("found no op by reflection")
	}
	for name := range inTable {
		t.Errorf("table row for %s, which is not an op", name)
	}
}

// TestScopeChangesNoBit runs every row plain and inside nested scopes.
func TestScopeChangesNoBit(t *testing.T) {
	for _, r := range allRows() {
		in := r.tensors(testRNG())
		plain := gradients(in, r.forward)
		scoped := gradients(in, func(tp *tape, in []*tensor) *tensor {
			return tp.Scope(func() *tensor {
				x := tp.Scope(func() *tensor { return r.forward(tp, in) })
				tp.Scale(x, 2) // dead at once
				return x
			})
		})
		if !reflect.DeepEqual(plain, scoped) {
			t.Errorf("%s, %s: scope changed the result", r.op, r.wiring)
		}
	}
}

// gradients returns the output and all gradients, on a tape that has been used before.
func gradients(in []*tensor, f forward) [][]float32 {
	tp := autodiff.NewTape()
	var all [][]float32
	for range 2 {
		all = all[:0]
		y := f(tp, in)
		all = append(all, slices.Clone(y.Data))
		dy := make([]float32, y.Len())
		for i := range dy {
			dy[i] = float32(i%5) - 1.5
		}
		tp.BackwardFrom(y, dy)
		for _, x := range in {
			all = append(all, slices.Clone(x.Grad()))
			x.ZeroGrad()
		}
		tp.Reset()
	}
	return all
}

// Violations: a gradient that is wrong by one percent, a missing one, one that
// is not a number, and nothing to check.

func TestCheckRefusesWrongGradient(t *testing.T) {
	x := autodiff.FromSlice([]float32{1, -0.5, 0.25}, 3)
	x.SetTrainable(true)
	calls := 0
	err := checkOf(x, func(tp *tape, in []*tensor) *tensor {
		calls++
		y := tp.Scale(in[0], 2)
		if calls > 1 { // the pass that is differentiated numerically
			y = tp.Mul(y, autodiff.FromSlice([]float32{1, 1.01, 1}, 3))
		}
		return y
	})
	if err == nil || !strings.Contains(err.Error(), "input 0, element 1") {
		t.Errorf("error is %v, want one that names input 0, element 1", err)
	}
}

func TestCheckRefusesMissingGradient(t *testing.T) {
	x, y := autodiff.New(2), autodiff.New(2)
	x.SetTrainable(true)
	y.SetTrainable(true)
	_, err := Check(Case{Inputs: []*tensor{x, y}, Roundings: 1, Magnitude: 1,
		Forward: func(tp *tape, in []*tensor) *tensor { return tp.Scale(in[0], 2) }}, testRNG())
	if err == nil || !strings.Contains(err.Error(), "input 1") {
		t.Errorf("error is %v, want one that names input 1", err)
	}
}

func TestCheckRefusesNaN(t *testing.T) {
	x := autodiff.FromSlice([]float32{1, 1}, 2)
	x.SetTrainable(true)
	nan := autodiff.FromSlice([]float32{1, 0}, 2)
	nan.Data[1] /= nan.Data[1]
	err := checkOf(x, func(tp *tape, in []*tensor) *tensor { return tp.Mul(in[0], nan) })
	if err == nil || !strings.Contains(err.Error(), "NaN") {
		t.Errorf("error is %v, want one about NaN", err)
	}
}

func TestCheckRefusesNothing(t *testing.T) {
	x := autodiff.New(0)
	x.SetTrainable(true)
	if err := checkOf(x, func(tp *tape, in []*tensor) *tensor { return tp.Scale(in[0], 2) }); err == nil {
		t.Error("no error for an empty input")
	}
}

func checkOf(x *tensor, f forward) error {
	_, err := Check(Case{Inputs: []*tensor{x}, Forward: f, Roundings: 2, Magnitude: 4}, testRNG())
	return err
}
