package main

import (
	"fmt"

	"lethe/harness/family"
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
		fmt.Fprintf(a.out, "%s\n  loss      %s\n  trains    %s\n  source    %s\n", m.Name, m.Loss, m.Trains, m.Source)
		fmt.Fprintf(a.out, "  defaults  %s\n", m.Schedule)
		for _, k := range family.Kinds() {
			r := k.Recipe
			if r.LearningRate == 0 {
				continue // pretrained, not unlearned
			}
			fmt.Fprintf(a.out, "  %-8s  alpha %g, lr %g, weight decay %g, %d epochs, AdamW (%g, %g)\n            from %s\n",
				k.Name, r.Alpha, r.LearningRate, r.WeightDecay, r.Epochs, r.Beta1, r.Beta2, r.Source)
		}
	}
	return nil
}
