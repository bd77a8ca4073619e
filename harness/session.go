package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"

	"lethe/autodiff"
	"lethe/harness/progress"
	"lethe/harness/stage"
	"lethe/kernels"
)

// RunFlags are what every command that trains has.
type RunFlags struct {
	Config  ConfigFile `help:"YAML file of flag values; flags on the command line override it."`
	Out     string     `help:"Folder of the run. Default: runs/COMMAND-MODEL-METHOD."`
	Seed    uint64     `help:"Seed of every random number." default:"1"`
	Threads int        `help:"Worker threads; 0 uses all cores. The result does not depend on it." default:"0"`
	PrecisionFlag
	CheckpointEvery int  `help:"Write a resumable checkpoint every so many steps; 0 only when interrupted." default:"500"`
	Resume          bool `help:"Go on with the interrupted run in --out."`
	Force           bool `help:"Start over in a folder that already holds a run."`
	TensorBoard     bool `name:"tensorboard" help:"Also write an event file for TensorBoard beside log.jsonl: the curves, and the sample grids at the end."`
	WatchFlags
}

// WatchFlags are for looking at where the time of a run goes.
type WatchFlags struct {
	Budget     bool   `help:"Print what each op of a step took, against the processor's peak and the memory's rate."`
	CPUProfile string `name:"cpu-profile" aliases:"cpuprofile" help:"Write a profile for go tool pprof to this file, with the labels stage and op: go tool pprof -tags FILE." placeholder:"FILE"`
}

// session is the surroundings of one command: streams, clock, peak, warnings.
type session struct {
	ctx      context.Context
	out, err io.Writer
	clock    *stage.Clock
	peak     stage.Peak
	memory   func() stage.Bandwidth
	warnings []string

	precision   kernels.Precision
	convolution kernels.ConvAlgorithm
	ops         *stage.Ops     // nil: nobody asked
	tape        *autodiff.Tape // for one job after another; nil: each makes its own
}

// watch has the session hear of every op when a budget or a profile is asked for,
// and starts the profile; the returned function ends it.
func (f WatchFlags) watch(s *session) (func(), error) {
	if f.Budget || f.CPUProfile != "" {
		s.ops = stage.NewOps(stage.OpsOptions{Labels: f.CPUProfile != ""})
		s.clock.Watch(s.ops.Stage)
	}
	if f.CPUProfile == "" {
		return func() {}, nil
	}
	out, err := os.Create(f.CPUProfile)
	if err != nil {
		return nil, fmt.Errorf("writing the CPU profile: %w", err)
	}
	if err := pprof.StartCPUProfile(out); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		_ = out.Close() // a broken profile shows when it is read
	}, nil
}

// newSession sets the number of threads and measures the peak. More threads than
// cores only take turns.
func newSession(app *app, threads int, p PrecisionFlag) (*session, error) {
	if threads < 0 {
		return nil, usage("--threads %d: want 0 (all cores) or more", threads)
	}
	precision, err := p.value()
	if err != nil {
		return nil, err
	}
	if threads > 0 {
		runtime.GOMAXPROCS(threads)
	}
	s := &session{ctx: app.ctx, out: app.out, err: app.err, clock: stage.New(stage.Options{}), memory: app.memory, precision: precision, convolution: p.algorithm()}
	s.peak = app.peak(runtime.GOMAXPROCS(0))
	return s, nil
}

// warn says something on the error stream and keeps it for the report.
func (s *session) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.warnings = append(s.warnings, text)
	fmt.Fprintln(s.err, "warning: "+text)
}

// say prints one line on the standard output.
func (s *session) say(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

// line starts a progress line on the error stream.
func (s *session) line(name string, total, start int, unit string) *progress.Line {
	return progress.New(s.err, name, total, progress.Options{Unit: unit, Start: start})
}

// app is what main hands to a command.
type app struct {
	ctx      context.Context
	out, err io.Writer
	// peak measures what the processor can do on so many threads.
	peak func(threads int) stage.Peak
	// memory measures how fast the memory is.
	memory func() stage.Bandwidth
}

// interruptible ends its context at the first Ctrl-C or TERM, so that a run can
// save itself; the second one kills the process as usual.
func interruptible(parent context.Context) (context.Context, func()) {
	ctx, stop := signal.NotifyContext(parent, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop()
	}()
	return ctx, stop
}

// fingerprint hashes what a run was asked, so that a resumed run can be held
// against it.
func fingerprint(parts ...any) string {
	return fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%#v", parts)))[:32]
}

// roofs are those of the arithmetic, measured.
func (s *session) roofs() stage.Roofs {
	r := stage.Roofs{Peak: s.peak}
	if s.precision.Pairs() {
		r.Pairs = stage.MeasurePairPeak(runtime.GOMAXPROCS(0))
	}
	return r
}

// machine is one line about where a run ran.
func (s *session) machine() string {
	threads := fmt.Sprintf("%d threads", runtime.GOMAXPROCS(0))
	if threads == "1 threads" {
		threads = "1 thread"
	}
	return fmt.Sprintf("%s, %s, peak %.0f GFLOP/s, %s", strings.ToUpper(kernels.ISA()), threads, s.peak.GFLOPPerSecond, runtime.Version())
}
