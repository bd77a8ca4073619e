package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"lethe/harness/report"
)

// curvesCmd is lethe curves.
type curvesCmd struct {
	Runs  []string `arg:"" help:"Folders of runs; NAME=PATH names the curve, and runs of one name share a colour."`
	Field string   `default:"loss" help:"Number of each line of log.jsonl to draw."`
	Title string   `help:"Default: the field."`
	Log   bool     `help:"Logarithmic values."`
	Out   string   `required:"" help:"SVG file to write."`
}

// Run draws a number of every step of several runs into one chart.
func (c *curvesCmd) Run(a *app) error {
	chart := report.Chart{Title: c.Title, Log: c.Log, Smooth: true}
	if chart.Title == "" {
		chart.Title = c.Field
	}
	for _, arg := range c.Runs {
		name, path, named := strings.Cut(arg, "=")
		if !named {
			name, path = filepath.Base(arg), arg
		}
		s, err := readCurve(filepath.Join(path, "log.jsonl"), c.Field)
		if err != nil {
			return err
		}
		s.Name = name
		chart.Series = append(chart.Series, s)
	}
	if err := os.WriteFile(c.Out, chart.File(), 0o644); err != nil {
		return err
	}
	_, err := fmt.Fprintln(a.out, c.Out)
	return err
}

// readCurve reads one number of every line of a log.
func readCurve(path, field string) (s report.Series, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		var row map[string]any
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			return s, fmt.Errorf("%s, line %d: %w", path, n, err)
		}
		x, okX := row["step"].(float64)
		y, okY := row[field].(float64)
		if !okX || !okY {
			return s, fmt.Errorf("%s, line %d: no number %q beside the step; name one of the log with --field", path, n, field)
		}
		s.X, s.Y = append(s.X, x), append(s.Y, y)
	}
	if err := lines.Err(); err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}
