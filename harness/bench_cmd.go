package main

import (
	"fmt"
	"os"

	"lethe/harness/bench"
	"lethe/kernels"
)

// benchCmd is lethe bench.
type benchCmd struct {
	Files []string `arg:"" type:"existingfile" help:"Rows in Go's benchmark format, ours and peers', as harness/peers/bench.sh writes them."`
	Below bool     `help:"Exit with an error when a measured floor is missed."`
}

// Run prints the table of floors.
func (c *benchCmd) Run(a *app) error {
	var rows bench.Rows
	for _, name := range c.Files {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		err = rows.Read(f, name)
		f.Close()
		if err != nil {
			return err
		}
	}
	verdicts := rows.Judge(kernels.ISA() == "amx")
	fmt.Fprintf(a.out, "cpu: %s\n\n", rows.CPU)
	if err := bench.Write(a.out, verdicts); err != nil {
		return err
	}
	below := 0
	for _, v := range verdicts {
		if v.Word() == "below" {
			below++
		}
	}
	if c.Below && below > 0 {
		return fmt.Errorf("%d floors are missed", below)
	}
	return nil
}
