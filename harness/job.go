package main

import (
	"errors"
	"fmt"
	"math"

	"lethe/autodiff"
	"lethe/harness/family"
	"lethe/harness/progress"
	"lethe/harness/stage"
	"lethe/harness/tensorboard"
	"lethe/harness/train"
)

// job is what pretraining and unlearning share: the folder, the loop with its
// log, and the way in and out of a run that is interrupted.
type job struct {
	*session
	flags RunFlags
	dir   runDir
	keep  *keeper
	tape  *autodiff.Tape
	log   *stepLog
	line  *progress.Line
	began int // lines that the log had before

	events  *tensorboard.Writer // nil: nobody asked
	forgets bool                // the steps have a forget loss
}

// enter says where the run begins. Only when it is sure that the run may go on,
// it writes config.yaml, which says in a comment what the products run on.
func (j *job) enter() (restored, error) {
	j.keep.dir = j.dir
	r, err := j.keep.restore(j.flags)
	if err != nil {
		return r, err
	}
	if r.finished {
		j.say("%s is finished, there is nothing to resume: its report is %s (--force starts it over)", j.dir, j.dir.path("report.html"))
		return r, nil
	}
	return r, j.dir.write("config.yaml", append([]byte("# "+j.arithmetic().String()+"\n"), j.keep.config...))
}

// loop runs the steps that are left, with a line in the log and on the
// terminal for each.
func (j *job) loop(name string, l *train.Loop, first int, fields func(train.Record) []progress.Field) (err error) {
	if j.log, err = openLog(j.dir, first); err != nil {
		return err
	}
	if err := j.openEvents(first); err != nil {
		return errors.Join(err, j.log.close())
	}
	j.began = len(j.log.records)
	j.line = j.session.line(name, l.Steps, first, "step")
	l.OnStep = func(r train.Record) error {
		j.line.Step(r.Step+1, fields(r)...)
		return errors.Join(j.log.keep(r), j.logEvents(r), j.keep.passed(r.Step))
	}
	l.Save = func(next int) error {
		if err := j.log.flush(); err != nil {
			return err
		}
		return j.keep.save(next)
	}
	l.Ops = j.ops
	l.SaveEvery = j.flags.CheckpointEvery
	next, err := l.Run(j.ctx, first)
	j.line.End()
	if err != nil {
		err = j.keep.stopped(err, next)
	}
	if closeErr := j.log.close(); closeErr != nil {
		return errors.Join(err, closeErr)
	}
	return err
}

// budget prints what each op of the steps of this process took, where that was
// asked for.
func (j *job) budget() error {
	steps := j.log.records[j.began:]
	if !j.flags.Budget || len(steps) == 0 {
		return nil
	}
	roofs := j.roofs()
	roofs.Memory = j.memory()
	for _, r := range steps {
		roofs.Steps++
		roofs.Seconds += r.Seconds
	}
	return stage.WriteBudget(j.out, j.ops.Summary(), roofs)
}

// timer times a stage with the arithmetic that the tape counted in it.
func (j *job) timer(name string) func() {
	stop, before := j.clock.Start(name), j.tape.FLOPs()
	return func() { stop((j.tape.FLOPs() - before) / 1e9) }
}

// bound is a flag's value with the range that it must lie in.
type bound struct {
	flag string
	v    float64
	ok   bool
	want string
}

// within refuses the first flag out of its range.
func within(bounds ...bound) error {
	for _, b := range bounds {
		if !b.ok {
			return usage("--%s=%g: want %s", b.flag, b.v, b.want)
		}
	}
	return nil
}

// least wants a whole number of at least n.
func least(flag string, v, n int) bound {
	return bound{flag, float64(v), v >= n, fmt.Sprintf("%d or more", n)}
}

// weight wants a number from 0 that a float32 can hold.
func weight(flag string, v float64) bound {
	return bound{flag, v, v >= 0 && v <= math.MaxFloat32, "a finite number from 0"}
}

// rate wants a learning rate.
func rate(flag string, v float64) bound {
	return bound{flag, v, float32(v) > 0 && v <= math.MaxFloat32, "a finite number above 0"}
}

// share wants a number in [0,1).
func share(flag string, v float64) bound {
	return bound{flag, v, v >= 0 && v < 1, "a number from 0 to below 1"}
}

// resolveMaskRatio fills in the family's mask ratio and wants at least one patch
// visible and one removed. 0 stands for masks that the family draws by itself.
func resolveMaskRatio(given **float64, m family.Model) error {
	r := recipeOf(m)
	switch {
	case *given == nil:
		*given = &r.MaskRatio
		return nil
	case r.MaskRatio == 0 && **given == 0:
		return nil
	case r.OwnMasks:
		return usage("--mask-ratio=%g: %s draws masks that have no ratio; leave the flag out", **given, family.KindOf(m.Family()).Title)
	}
	return checkMaskRatio(**given, m.Geometry().Grid)
}

// recipeOf is how the family of m is trained.
func recipeOf(m family.Model) family.Recipe { return family.KindOf(m.Family()).Recipe }

// checkMaskRatio wants at least one patch visible and one removed.
func checkMaskRatio(ratio float64, grid int) error {
	if !(ratio > 0 && ratio < 1) {
		return usage("--mask-ratio=%g: want a number between 0 and 1", ratio)
	}
	l := grid * grid
	if keep := int(float64(l) * (1 - ratio)); keep < 1 || keep >= l {
		return usage("--mask-ratio=%g leaves %d of the %d patches of an image visible: want at least one visible and one removed", ratio, keep, l)
	}
	return nil
}

// check refuses numbers out of range.
func (f RunFlags) check() error {
	return within(least("checkpoint-every", f.CheckpointEvery, 0), least("threads", f.Threads, 0))
}

// check refuses numbers out of range.
func (e EvaluateFlags) check() error {
	return within(least("eval-images", e.EvalImages, 0), least("eval-batch", e.EvalBatch, 1), least("shown", e.Shown, 0), least("sample-steps", e.SampleSteps, 0))
}

// check refuses numbers out of range.
func (f DataFlags) check() error {
	return within(least("images-per-class", f.ImagesPerClass, 0), least("forget-random", f.ForgetRandom, 0), share("hold-out", f.HoldOut))
}
