// Package stage is the clock of a run: how long each stage took, how often it
// ran, how much arithmetic it did against what the processor can do, and how
// much memory was resident.
//
// Stages follow one another and never nest: every second belongs to one stage
// or to none, so the shares add up.
//
//	clock := stage.New(stage.Options{})
//	stop := clock.Start(stage.Backward)
//	tape.Backward(loss)
//	stop(flops / 1e9)
//	stage.WriteTable(os.Stdout, clock.Summary(peak), clock.Totals(peak))
//
// Below the stages are the ops of a tape, which [Ops] adds up: [WriteBudget]
// holds each against the roof that bounds it, and a CPU profile can have both as
// labels.
//
// Units: seconds; arithmetic in GFLOP = 1e9 floating-point operations, a
// multiply and an add counted as two (2*M*N*K of a matrix product); memory in
// bytes.
package stage
