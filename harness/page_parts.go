package main

import (
	"fmt"
	"math"

	"github.com/goccy/go-yaml"

	"lethe/harness/evaluate"
	"lethe/harness/metric"
	"lethe/harness/report"
	"lethe/harness/train"
)

// askedSettings lists the resolved configuration.
func askedSettings(config []byte) []report.Setting {
	var pairs yaml.MapSlice
	if err := yaml.UnmarshalWithOptions(config, &pairs, yaml.UseOrderedMap()); err != nil {
		return []report.Setting{{Name: "config.yaml", Value: string(config)}}
	}
	var out []report.Setting
	for _, p := range pairs {
		out = append(out, report.Setting{Name: fmt.Sprint(p.Key), Value: fmt.Sprint(p.Value)})
	}
	return out
}

// again is the command that repeats a run from the folder it was started in.
func again(command string, dir runDir) string {
	return fmt.Sprintf("lethe %s --config %s --out OTHER-FOLDER", command, dir.path("config.yaml"))
}

// lossCharts draws the log of a run. Pretraining has no forget loss.
func lossCharts(records []train.Record) []report.Chart {
	var step, loss, retain, forget, norm, lr []float64
	unlearning := false
	for _, r := range records {
		step = append(step, float64(r.Step))
		loss, retain, forget = append(loss, r.Loss), append(retain, r.Retain), append(forget, r.Forget)
		norm, lr = append(norm, r.GradNorm), append(lr, r.LearningRate)
		unlearning = unlearning || r.Forget != 0
	}
	if len(step) == 0 {
		return nil
	}
	first := report.Chart{Title: "Loss", Log: true, Wide: true, Smooth: true, Series: []report.Series{{Name: "loss", X: step, Y: loss}}}
	if unlearning {
		first.Series = []report.Series{
			{Name: "retain", Set: report.Retain, X: step, Y: retain},
			{Name: "forget", Set: report.Forget, X: step, Y: forget},
		}
	}
	return []report.Chart{
		first,
		{Title: "Gradient norm", YName: "L2, before clipping", Log: true, Smooth: true, Series: []report.Series{{Name: "gradient norm", X: step, Y: norm}}},
		{Title: "Learning rate", Series: []report.Series{{Name: "learning rate", X: step, Y: lr}}},
	}
}

// panels groups the kept pictures by mask and set.
func panels(pictures []evaluate.Picture, masks []string) []report.Panel {
	var out []report.Panel
	for _, mask := range masks {
		p := report.Panel{Mask: mask}
		for _, group := range []string{"retain", "forget", "heldout"} {
			if g := grid(pictures, mask, group); len(g.Rows) > 0 {
				p.Grids = append(p.Grids, g)
			}
		}
		if len(p.Grids) > 0 {
			out = append(out, p)
		}
	}
	return out
}

// grid shows the samples of one group under one mask: what two models made of
// them or, where one alone was measured, that one.
func grid(pictures []evaluate.Picture, mask, group string) report.Grid {
	g := report.Grid{Set: setOf(group), Title: string(setOf(group)), Columns: []string{"masked", "completed", "truth"}}
	for _, p := range pictures {
		if p.Group != group || p.Mask != mask {
			continue
		}
		row := report.GridRow{Label: p.Label, Pictures: []report.Picture{shown(p.Masked), shown(p.Before)}}
		if p.After != nil {
			g.Columns = []string{"masked", "before", "after", "truth"}
			row.Pictures = append(row.Pictures, shown(p.After))
		}
		row.Pictures = append(row.Pictures, shown(p.Input))
		g.Rows = append(g.Rows, row)
	}
	return g
}

// shown turns [3,H,W] in [0,1] of a square image into a picture.
func shown(pix []float32) report.Picture {
	side := int(math.Sqrt(float64(len(pix) / 3)))
	im := metric.Image{C: 3, H: side, W: side, Pix: pix}
	return report.Picture{W: side, H: side, Pix: im.Bytes()}
}
