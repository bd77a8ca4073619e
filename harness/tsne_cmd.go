package main

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"lethe/harness/checkpoint"
	"lethe/harness/report"
	"lethe/harness/tsne"
)

// tsneCmd is lethe tsne.
type tsneCmd struct {
	Features     []string `help:"Features, as lethe features --out writes them; NAME=PATH names the colour. More files may follow." sep:"none" placeholder:"PATH" required:""`
	More         []string `arg:"" optional:"" help:"More files of features, one colour each."`
	Out          []string `required:"" help:"File to write: .svg, a picture, or .csv, the places." sep:"none" placeholder:"PATH"`
	Title        string   `default:"t-SNE"`
	Every        int      `default:"1" help:"Take every n-th row of each file; the paper takes every 100th of 5,000."`
	Perplexity   float64  `default:"20"`
	Iterations   int      `default:"1000"`
	LearningRate float64  `default:"500" help:"As van der Maaten's implementation counts, 4 times scikit-learn's."`
	PCA          int      `name:"pca" default:"0" help:"Principal components to keep first; 0: the features as they are."`
	Seed         uint64   `default:"0"`
	Quiet        bool     `help:"No line of progress."`
}

// Run lays the features of the files out in one plane.
func (c *tsneCmd) Run(a *app) error {
	for _, path := range c.Out {
		if ext := filepath.Ext(path); ext != ".svg" && ext != ".csv" {
			return usage("--out %s: want a name that ends in .svg or .csv", path)
		}
	}
	if c.Every < 1 {
		return usage("--every %d: want at least 1", c.Every)
	}
	groups, rows, d, err := c.gather()
	if err != nil {
		return err
	}
	o := tsne.Paper()
	o.Perplexity, o.Iterations, o.LearningRate, o.PCA, o.Seed = c.Perplexity, c.Iterations, c.LearningRate, c.PCA, c.Seed
	if !c.Quiet {
		o.Progress = func(i int, kl float64) {
			if i%250 == 0 {
				fmt.Fprintf(a.err, "iteration %d: KL %.4f\n", i, kl)
			}
		}
	}
	layout, err := tsne.Run(a.ctx, rows, len(rows)/d, d, o)
	if err != nil {
		return err
	}
	at := 0
	for i := range groups {
		g := &groups[i]
		for k := range g.Points {
			g.Points[k] = report.Point{X: layout.Y[2*at], Y: layout.Y[2*at+1]}
			at++
		}
	}
	note := fmt.Sprintf("n = %d, perplexity %g, %d iterations, seed %d, KL %.4f", layout.N, c.Perplexity, c.Iterations, c.Seed, layout.KL)
	if err := c.write(groups, note); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "%s\n%s\n", note, strings.Join(c.Out, "\n"))
	return err
}

// gather reads the files: a group each, whose places are still to be found, and
// the features of all.
func (c *tsneCmd) gather() (groups []report.Cloud, rows []float32, d int, err error) {
	var first featureFile
	for i, arg := range append(append([]string(nil), c.Features...), c.More...) {
		name, path, named := strings.Cut(arg, "=")
		if !named {
			path = arg
			name = strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
		}
		f, err := readFeatures(path)
		if err != nil {
			return nil, nil, 0, err
		}
		if i == 0 {
			first = f
		} else if err := first.From.Comparable(first.D, f.D, f.From); err != nil {
			return nil, nil, 0, fmt.Errorf("%s: %w", path, err)
		}
		n := 0
		for r := 0; r < f.N; r += c.Every {
			rows = append(rows, f.Rows[r*f.D:][:f.D]...)
			n++
		}
		groups = append(groups, report.Cloud{Name: name, Points: make([]report.Point, n)})
	}
	return groups, rows, first.D, nil
}

// write writes every file that was asked for.
func (c *tsneCmd) write(groups []report.Cloud, note string) error {
	for _, path := range c.Out {
		content := report.Scatter{Title: c.Title, Note: note + "\nNear means alike; distances between clusters, and their sizes, mean nothing.", Clouds: groups}.File()
		if filepath.Ext(path) == ".csv" {
			content = c.table(groups)
		}
		if err := checkpoint.WriteAtomic(path, func(w io.Writer) error { _, err := w.Write(content); return err }); err != nil {
			return err
		}
	}
	return nil
}

// table is the places as CSV: the file's name, the row in it, x and y.
func (c *tsneCmd) table(groups []report.Cloud) []byte {
	var b bytes.Buffer
	fmt.Fprintln(&b, "set,row,x,y")
	for _, g := range groups {
		name := g.Name
		if strings.ContainsAny(name, ",\"\n") {
			name = `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
		}
		for k, p := range g.Points {
			fmt.Fprintf(&b, "%s,%d,%g,%g\n", name, k*c.Every, p.X, p.Y)
		}
	}
	return b.Bytes()
}
