package main

import (
	"fmt"
	"strings"

	"lethe/kernels"
)

// isaCmd is lethe isa.
type isaCmd struct {
	Paths bool `help:"List instead what the products of each --precision run on here, a line each."`
}

// Run lists the instruction sets, or the paths.
func (c isaCmd) Run(a *app) error {
	if c.Paths {
		for _, p := range kernels.Precisions() {
			if _, err := fmt.Fprintln(a.out, arithmeticOf(p)); err != nil {
				return err
			}
		}
		return nil
	}
	_, err := fmt.Fprintln(a.out, strings.Join(kernels.ISAs(), " "))
	return err
}
