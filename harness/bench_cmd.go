package main

import (
	"fmt"
	"os"

	"lethe/harness/bench"
)

// benchCmd is lethe bench.
type benchCmd struct {
	Table   benchTableCmd   `cmd:"" help:"Hold measurements against the floors: ours, best peer, ratio and verdict a row."`
	Medians benchMediansCmd `cmd:"" help:"Print the medians of measurements, in the same format."`
	Chart   benchChartCmd   `cmd:"" help:"Draw the history of measurements as an SVG file."`
}

type benchTableCmd struct {
	Files  []string `arg:"" help:"Measurements of one machine in Go's benchmark format, ours and the peers'."`
	Detail bool     `help:"Add a line for each shape."`
}

type benchMediansCmd struct {
	Files []string `arg:"" help:"Measurements of one machine in Go's benchmark format."`
}

type benchChartCmd struct {
	Files []string `arg:"" optional:"" help:"Files of medians, one a measured commit."`
	Out   string   `required:"" help:"The SVG file to write."`
}

// Run prints the table.
func (c *benchTableCmd) Run(a *app) error {
	s, err := readMeasurements(c.Files...)
	if err != nil {
		return err
	}
	return s.Write(a.out, c.Detail)
}

// Run prints the medians.
func (c *benchMediansCmd) Run(a *app) error {
	s, err := readMeasurements(c.Files...)
	if err != nil {
		return err
	}
	return s.Medians(a.out)
}

// Run draws the chart.
func (c *benchChartCmd) Run() error {
	var history []*bench.Set
	for _, file := range c.Files {
		s, err := readMeasurements(file)
		if err != nil {
			return err
		}
		history = append(history, s)
	}
	svg, err := bench.Chart(history)
	if err != nil {
		return err
	}
	return os.WriteFile(c.Out, []byte(svg), 0o644)
}

// readMeasurements reads files of one machine into one set.
func readMeasurements(files ...string) (*bench.Set, error) {
	s := new(bench.Set)
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("reading measurements: %w", err)
		}
		err = s.Read(f, name)
		f.Close()
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}
