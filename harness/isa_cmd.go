package main

import (
	"fmt"
	"strings"

	"lethe/kernels"
)

// isaCmd is lethe isa.
type isaCmd struct{}

// Run lists the instruction sets.
func (isaCmd) Run(a *app) error {
	_, err := fmt.Fprintln(a.out, strings.Join(kernels.ISAs(), " "))
	return err
}
