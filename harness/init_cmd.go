package main

import (
	"fmt"

	"lethe/harness/checkpoint"
)

// initCmd is lethe init.
type initCmd struct {
	Model string `help:"Preset or a JSON file of constructor arguments." default:"mae_tiny"`
	Seed  uint64 `help:"Seed of the weights." default:"1"`
	Out   string `required:"" help:"File to write (.safetensors)."`
}

// Run writes the weights that a pretraining would start from.
func (c *initCmd) Run(a *app) error {
	m, err := newModel(modelChoice{name: c.Model})
	if err != nil {
		return usage("%v", err)
	}
	m.Init(c.Seed)
	meta, err := modelMetadata(m, map[string]string{"lethe.seed": fmt.Sprint(c.Seed), "lethe.steps": "0"})
	if err != nil {
		return err
	}
	if err := checkpoint.WriteSafetensors(c.Out, modelTensors(m), meta); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "%s, random weights, %d tensors: %s\n", m.Name(), len(m.Params()), c.Out)
	return nil
}
