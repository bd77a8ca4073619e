package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"lethe/autodiff"
	"lethe/autodiff/optim"
	"lethe/harness/stage"
)

func TestCut(t *testing.T) {
	for _, c := range []struct {
		n, size int
		want    []int
	}{
		{8, 0, []int{0, 8}}, {8, 8, []int{0, 8}}, {8, 9, []int{0, 8}}, {8, 4, []int{0, 4, 8}}, {8, 3, []int{0, 3, 6, 8}},
		{1, 1, []int{0, 1}}, {3, 1, []int{0, 1, 2, 3}}, {7, 2, []int{0, 2, 4, 6, 7}},
	} {
		cut := Cut(c.n, c.size)
		if !slices.Equal(cut, c.want) {
			t.Errorf("Cut(%d, %d) is %v, want %v", c.n, c.size, cut, c.want)
		}
		var sum float64
		for i, share := range Shares(cut) {
			if want := float64(cut[i+1]-cut[i]) / float64(c.n); share != want {
				t.Errorf("Shares(%v)[%d] is %g, want %g", cut, i, share, want)
			}
			sum += share
		}
		if math.Abs(sum-1) > 1e-15 {
			t.Errorf("the shares of %v add up to %g", cut, sum)
		}
	}
}

// line is a loop that fits w [2] to a target with the loss sum (w-target)^2.
type line struct {
	Loop
	w     *autodiff.Tensor
	saved []int
	log   []Record
}

func newLine(micros int, target func(step, i int) []float32) *line {
	l := &line{w: autodiff.New(2)}
	l.w.SetTrainable(true)
	l.Loop = Loop{
		Tape: autodiff.NewTape(), Params: []*autodiff.Tensor{l.w}, Optimizer: optim.NewSGD([]optim.Group{{Params: []*autodiff.Tensor{l.w}}}, 0),
		Schedule: optim.Constant(0.25), Steps: 6, StepsPerEpoch: 4, Shares: Shares(Cut(micros, 1)), Clock: stage.New(stage.Options{}),
		Micro: func(step, i int) (Losses, error) {
			d := l.Tape.Sub(l.w, autodiff.FromSlice(target(step, i), 2))
			half := l.Tape.MSE(d, autodiff.New(2))
			return Losses{Total: l.Tape.Scale(half, 2), Retain: half}, nil
		},
		OnStep: func(r Record) error { l.log = append(l.log, r); return nil },
		Save:   func(next int) error { l.saved = append(l.saved, next); return nil },
	}
	return l
}

// TestLoopIsMetered: gradient norm and optimizer are ops of their own: 4 bytes an
// element for the norm, 28 for AdamW, which has no averages to read at first.
func TestLoopIsMetered(t *testing.T) {
	l := newLine(1, func(int, int) []float32 { return []float32{1, 2} })
	l.Optimizer = optim.NewAdamW([]optim.Group{{Params: l.Params}}, optim.AdamConfig{Beta1: 0.9, Beta2: 0.95, Eps: 1e-8})
	l.Steps, l.Ops = 3, stage.NewOps(stage.OpsOptions{})
	if _, err := l.Run(context.Background(), 0); err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{"gradnorm": 3 * 4 * 2, "optimizer": (12 + 28 + 28) * 2}
	for _, o := range l.Ops.Summary() {
		if got := math.Round(o.GBytes * 1e9); got != want[o.Name] || o.Calls != 3 {
			t.Errorf("%s: %g bytes in %d calls, want %g in 3", o.Name, got, o.Calls, want[o.Name])
		}
		delete(want, o.Name)
	}
	if len(want) > 0 {
		t.Errorf("%v was not heard of", want)
	}
}

// TestStep checks one step by hand: loss 1^2+2^2 = 5, gradient -2*(1,2), its
// norm sqrt(20), and w = 0.25*2*(1,2); then the same clipped to norm 1.
func TestStep(t *testing.T) {
	l := newLine(1, func(int, int) []float32 { return []float32{1, 2} })
	l.Steps = 1
	if next, err := l.Run(context.Background(), 0); err != nil || next != 1 {
		t.Fatal(next, err)
	}
	r := l.log[0]
	if r.Loss != 5 || r.Retain != 2.5 || r.Forget != 0 || math.Abs(r.GradNorm-math.Sqrt(20)) > 1e-6 || r.LearningRate != 0.25 || r.Seconds <= 0 || r.Step != 0 || r.Epoch != 0 {
		t.Errorf("record %+v", r)
	}
	if l.w.Data[0] != 0.5 || l.w.Data[1] != 1 {
		t.Errorf("w is %v, want (0.5, 1)", l.w.Data)
	}
	l = newLine(1, func(int, int) []float32 { return []float32{1, 2} })
	l.Steps, l.Clip = 1, 1
	if _, err := l.Run(context.Background(), 0); err != nil {
		t.Fatal(err)
	}
	if want := 0.5 / math.Sqrt(20); math.Abs(float64(l.w.Data[0])-want) > 1e-6 || math.Abs(l.log[0].GradNorm-math.Sqrt(20)) > 1e-6 {
		t.Errorf("clipped: w is %v, want %g first; norm %g before clipping", l.w.Data, want, l.log[0].GradNorm)
	}
}

// TestMicroBatchesAverage: the step of a cut batch is that of the mean loss.
func TestMicroBatchesAverage(t *testing.T) {
	l := newLine(4, func(_, i int) []float32 { return []float32{float32(i), 2} }) // 0, 1, 2, 3
	l.Steps = 1
	if _, err := l.Run(context.Background(), 0); err != nil {
		t.Fatal(err)
	}
	if l.w.Data[0] != 0.75 || l.w.Data[1] != 1 { // half of the way to (1.5, 2)
		t.Errorf("w is %v, want (0.75, 1)", l.w.Data)
	}
	if want := (0.+1+4+9)/4 + 4; l.log[0].Loss != want {
		t.Errorf("loss %g, want %g", l.log[0].Loss, want)
	}
}

func TestStepNumbers(t *testing.T) {
	l := newLine(1, func(step, _ int) []float32 { return []float32{float32(step), 0} })
	l.SaveEvery = 2
	if next, err := l.Run(context.Background(), 1); err != nil || next != 6 {
		t.Fatal(next, err)
	}
	for i, r := range l.log {
		if r.Step != i+1 || r.Epoch != float64(i+1)/4 {
			t.Errorf("record %d is of step %d, epoch %g", i, r.Step, r.Epoch)
		}
	}
	if len(l.log) != 5 || !slices.Equal(l.saved, []int{2, 4}) { // none after the last step
		t.Errorf("%d records; saved before the steps %v, want 2 and 4", len(l.log), l.saved)
	}
	if next, err := l.Run(context.Background(), 6); err != nil || next != 6 || len(l.log) != 5 {
		t.Errorf("a run with nothing left to do did %d steps: %v", len(l.log)-5, err)
	}
}

// TestNotFinite: the step is not applied, whether the loss or only the gradient
// is not finite, in whichever micro-batch.
func TestNotFinite(t *testing.T) {
	inf := float32(math.Inf(1))
	for name, c := range map[string]struct {
		micros   int
		bad      float32
		quantity string
	}{
		"NaN": {1, float32(math.NaN()), "loss"}, "infinity": {1, inf, "loss"}, "one of three": {3, inf, "loss"},
		"overflow": {1, 1e20, "loss"},
	} {
		l := newLine(c.micros, func(step, i int) []float32 {
			if step == 3 && i == c.micros-1 {
				return []float32{c.bad, 0}
			}
			return []float32{1, 2}
		})
		var before []float32
		l.OnStep = func(r Record) error { before = slices.Clone(l.w.Data); return nil }
		next, err := l.Run(context.Background(), 0)
		var broken *NotFiniteError
		if !errors.As(err, &broken) || next != 3 || broken.Step != 3 || broken.Quantity != c.quantity {
			t.Errorf("%s: next %d, %v", name, next, err)
		}
		if !slices.Equal(l.w.Data, before) || l.Optimizer.Count() != 3 {
			t.Errorf("%s: the step was applied", name)
		}
	}
	// a finite loss whose gradient overflows: mean (1e60*w - 1)^2 at 0
	l := newLine(1, nil)
	l.Micro = func(int, int) (Losses, error) {
		x := l.Tape.Scale(l.Tape.Scale(l.Tape.Reshape(l.w, 2), 1e30), 1e30)
		return Losses{Total: l.Tape.WeightedSum([]*autodiff.Tensor{l.Tape.MSE(x, autodiff.FromSlice([]float32{1, 1}, 2))}, []float32{1})}, nil
	}
	var broken *NotFiniteError
	if _, err := l.Run(context.Background(), 0); !errors.As(err, &broken) || broken.Quantity != "gradient norm" {
		t.Errorf("a slope that overflows: %v", err)
	}
	if l.w.Data[0] != 0 || l.w.Data[1] != 0 {
		t.Errorf("the step was applied: w is %v", l.w.Data)
	}
}

// TestInterrupted: the context ends the loop between steps, after a save.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	l := newLine(1, func(int, int) []float32 { return []float32{1, 2} })
	l.OnStep = func(r Record) error {
		l.log = append(l.log, r)
		if r.Step == 2 {
			cancel()
		}
		return nil
	}
	next, err := l.Run(ctx, 0)
	if !errors.Is(err, context.Canceled) || next != 3 || len(l.log) != 3 || !slices.Equal(l.saved, []int{3}) {
		t.Errorf("next %d after %d steps, saved %v: %v", next, len(l.log), l.saved, err)
	}
	w := slices.Clone(l.w.Data)
	whole := newLine(1, func(int, int) []float32 { return []float32{1, 2} })
	whole.Steps = 3
	if _, err := whole.Run(context.Background(), 0); err != nil || !slices.Equal(whole.w.Data, w) {
		t.Errorf("w is %v after three steps, want %v: %v", w, whole.w.Data, err)
	}
	l.Save = func(int) error { return errors.New("no room") }
	if _, err := l.Run(ctx, 3); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted run that could not save: %v", err)
	}
}

// TestErrorsEndTheLoop: of the micro-batch, the log and the save.
func TestErrorsEndTheLoop(t *testing.T) {
	cause := errors.New("cause")
	for name, change := range map[string]func(l *line){
		"micro":  func(l *line) { l.Micro = func(int, int) (Losses, error) { return Losses{}, cause } },
		"onstep": func(l *line) { l.OnStep = func(Record) error { return cause } },
		"save":   func(l *line) { l.SaveEvery, l.Save = 1, func(int) error { return fmt.Errorf("saving: %w", cause) } },
	} {
		l := newLine(2, func(int, int) []float32 { return []float32{1, 2} })
		change(l)
		if _, err := l.Run(context.Background(), 0); !errors.Is(err, cause) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
