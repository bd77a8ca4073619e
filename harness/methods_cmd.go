package main

import (
	"fmt"

	"lethe/harness/unlearn"
)

// methodsCmd is lethe methods.
type methodsCmd struct{}

// Run lists the registered methods.
func (methodsCmd) Run(a *app) error {
	for i, m := range unlearn.Methods() {
		if i > 0 {
			fmt.Fprintln(a.out)
		}
		d := m.Defaults
		fmt.Fprintf(a.out, "%s\n  loss      %s\n  trains    %s\n  source    %s\n", m.Name, m.Loss, m.Trains, m.Source)
		fmt.Fprintf(a.out, "  defaults  alpha %g, lr %g, weight decay %g, %d epochs, AdamW (0.9, 0.95)\n            from %s\n", d.Alpha, d.LearningRate, d.WeightDecay, d.Epochs, d.Source)
	}
	return nil
}
