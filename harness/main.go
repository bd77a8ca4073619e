// Command lethe makes image-to-image generative models forget: given a trained
// model, images to forget and images to keep, it rewrites the encoder so that
// the first can no longer be completed while the second still are
// (arXiv 2402.00351). It runs on CPUs, in pure Go.
//
// lethe --help lists the commands; lethe run needs no argument and no data.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/alecthomas/kong"

	"lethe/harness/stage"
)

// commands is the command line.
type commands struct {
	Run       runCmd       `cmd:"" help:"The main job on the built-in world: unlearn some of its classes with the built-in model and write a report."`
	Unlearn   unlearnCmd   `cmd:"" help:"Make a model forget images."`
	Pretrain  pretrainCmd  `cmd:"" help:"Train a masked autoencoder from scratch."`
	Init      initCmd      `cmd:"" help:"Write the random weights that a pretraining would start from."`
	Complete  completeCmd  `cmd:"" help:"Complete masked images and write a PNG grid."`
	Evaluate  evaluateCmd  `cmd:"" help:"Measure a model, or two, on images under fixed masks."`
	Features  featuresCmd  `cmd:"" help:"Compute the features of images under a network that measures, such as Inception."`
	Table     tableCmd     `cmd:"" help:"Compare runs in one Markdown table."`
	Study     studyCmd     `cmd:"" help:"Run a grid of methods, settings and seeds, in one process or in shards, and write its tables."`
	Curves    curvesCmd    `cmd:"" help:"Draw a number of every step of several runs into one chart."`
	Score     scoreCmd     `cmd:"" help:"Compare two sets of images by their features: FID or FD, KID, cosine, Inception Score."`
	TSNE      tsneCmd      `cmd:"" name:"tsne" help:"Lay features out in the plane, one colour a file."`
	Budget    budgetCmd    `cmd:"" help:"Say where the time of an unlearning step goes, op by op; needs no data."`
	Inspect   inspectCmd   `cmd:"" help:"Say what is in a checkpoint and which model it fits."`
	Methods   methodsCmd   `cmd:"" help:"List the unlearning methods with their losses and defaults."`
	World     worldCmd     `cmd:"" help:"Write images of the built-in world to a folder."`
	Reference referenceCmd `cmd:"" help:"Hold the engine against reference bundles, or the other way round."`
	Bench     benchCmd     `cmd:"" help:"Judge measurements, and draw their history."`
	ISA       isaCmd       `cmd:"" name:"isa" help:"List the instruction sets that KERNELS_ISA may name on this machine, widest first."`
	Version   versionFlag  `help:"Print the version."`
}

type versionFlag bool

// BeforeReset prints the version and ends the program.
func (versionFlag) BeforeReset(k *kong.Kong) error {
	version := "devel"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	fmt.Fprintln(k.Stdout, "lethe", version)
	k.Exit(0)
	return nil
}

// exitError carries an exit status other than 1.
type exitError struct {
	status int
	err    error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// garbage is how much of it may gather, in percent of what is in use, before the
// collector runs, where GOGC does not say. Weights are most of a process and hold no
// pointers, so that looking through them costs nothing, while Go's own 100 would let
// the process grow to twice what it needs.
const garbage = 20

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// run is main without the process: 0 done, 1 failed, 2 unusable arguments or
// input, 130 interrupted.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	ctx, stop := interruptible(ctx)
	defer stop()
	return dispatch(&app{ctx: ctx, out: out, err: errs, peak: stage.MeasurePeak, memory: stage.MeasureBandwidth}, args)
}

// dispatch parses the arguments and runs the command that they name.
func dispatch(a *app, args []string) int {
	parser, err := newParser(&commands{}, a.out, a.err)
	if err != nil {
		fmt.Fprintln(a.err, "lethe:", err)
		return 2
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintln(a.err, "lethe:", err)
		fmt.Fprintln(a.err, "lethe --help lists the commands, lethe COMMAND --help the flags of one.")
		return 2
	}
	err = parsed.Run(a, parsed)
	return status(err, a.err)
}

// newParser builds the command line.
func newParser(c *commands, out, errs io.Writer) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("lethe"),
		kong.Description("Makes image-to-image generative models forget, on CPUs."),
		kong.Writers(out, errs),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Exit(os.Exit),
	)
}

// status prints an error and picks the exit status.
func status(err error, errs io.Writer) int {
	var exit *exitError
	var stopped *interruptedError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &stopped), errors.Is(err, context.Canceled):
		fmt.Fprintln(errs, "lethe:", err)
		return 130
	case errors.As(err, &exit):
		fmt.Fprintln(errs, "lethe:", err)
		return exit.status
	}
	fmt.Fprintln(errs, "lethe:", err)
	return 1
}
