package main

import (
	_ "embed"
	"fmt"

	"lethe/harness/checkpoint"
)

// builtinWorld is mae_tiny, pretrained on the procedural world. How it was made
// stands in builtin/README.md.
//
//go:embed builtin/mae_tiny_world.safetensors
var builtinWorld []byte

// builtinName is the --checkpoint that names the embedded weights.
const builtinName = "builtin:world"

// openCheckpoint opens a file or the embedded weights.
func openCheckpoint(path string) (*checkpoint.File, error) {
	if path == builtinName {
		return checkpoint.Parse(builtinName, builtinWorld)
	}
	return checkpoint.Open(path)
}

// runCmd is lethe run.
type runCmd struct {
	Out     string `help:"Folder of the run; an earlier one in it is overwritten." default:"runs/world"`
	Method  string `help:"Unlearning method; lethe methods lists them." default:"ours"`
	Seed    uint64 `help:"Seed of every random number." default:"1"`
	Threads int    `help:"Worker threads; 0 uses all cores. The result does not depend on it." default:"0"`
	PrecisionFlag
	WatchFlags
}

// The main job: three classes go, five stay, two are in neither set.
var worldJob = []string{
	"--checkpoint=" + builtinName,
	"--data=world:train?per-class=400",
	"--eval-data=world:test?per-class=50",
	"--forget-classes=face,fish,flower",
	"--held-out-classes=clock,plaid",
	"--batch=32", "--steps=400", "--lr=3e-4", "--alpha=0.25", "--schedule=cosine", "--warmup=20",
	"--force",
}

// arguments are those of the main job, as lethe unlearn takes them.
func (c *runCmd) arguments() []string {
	args := append([]string{"unlearn"}, worldJob...)
	args = append(args, "--out="+c.Out, "--method="+c.Method, fmt.Sprintf("--seed=%d", c.Seed), fmt.Sprintf("--threads=%d", c.Threads),
		"--precision="+c.Precision, "--convolution="+c.Convolution, fmt.Sprintf("--budget=%t", c.Budget))
	if c.CPUProfile != "" {
		args = append(args, "--cpu-profile="+c.CPUProfile)
	}
	return args
}

// Run is lethe unlearn with the arguments of the main job.
func (c *runCmd) Run(a *app) error {
	var cli commands
	parser, err := newParser(&cli, a.out, a.err)
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(c.arguments())
	if err != nil {
		return err
	}
	cli.Unlearn.defaultTitle = "A small model of a drawn world forgets faces, fish and flowers"
	return parsed.Run(a, parsed)
}
