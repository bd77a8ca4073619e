package main

import (
	"errors"
	"fmt"

	"lethe/harness/checkpoint"
	"lethe/harness/reference"
)

// referenceCmd is lethe reference.
type referenceCmd struct {
	Run     referenceRunCmd     `cmd:"" help:"Compute a bundle's tensors."`
	Compare referenceCompareCmd `cmd:"" help:"Compare two files of tensors, a row a tensor; exit 1 when they differ."`
	Check   referenceCheckCmd   `cmd:"" help:"Compute bundles and compare with their expected tensors."`
	Record  referenceRecordCmd  `cmd:"" help:"Write a bundle from real images and weights: the batches, masks and noise that lethe unlearn draws, and what the engine makes of them."`
}

type referenceRunCmd struct {
	Bundle string `arg:"" help:"Folder with bundle.json, inputs.safetensors and the checkpoint it names."`
	Out    string `required:"" help:"File of tensors to write (.safetensors)."`
	PrecisionFlag
}

// Run computes a bundle.
func (c *referenceRunCmd) Run(a *app) error {
	p, err := c.value()
	if err != nil {
		return err
	}
	tensors, err := reference.Run(c.Bundle, p)
	if err != nil {
		return referenceError(err)
	}
	if err := checkpoint.WriteSafetensors(c.Out, tensors, map[string]string{
		"format": reference.Format, metaPrecision: p.String(), metaPath: p.Path(),
	}); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "%d tensors written to %s, %s\n", len(tensors), c.Out, arithmeticOf(p))
	return nil
}

type referenceCompareCmd struct {
	A    string   `arg:"" help:"File of tensors."`
	B    string   `arg:"" help:"File of tensors to hold it against."`
	Rtol *float64 `help:"Largest relative L2 error of a tensor. Default: 1e-4 (1e-3 for output and grad_norm)."`
	Atol float64  `help:"Largest absolute error of an element that passes whatever the relative one is." default:"0"`
}

// Run compares two files.
func (c *referenceCompareCmd) Run(a *app) error {
	table, err := reference.Compare(c.A, c.B, reference.Tolerance{Relative: c.Rtol, Absolute: c.Atol})
	fmt.Fprint(a.out, table)
	return referenceError(err)
}

type referenceCheckCmd struct {
	Bundles []string `arg:"" help:"Folders of bundles."`
	PrecisionFlag
}

// Run checks every bundle, and fails after the last when any failed.
func (c *referenceCheckCmd) Run(a *app) error {
	p, err := c.value()
	if err != nil {
		return err
	}
	fmt.Fprintln(a.out, arithmeticOf(p))
	var failed []error
	for _, dir := range c.Bundles {
		fmt.Fprintf(a.out, "%s\n", dir)
		table, err := reference.Check(dir, p)
		fmt.Fprint(a.out, table)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", dir, err))
		}
	}
	return referenceError(errors.Join(failed...))
}

// referenceError exits with 2 when a bundle could not be used, with 1 when its
// tensors differ.
func referenceError(err error) error {
	var input *reference.InputError
	if errors.As(err, &input) {
		return &exitError{2, err}
	}
	return err
}
