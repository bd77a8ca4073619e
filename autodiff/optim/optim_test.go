package optim

import (
	_ "embed"
	"encoding/json"
	"math"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"lethe/autodiff"
	"lethe/kernels/kerneltest"
)

// golden is written by testdata/make_golden.py from torch.optim, PyTorch 2.6.
//
//go:embed testdata/golden.json
var golden []byte

type trajectory struct {
	LR    float32
	W     [2][]float32
	Grads [][2][]float32 // null for no gradient
	After [][2][]float32
}

type goldenFile struct {
	AdamW    trajectory
	Adam     trajectory
	SGD      trajectory
	SGDPlain trajectory `json:"sgd_plain"`
	Clip     []struct {
		Limit, Norm  float64
		Grads, After [2][]float32
	}
}

func readGolden(t *testing.T) goldenFile {
	t.Helper()
	var g goldenFile
	if err := json.Unmarshal(golden, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// parameters returns leaves with the given numbers.
func parameters(w [2][]float32) []*autodiff.Tensor {
	var params []*autodiff.Tensor
	for _, data := range w {
		p := autodiff.FromSlice(slices.Clone(data), len(data))
		p.SetTrainable(true)
		params = append(params, p)
	}
	return params
}

// setGrads gives every parameter exactly that gradient, or none.
func setGrads(params []*autodiff.Tensor, grads [2][]float32) {
	tp := autodiff.NewTape()
	for i, p := range params {
		p.ZeroGrad()
		if grads[i] != nil {
			tp.BackwardFrom(p, grads[i])
		}
	}
}

// play follows a trajectory and compares each step. The parameters are below
// 1 in magnitude and a step below 2*lr, in about 16 roundings each step; the gradients
// are halved here and doubled by gradScale, which is exact.
func play(t *testing.T, name string, g trajectory, make func(params []*autodiff.Tensor) Optimizer) {
	t.Helper()
	params := parameters(g.W)
	o := make(params)
	for step, want := range g.After {
		grads := g.Grads[step]
		for i := range grads {
			grads[i] = slices.Clone(grads[i])
			for j := range grads[i] {
				grads[i][j] /= 2
			}
		}
		setGrads(params, grads)
		before := slices.Clone(params[1].Data)
		o.Step(g.LR, 2)
		if grads[1] == nil && !slices.Equal(params[1].Data, before) {
			t.Errorf("%s: step %d moved a parameter without gradient", name, step)
		}
		for i := range params {
			for j, w := range want[i] {
				tolerance := float64(step+1) * (1 + 16*2*float64(g.LR)) / (1 << 24)
				if diff := math.Abs(float64(params[i].Data[j]) - float64(w)); !(diff <= tolerance) {
					t.Fatalf("%s: step %d, parameter %d, element %d is %g, PyTorch has %g (tolerance %.2g)",
						name, step, i, j, params[i].Data[j], w, tolerance)
				}
			}
		}
	}
	if o.Count() != len(g.After) {
		t.Errorf("%s: count is %d, want %d", name, o.Count(), len(g.After))
	}
}

func groups(params []*autodiff.Tensor, decay float32) []Group {
	return []Group{{Params: params[:1], WeightDecay: decay}, {Params: params[1:]}}
}

func newAdamWForTest(p []*autodiff.Tensor) Optimizer {
	return NewAdamW(groups(p, 0.05), AdamConfig{Beta1: 0.9, Beta2: 0.95, Eps: 1e-8})
}

func newSGDForTest(p []*autodiff.Tensor) Optimizer { return NewSGD(groups(p, 0.1), 0.9) }

// TestTrajectories compares five steps with PyTorch, with a decay group and a
// parameter that has no gradient in steps 0 and 2, so that its own step count matters.
func TestTrajectories(t *testing.T) {
	g := readGolden(t)
	play(t, "AdamW", g.AdamW, newAdamWForTest)
	play(t, "Adam", g.Adam, func(p []*autodiff.Tensor) Optimizer {
		return NewAdam(groups(p, 0.1), AdamConfig{Beta1: 0.9, Beta2: 0.999, Eps: 1e-6})
	})
	play(t, "SGD", g.SGD, newSGDForTest)
	play(t, "SGD without momentum", g.SGDPlain, func(p []*autodiff.Tensor) Optimizer { return NewSGD(groups(p, 0), 0) })
}

// TestAdamWByHand: one step from w = 2 with gradient 0.5, lr 0.1, decay 0.1.
// Both averages divided by their corrections are the gradient and its square,
// so the step is lr*g/(|g|+eps) = 0.1 after the decay to 2*(1-0.01).
func TestAdamWByHand(t *testing.T) {
	p := autodiff.FromSlice([]float32{2}, 1)
	p.SetTrainable(true)
	autodiff.NewTape().BackwardFrom(p, []float32{0.5})
	NewAdamW([]Group{{Params: []*autodiff.Tensor{p}, WeightDecay: 0.1}}, AdamConfig{Beta1: 0.9, Beta2: 0.999}).Step(0.1, 1)
	if got, want := float64(p.Data[0]), 1.98-0.1; !(math.Abs(got-want) <= 4*2.0/(1<<24)) {
		t.Errorf("weight is %.9g, want %.9g", got, want)
	}
}

// TestRestore: a restored optimizer goes on bit by bit, its state shares
// nothing with what it was restored from.
func TestRestore(t *testing.T) {
	g := readGolden(t).AdamW
	for name, make := range map[string]func([]*autodiff.Tensor) Optimizer{"AdamW": newAdamWForTest, "SGD": newSGDForTest} {
		params := parameters(g.W)
		first := make(params)
		for step := range 2 {
			setGrads(params, g.Grads[step])
			first.Step(0.01, 1)
		}
		saved := copyState(first.State())
		copies := parameters([2][]float32{params[0].Data, params[1].Data})
		second := make(copies)
		if err := second.Restore(saved, first.Count()); err != nil {
			t.Fatal(err)
		}
		for _, s := range saved {
			clear(s.Data)
		}
		for step := 2; step < 5; step++ {
			for _, run := range []struct {
				o Optimizer
				p []*autodiff.Tensor
			}{{first, params}, {second, copies}} {
				setGrads(run.p, g.Grads[step])
				run.o.Step(0.01, 1)
			}
		}
		if !reflect.DeepEqual(params[0].Data, copies[0].Data) || !reflect.DeepEqual(params[1].Data, copies[1].Data) {
			t.Errorf("%s: a restored run differs from one that went on", name)
		}
		if !reflect.DeepEqual(first.State(), second.State()) || first.Count() != second.Count() {
			t.Errorf("%s: states differ after a restored run", name)
		}
		if err := second.Restore(nil, 0); err != nil || len(second.State()) != 0 || second.Count() != 0 {
			t.Errorf("%s: restoring an empty state leaves %d arrays (error %v)", name, len(second.State()), err)
		}
	}
}

func copyState(from []StateTensor) []StateTensor {
	var to []StateTensor
	for _, s := range from {
		to = append(to, StateTensor{s.Name, slices.Clone(s.Data)})
	}
	return to
}

// TestStateNames: parameter 1 had no gradient yet, so it has no state.
func TestStateNames(t *testing.T) {
	g := readGolden(t).AdamW
	params := parameters(g.W)
	o := newAdamWForTest(params)
	setGrads(params, g.Grads[0])
	o.Step(0.01, 1)
	var names []string
	for _, s := range o.State() {
		names = append(names, s.Name)
	}
	if want := []string{"0.step", "0.m", "0.v"}; !slices.Equal(names, want) {
		t.Errorf("state is %q, want %q", names, want)
	}
}

// TestRestoreRefuses: each broken state is an error and changes nothing.
func TestRestoreRefuses(t *testing.T) {
	data, one := make([]float32, 19), []float32{1}
	good := []StateTensor{{"0.step", one}, {"0.m", data}, {"0.v", data}}
	for name, c := range map[string]struct {
		state []StateTensor
		count int
	}{
		"negative count":    {good, -1},
		"step after count":  {good, 0},
		"unknown name":      {append(slices.Clone(good), StateTensor{"2.m", data}), 1},
		"unknown buffer":    {append(slices.Clone(good), StateTensor{"0.q", data}), 1},
		"listed twice":      {append(slices.Clone(good), StateTensor{"0.m", data}), 1},
		"short":             {[]StateTensor{{"0.step", one}, {"0.m", data[:18]}, {"0.v", data}}, 1},
		"missing average":   {good[:2], 1},
		"missing step":      {good[1:], 1},
		"fractional step":   {[]StateTensor{{"0.step", []float32{1.5}}, {"0.m", data}, {"0.v", data}}, 2},
		"two steps":         {[]StateTensor{{"0.step", []float32{1, 1}}, {"0.m", data}, {"0.v", data}}, 2},
		"step not a number": {[]StateTensor{{"0.step", []float32{float32(math.NaN())}}, {"0.m", data}, {"0.v", data}}, 2},
	} {
		g := readGolden(t).AdamW
		params := parameters(g.W)
		o := newAdamWForTest(params)
		setGrads(params, g.Grads[1])
		o.Step(0.01, 1)
		before := copyState(o.State())
		if err := o.Restore(c.state, c.count); err == nil {
			t.Errorf("%s: no error", name)
		}
		if !reflect.DeepEqual(o.State(), before) || o.Count() != 1 {
			t.Errorf("%s: the state changed", name)
		}
	}
}

func TestConstructorsRefuse(t *testing.T) {
	p := autodiff.New(1)
	ok := AdamConfig{Beta1: 0.9, Beta2: 0.9}
	one := []Group{{Params: []*autodiff.Tensor{p}}}
	for name, f := range map[string]func(){
		"twice":        func() { NewAdamW([]Group{{Params: []*autodiff.Tensor{p}}, {Params: []*autodiff.Tensor{p}}}, ok) },
		"nil":          func() { NewAdam([]Group{{Params: []*autodiff.Tensor{nil}}}, ok) },
		"beta 1":       func() { NewAdam(one, AdamConfig{Beta1: 1, Beta2: 0.9}) },
		"beta NaN":     func() { NewAdam(one, AdamConfig{Beta1: 0.9, Beta2: math.NaN()}) },
		"negative eps": func() { NewAdamW(one, AdamConfig{Beta1: 0.9, Beta2: 0.9, Eps: -1}) },
		"momentum":     func() { NewSGD(one, -0.1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

// TestClip compares norm and clipped gradients with PyTorch, whose norm is a
// float32: a few roundings of it and one per product.
func TestClip(t *testing.T) {
	for _, c := range readGolden(t).Clip {
		params := parameters(c.Grads)
		setGrads(params, c.Grads)
		norm := GlobalNorm(append(params, autodiff.New(3))) // the last has no gradient
		if !(math.Abs(norm-c.Norm) <= 42*c.Norm/(1<<24)) {
			t.Errorf("norm is %g, PyTorch has %g", norm, c.Norm)
		}
		scale := ClipScale(norm, c.Limit)
		for i := range params {
			for j, want := range c.After[i] {
				if got := params[i].Grad()[j] * scale; !(math.Abs(float64(got-want)) <= 45*math.Abs(float64(want))/(1<<24)) {
					t.Errorf("limit %g: gradient is %g, PyTorch has %g", c.Limit, got, want)
				}
			}
		}
	}
}

func TestClipScale(t *testing.T) {
	for _, c := range []struct {
		norm, limit float64
		want        float32
	}{{10, 0, 1}, {10, -1, 1}, {1, 3, 1}, {6, 3, float32(3 / 6.000001)}, {0, 1, 1}, {math.Inf(1), 1, 0}} {
		if got := ClipScale(c.norm, c.limit); got != c.want {
			t.Errorf("ClipScale(%g, %g) is %g, want %g", c.norm, c.limit, got, c.want)
		}
	}
	if got := ClipScale(math.NaN(), 1); got == got {
		t.Errorf("ClipScale of NaN is %g, want NaN", got)
	}
}

func TestSchedules(t *testing.T) {
	s := WarmupCosine{Base: 1, Min: 0.25, Warmup: 4, Total: 12}
	half := float32(0.25 + 0.375*(1+math.Cos(math.Pi/4)))
	for step, want := range map[int]float32{0: 0, 1: 0.25, 3: 0.75, 4: 1, 6: half, 8: 0.625, 12: 0.25, 13: 0.25, 100: 0.25} {
		if got := s.At(step); math.Abs(float64(got-want)) > 1.0/(1<<24) || got != got {
			t.Errorf("step %d: rate is %g, want %g", step, got, want)
		}
	}
	if got := (WarmupCosine{Base: 2, Total: 10}).At(0); got != 2 {
		t.Errorf("without warm-up the first rate is %g, want 2", got)
	}
	if got := (WarmupCosine{Base: 2, Min: 1, Warmup: 10, Total: 10}).At(10); got != 1 {
		t.Errorf("with nothing but warm-up the last rate is %g, want 1", got)
	}
	if got := Constant(0.5).At(77); got != 0.5 {
		t.Errorf("constant rate is %g, want 0.5", got)
	}
}

// TestStepAllocatesNothing after the first step, which makes the averages.
func TestStepAllocatesNothing(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	g := readGolden(t).AdamW
	for name, make := range map[string]func([]*autodiff.Tensor) Optimizer{"AdamW": newAdamWForTest, "SGD": newSGDForTest} {
		params := parameters(g.W)
		o := make(params)
		setGrads(params, g.Grads[1])
		o.Step(0.01, 1)
		for _, workers := range []int{1, 2} {
			runtime.GOMAXPROCS(workers)
			if n := kerneltest.Allocations(10, func() { o.Step(0.01, 1) }); n != 0 {
				t.Errorf("%s, %d workers: 10 steps allocate %d objects, want 0", name, workers, n)
			}
		}
	}
}
