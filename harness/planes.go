package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"lethe/harness/evaluate"
	"lethe/harness/report"
	"lethe/harness/tsne"
)

// planes lays the features that were kept out in the plane, one picture a network:
// retain and forget images, completed by the original and by the unlearned model. A
// set too small for the method is a warning, no error: the run is done.
func planes(ctx context.Context, res evaluate.Result, seed uint64, warn func(format string, args ...any)) ([]report.Scatter, error) {
	var out []report.Scatter
	var names []string
	byName := map[string][]evaluate.Embedded{}
	for _, e := range res.Embedded {
		if _, held := res.Before[strings.TrimSuffix(e.Group, "_seen")]; held && strings.HasSuffix(e.Group, "_seen") {
			continue // images that were not trained on say more
		}
		if byName[e.Network] == nil {
			names = append(names, e.Network)
		}
		byName[e.Network] = append(byName[e.Network], e)
	}
	for _, name := range names {
		rows, n := []float32(nil), 0
		for _, e := range byName[name] {
			rows, n = append(rows, e.Rows...), n+e.N
		}
		if least := int(3*tsne.Paper().Perplexity) + 1; n < least {
			warn("no t-SNE over %s: %d completions, want at least %d for the perplexity %g: measure more images", name, n, least, tsne.Paper().Perplexity)
			continue
		}
		s, err := plane(ctx, rows, n, byName[name], seed)
		if err != nil {
			return nil, fmt.Errorf("t-SNE over %s: %w", name, err)
		}
		out = append(out, s)
	}
	return out, nil
}

func plane(ctx context.Context, rows []float32, n int, sets []evaluate.Embedded, seed uint64) (report.Scatter, error) {
	o := tsne.Paper()
	o.Seed = seed
	layout, err := tsne.Run(ctx, rows, n, sets[0].D, o)
	if err != nil {
		return report.Scatter{}, err
	}
	s := report.Scatter{
		Title: "t-SNE over " + sets[0].Network,
		Note:  fmt.Sprintf("%d completions under the first mask, perplexity %g, %d iterations, seed %d, KL %.3f.\nNear means alike; distances between clusters, and their sizes, mean nothing.", n, o.Perplexity, o.Iterations, seed, layout.KL),
	}
	at := 0
	for _, e := range sets {
		c := report.Cloud{Name: string(setOf(e.Group)) + ", original", Set: setOf(e.Group), Hollow: true}
		if e.Unlearned {
			c.Name, c.Hollow = string(c.Set)+", unlearned", false
		}
		for range e.N {
			c.Points = append(c.Points, report.Point{X: layout.Y[2*at], Y: layout.Y[2*at+1]})
			at++
		}
		s.Clouds = append(s.Clouds, c)
	}
	return s, nil
}

// setTables are the metrics of whole sets, one table a mask; of two models, the one
// above is the original.
func setTables(res evaluate.Result) []report.StudyTable {
	var out []report.StudyTable
	for _, mask := range res.Masks {
		t := report.StudyTable{Title: mask, Columns: []string{"completions"}}
		for _, g := range groupOrder {
			for _, side := range []struct {
				name string
				of   evaluate.Metrics
			}{{"original", res.Before[g].Masks[mask]}, {"unlearned", res.After[g].Masks[mask]}} {
				if len(side.of.SetResults) == 0 {
					continue
				}
				row := report.StudyRow{Name: fmt.Sprintf("%s, %s, n = %d", setOf(g), side.name, side.of.Images)}
				for _, v := range side.of.SetResults {
					if !slices.Contains(t.Columns, v.Column) {
						t.Columns = append(t.Columns, v.Column)
					}
					cell := report.StudyCell{Mean: v.Value, SD: math.NaN(), N: 1, Digits: digits(v.Value)}
					if v.SD != nil {
						cell.SD, cell.N = *v.SD, 2 // as many as show a deviation
					}
					row.Cells = append(row.Cells, cell)
				}
				t.Rows = append(t.Rows, row)
			}
		}
		if len(t.Rows) > 0 {
			t.Note = "Completions against the true images, by the networks that were given; ± is the spread over the parts of a set that a metric takes, no confidence."
			out = append(out, t)
		}
	}
	return out
}
