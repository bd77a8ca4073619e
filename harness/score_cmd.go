package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"lethe/harness/metric"
	"lethe/harness/metric/dense"
	"lethe/harness/npz"
)

// scoreCmd is lethe score.
type scoreCmd struct {
	Images     string `arg:"" help:"Features of the images to score, as lethe features --out writes them."`
	Reference  string `arg:"" help:"Features of the images to compare with, or statistics of a FID, .npz with mu and sigma."`
	JSON       bool   `name:"json" help:"Print JSON instead of lines."`
	Subsets    int    `default:"100" help:"Subsets of KID."`
	SubsetSize int    `default:"1000" help:"Images of each set in a subset of KID."`
	Splits     int    `default:"10" help:"Splits of the Inception Score."`
	Seed       uint64 `default:"2020" help:"Of the subsets of KID."`
	Unpaired   bool   `help:"No cosine: row i of the one file is not the counterpart of row i of the other."`
	Integrity  bool   `help:"The files are of the outputs of two models for the same inputs, masks and noise: say how far each output moved, in the space of the network."`
}

// scores is what lethe score --json prints.
type scores struct {
	Results   []scored                 `json:"results"`
	Integrity []metric.IntegrityResult `json:"integrity,omitempty"`
	Skipped   []string                 `json:"skipped,omitempty"` // metrics left out, and why
}

type scored struct {
	metric.Result
	Of string `json:"of"` // the files
}

// Run prints the metrics over two sets.
func (c *scoreCmd) Run(a *app) error {
	x, err := readFeatures(c.Images)
	if err != nil {
		return err
	}
	var out scores
	if strings.HasSuffix(c.Reference, ".npz") {
		err = c.againstMoments(x, &out)
	} else {
		err = c.againstSet(a, x, &out)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		text, err := json.MarshalIndent(out, "", "  ")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.out, "%s\n", text)
		return err
	}
	return out.print(a)
}

// againstMoments compares with statistics.
func (c *scoreCmd) againstMoments(x featureFile, out *scores) error {
	arrays, err := npz.Read(c.Reference, "mu", "sigma")
	if err != nil {
		return err
	}
	mu, sigma := arrays["mu"], arrays["sigma"]
	d := len(mu.Data)
	if len(mu.Shape) != 1 || len(sigma.Shape) != 2 || sigma.Shape[0] != d || sigma.Shape[1] != d {
		return fmt.Errorf("%s: mu is %v and sigma %v, want [D] and [D,D]", c.Reference, mu.Shape, sigma.Shape)
	}
	own, err := metric.SetMoments(x.Set)
	if err != nil {
		return err
	}
	r, err := metric.FrechetOfMoments(own, metric.Moments{Mean: mu.Data, Cov: dense.Matrix{Rows: d, Cols: d, Data: sigma.Data}})
	if err != nil {
		return err
	}
	out.add(r, c.Images+" against "+c.Reference)
	if err := c.inception(x, c.Images, out); err != nil {
		return err
	}
	out.Skipped = append(out.Skipped, "KID and cosine need the features of both sets")
	return nil
}

// againstSet compares with features.
func (c *scoreCmd) againstSet(a *app, x featureFile, out *scores) error {
	y, err := readFeatures(c.Reference)
	if err != nil {
		return err
	}
	both := c.Images + " against " + c.Reference
	r, err := metric.FrechetDistance(x.Set, y.Set)
	if err != nil {
		return err
	}
	out.add(r, both)
	r, err = metric.KID(a.ctx, x.Set, y.Set, metric.KIDOptions{Subsets: c.Subsets, Size: c.SubsetSize, Seed: c.Seed})
	if err != nil {
		return err
	}
	out.add(r, both)
	switch {
	case c.Unpaired:
	case x.N != y.N:
		out.Skipped = append(out.Skipped, fmt.Sprintf("cosine: %d and %d images are no pairs", x.N, y.N))
	default:
		if r, err = metric.Cosine(x.Set, y.Set); err != nil {
			return err
		}
		out.add(r, both)
	}
	if c.Integrity {
		if err := out.integrity(x.Set, y.Set); err != nil {
			return err
		}
	}
	if err := c.inception(x, c.Images, out); err != nil {
		return err
	}
	return c.inception(y, c.Reference, out)
}

// integrity adds how far the outputs moved, image by image.
func (s *scores) integrity(x, y metric.Set) error {
	squared, err := metric.PairedMSE(x, y)
	if err != nil {
		return err
	}
	cosines, err := metric.PairedCosines(x, y)
	if err != nil {
		return err
	}
	for i, v := range cosines {
		cosines[i] = 1 - v
	}
	for _, d := range []struct {
		name   string
		values []float64
	}{{"MSE of features", squared}, {"1 - cosine", cosines}} {
		r, err := metric.Integrity(d.name, d.values, nil)
		if err != nil {
			return err
		}
		s.Integrity = append(s.Integrity, r)
	}
	return nil
}

// inception adds the Inception Score of a set that has logits.
func (c *scoreCmd) inception(x featureFile, name string, out *scores) error {
	if x.logits == nil {
		out.Skipped = append(out.Skipped, "IS: "+name+" holds no logits")
		return nil
	}
	if x.N < 2*c.Splits {
		out.Skipped = append(out.Skipped, fmt.Sprintf("IS: n = %d of %s is too few for %d splits; use more images, or fewer --splits", x.N, name, c.Splits))
		return nil
	}
	r, err := metric.InceptionScore(x.logits, x.N, x.classes, x.From, metric.ISOptions{Splits: c.Splits})
	if err != nil {
		return err
	}
	out.add(r, name)
	return nil
}

func (s *scores) add(r metric.Result, of string) { s.Results = append(s.Results, scored{r, of}) }

// print writes a line a number, and below it what makes it doubtful.
func (s *scores) print(a *app) error {
	var b strings.Builder
	if len(s.Results) > 0 {
		p := s.Results[0].From
		fmt.Fprintf(&b, "network %s, weights %s, resizer %s, decoder %s\n", said(p.Network), said(p.SHA256), said(p.Resizer), said(p.Decoder))
	}
	for _, r := range s.Results {
		fmt.Fprintf(&b, "%s  %.6g", r.Column, r.Value)
		if r.SD != nil {
			fmt.Fprintf(&b, " ± %.3g", *r.SD)
		}
		fmt.Fprintf(&b, "  n = %s  (%s)\n", counts(r.N), r.Of)
		for _, w := range r.Warnings {
			fmt.Fprintf(&b, "  warning: %s\n", w)
		}
	}
	for _, r := range s.Integrity {
		fmt.Fprintf(&b, "integrity, %s  %.6g ± %.3g  95%% below %.4g, at most %.4g  n = %d, furthest rows %v\n", r.Distance, r.Mean, r.SD, r.P95, r.Max, r.N, r.Worst)
		for _, w := range r.Warnings {
			fmt.Fprintf(&b, "  warning: %s\n", w)
		}
	}
	for _, k := range s.Skipped {
		fmt.Fprintf(&b, "left out: %s\n", k)
	}
	_, err := fmt.Fprint(a.out, b.String())
	return err
}

// said is what a file said, or that it did not.
func said(text string) string {
	if text == "" {
		return "unknown"
	}
	return text
}

// counts lists numbers of images; 0 is one that nobody wrote down.
func counts(n []int) string {
	var parts []string
	for _, v := range n {
		if v == 0 {
			parts = append(parts, "unknown")
		} else {
			parts = append(parts, fmt.Sprint(v))
		}
	}
	return strings.Join(parts, " and ")
}
