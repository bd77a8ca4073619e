package train

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"lethe/autodiff"
	"lethe/autodiff/optim"
	"lethe/harness/stage"
)

// Losses are the scalars of one micro-batch on the loop's tape. Retain and
// Forget may be nil.
type Losses struct{ Total, Retain, Forget *autodiff.Tensor }

// Record is what one step left behind; a line of log.jsonl.
type Record struct {
	Step   int     `json:"step"`
	Epoch  float64 `json:"epoch"`
	Loss   float64 `json:"loss"`
	Retain float64 `json:"loss_retain"`
	Forget float64 `json:"loss_forget"`
	// GradNorm is the global L2 norm before clipping.
	GradNorm     float64 `json:"grad_norm"`
	LearningRate float64 `json:"lr"`
	// Seconds is the wall time of the step.
	Seconds float64 `json:"seconds"`
}

// Loop runs steps. Every field but Clip, Ops, OnStep and Save must be set.
type Loop struct {
	Tape      *autodiff.Tape
	Params    []*autodiff.Tensor
	Optimizer optim.Optimizer
	Schedule  optim.Schedule
	// Clip bounds the global gradient norm; 0 does not clip.
	Clip float64
	// Ops hears of the gradient norm and the optimizer; nil: nobody does.
	Ops *stage.Ops
	// Steps is the number of the last step plus one.
	Steps, StepsPerEpoch int
	// Shares are the micro-batches' parts of the step's batch; they add up
	// to 1.
	Shares []float64
	// Micro records micro-batch i of a step on the tape.
	Micro func(step, i int) (Losses, error)
	Clock *stage.Clock
	// OnStep sees each finished step.
	OnStep func(Record) error
	// Save writes a checkpoint from which step next continues; it is called
	// every SaveEvery steps (0: never) and when the context ends.
	Save      func(next int) error
	SaveEvery int

	tree *gradientTree
}

// NotFiniteError stops a run whose loss or gradient is not finite. The step
// was not applied.
type NotFiniteError struct {
	Step     int
	Quantity string
	Value    float64
}

func (e *NotFiniteError) Error() string {
	return fmt.Sprintf("step %d: the %s is not finite (%g); the step was not applied", e.Step, e.Quantity, e.Value)
}

// Run does the steps from first to Steps. It returns the number of the next
// step, and ctx's error when that ended it early.
func (l *Loop) Run(ctx context.Context, first int) (next int, err error) {
	for step := first; step < l.Steps; step++ {
		if ctx.Err() != nil {
			return step, l.interrupted(ctx, step)
		}
		if err := l.step(step); err != nil {
			return step, err
		}
		if l.Save != nil && l.SaveEvery > 0 && (step+1)%l.SaveEvery == 0 && step+1 < l.Steps {
			if err := l.save(step + 1); err != nil {
				return step + 1, err
			}
		}
	}
	return l.Steps, nil
}

func (l *Loop) interrupted(ctx context.Context, step int) error {
	if l.Save != nil {
		if err := l.save(step); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (l *Loop) save(next int) error {
	defer l.Clock.Start("checkpoint")(0)
	return l.Save(next)
}

// step records, differentiates, clips and updates.
func (l *Loop) step(step int) error {
	began := time.Now()
	rec := Record{Step: step, Epoch: float64(step) / float64(max(l.StepsPerEpoch, 1))}
	for _, p := range l.Params {
		p.ZeroGrad()
	}
	for i, share := range l.Shares {
		if err := l.micro(step, i, share, &rec); err != nil {
			return err
		}
	}
	if len(l.Shares) > 1 {
		l.tree.finish()
	}
	if err := finite(step, "loss", rec.Loss); err != nil {
		return err
	}
	stop := l.Clock.Start("optimizer")
	l.Ops.Begin("gradnorm")
	rec.GradNorm = optim.GlobalNorm(l.Params)
	l.Ops.End(0, 4*l.gradients())
	if err := finite(step, "gradient norm", rec.GradNorm); err != nil {
		stop(0)
		return err
	}
	lr := l.Schedule.At(step)
	bytes := l.updateBytes()
	l.Ops.Begin("optimizer")
	l.Optimizer.Step(lr, optim.ClipScale(rec.GradNorm, l.Clip))
	l.Ops.End(0, bytes)
	stop(0)
	rec.LearningRate = float64(lr)
	rec.Seconds = time.Since(began).Seconds()
	if l.OnStep != nil {
		return l.OnStep(rec)
	}
	return nil
}

// gradients is the number of elements that have a gradient.
func (l *Loop) gradients() float64 {
	n := 0
	for _, p := range l.Params {
		n += len(p.Grad())
	}
	return float64(n)
}

// updateBytes is what the next update reads and writes: gradients once, weights
// and the optimizer's averages twice. The first update has no averages yet.
func (l *Loop) updateBytes() float64 {
	if l.Ops == nil {
		return 0
	}
	averages := 0
	for _, s := range l.Optimizer.State() {
		if !strings.HasSuffix(s.Name, ".step") { // a count
			averages += len(s.Data)
		}
	}
	return 4 * (3*l.gradients() + 2*float64(averages))
}

// micro runs one micro-batch forward and backward.
func (l *Loop) micro(step, i int, share float64, rec *Record) error {
	l.Tape.Reset()
	losses, err := l.Micro(step, i)
	if err != nil {
		return err
	}
	total := losses.Total
	if len(l.Shares) > 1 {
		if l.tree == nil {
			l.tree = newGradientTree(l.Params)
		}
		for _, p := range l.Params {
			p.ZeroGrad()
		}
		total = l.Tape.WeightedSum([]*autodiff.Tensor{total}, []float32{float32(share)})
	}
	rec.Loss += share * scalar(losses.Total)
	rec.Retain += share * scalar(losses.Retain)
	rec.Forget += share * scalar(losses.Forget)
	stop, before := l.Clock.Start("backward"), l.Tape.FLOPs()
	l.Tape.BackwardOnce(total)
	if len(l.Shares) > 1 {
		l.tree.push()
	}
	stop((l.Tape.FLOPs() - before) / 1e9)
	return nil
}

func scalar(t *autodiff.Tensor) float64 {
	if t == nil {
		return 0
	}
	return float64(t.Data[0])
}

func finite(step int, quantity string, v float64) error {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return &NotFiniteError{step, quantity, v}
	}
	return nil
}

// Cut divides a batch of n samples a group into micro-batches of at most size
// samples (0: one) and returns where each starts, with n at the end.
func Cut(n, size int) []int {
	if size <= 0 || size > n {
		size = n
	}
	var starts []int
	for at := 0; at < n; at += size {
		starts = append(starts, at)
	}
	return append(starts, n)
}

// Shares are the parts of the batch that Cut's micro-batches are.
func Shares(cut []int) []float64 {
	total := cut[len(cut)-1]
	out := make([]float64, len(cut)-1)
	for i := range out {
		out[i] = float64(cut[i+1]-cut[i]) / float64(total)
	}
	return out
}
