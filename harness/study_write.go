package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"lethe/harness/report"
)

// studyNotes say how the tables are to be read.
var studyNotes = []string{
	"Mean ± standard deviation over the seeds, n of them; the original and the retrained model are one model each.",
	"Bold is the best method of a column. On retain and held-out images that is the least error (hole MSE, FID, KID, distances) or the greatest likeness (PSNR, SSIM, IS, CLIP); on forget images it is the greatest error or the least likeness. In the second table it is the method nearest to the retrained model, which is what forgetting by retraining gives: a method that is far worse than it on forget images has not forgotten better.",
	"Hole MSE counts removed parts only, in the model's normalized units. Encoder distances and shift are to the original model; those of the retrained model compare two trainings that began apart, and say little.",
}

// tables writes what the study has found, when all of it is there or when nothing
// is left to another shard. No byte of it depends on when or in how many parts
// the study ran; times are in a file of their own.
func (r *studyRunner) tables(s shard) error {
	tables, missing, err := r.gather()
	if err != nil {
		return err
	}
	if missing > 0 && s.of > 1 {
		r.say("%d measurements are left to other shards: the tables are written when all are in one folder", missing)
		return nil
	}
	dir := runDir(filepath.Join(r.dir, r.plan.study.Name))
	if err := os.MkdirAll(string(dir), 0o755); err != nil {
		return err
	}
	warnings := slices.Clone(r.warnings)
	for _, t := range tables {
		for _, text := range t.Warnings {
			if !slices.Contains(warnings, text) {
				warnings = append(warnings, text)
			}
		}
	}
	if missing > 0 {
		warnings = append(warnings, fmt.Sprintf("Not complete: %d measurements are missing.", missing))
	}
	notes := append(slices.Clone(studyNotes), warnings...)
	html, err := studyHTML(r.plan.study.Name, filepath.Base(r.plan.study.file), tables, studyNotes, warnings)
	if err != nil {
		return err
	}
	type file struct {
		name string
		data []byte
	}
	files := []file{{"tables.csv", studyCSV(tables)}, {"tables.md", studyMarkdown(r.plan.study.Name, tables, notes)}, {"tables.html", html}, {"timings.csv", r.timings()}}
	for i, t := range tables {
		if f, ok := t.figure(); ok {
			files = append(files, file{fmt.Sprintf("trade-off-%d.svg", i+1), f.File()})
		}
	}
	written := map[string]bool{}
	for _, f := range files {
		if err := dir.write(f.name, f.data); err != nil {
			return err
		}
		written[dir.path(f.name)] = true
	}
	old, err := filepath.Glob(dir.path("trade-off-*.svg")) // of a study that had more masks
	for _, name := range old {
		if !written[name] {
			err = errors.Join(err, os.Remove(name))
		}
	}
	if err != nil {
		return fmt.Errorf("removing figures of an earlier run: %w", err)
	}
	r.say("tables  %s", dir.path("tables.html"))
	return nil
}

// timings is the time of every finished cell.
func (r *studyRunner) timings() []byte {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	_ = w.Write([]string{"cell", "kind", "what", "seconds"}) // memory does not fail
	for _, c := range r.plan.cells {
		if r.finished(c) {
			_ = w.Write([]string{c.key, c.kind(), c.String(), strconv.FormatFloat(readSeconds(cellDir(r.dir, c.key)), 'f', 2, 64)})
		}
	}
	w.Flush()
	return out.Bytes()
}

// studyCSV has a line for every row, group and metric.
func studyCSV(tables []*studyTable) []byte {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	_ = w.Write([]string{"model", "mask", "method", "retain_set", "alpha", "group", "images", "metric", "n", "mean", "sd", "best", "minus_retrained_mean", "minus_retrained_sd"})
	for _, t := range tables {
		for _, r := range t.Rows {
			alpha := ""
			if r.Alpha != nil {
				alpha = strconv.FormatFloat(*r.Alpha, 'g', -1, 64)
			}
			for i, c := range t.Columns {
				if r.Stats[i].N == 0 {
					continue
				}
				line := []string{t.Model, t.Mask, r.Method, r.Retain, alpha, c.Group, strconv.Itoa(t.Images[c.Group]), c.Metric.name}
				line = append(line, csvStat(r.Stats[i])...)
				line = append(line, strconv.FormatBool(r.Best[i]))
				_ = w.Write(append(line, csvStat(r.Delta[i])[1:]...))
			}
		}
	}
	w.Flush()
	return out.Bytes()
}

// csvStat is n, mean and deviation; what is not there is empty.
func csvStat(s stat) []string {
	out := []string{strconv.Itoa(s.N), "", ""}
	if s.N > 0 {
		out[1] = strconv.FormatFloat(s.Mean, 'g', -1, 64)
	}
	if s.N > 1 {
		out[2] = strconv.FormatFloat(s.SD, 'g', -1, 64)
	}
	return out
}

// studyMarkdown has the tables of every model and mask.
func studyMarkdown(name string, tables []*studyTable, notes []string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", name)
	for _, t := range tables {
		fmt.Fprintf(&b, "\n## %s, mask %s\n\n%s\n\n", t.Model, t.Mask, t.counts())
		t.markdown(&b, func(r *studyTableRow) ([]stat, []bool) { return r.Stats, r.Best })
		if t.Oracle {
			b.WriteString("\nDifference to the retrained model\n\n")
			t.markdown(&b, func(r *studyTableRow) ([]stat, []bool) { return r.Delta, r.Near })
		}
	}
	b.WriteString("\n")
	for _, n := range notes {
		fmt.Fprintf(&b, "- %s\n", n)
	}
	return []byte(b.String())
}

func (t *studyTable) markdown(b *strings.Builder, of func(*studyTableRow) ([]stat, []bool)) {
	b.WriteString("| model | n |")
	for _, c := range t.Columns {
		fmt.Fprintf(b, " %s |", c.head())
	}
	b.WriteString("\n| --- | ---: |" + strings.Repeat(" ---: |", len(t.Columns)) + "\n")
	for _, r := range t.Rows {
		stats, best := of(r)
		fmt.Fprintf(b, "| %s | %d |", r.name(), r.seeds())
		for i, s := range stats {
			if best[i] {
				fmt.Fprintf(b, " **%s** |", s.text())
			} else {
				fmt.Fprintf(b, " %s |", s.text())
			}
		}
		b.WriteString("\n")
	}
}

// counts says how many images a group has.
func (t *studyTable) counts() string {
	var parts []string
	for _, g := range []string{"retain", "forget", "heldout"} {
		if n := t.Images[g]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, g))
		}
	}
	return strings.Join(parts, ", ") + " images"
}

// studyHTML is one self-contained page.
func studyHTML(name, file string, tables []*studyTable, notes, warnings []string) ([]byte, error) {
	page := report.StudyPage{Kicker: "lethe study", Title: name, Warnings: warnings, Notes: notes, Command: "lethe study run " + file}
	for _, t := range tables {
		page.Tables = append(page.Tables, t.page(t.title(), t.counts()+", as measured", func(r *studyTableRow) ([]stat, []bool) { return r.Stats, r.Best }))
		if t.Oracle {
			page.Tables = append(page.Tables, t.page(t.title()+": less the retrained model", "Difference to the retrained model; bold is nearest to it", func(r *studyTableRow) ([]stat, []bool) { return r.Delta, r.Near }))
		}
		if f, ok := t.figure(); ok {
			page.Trades = append(page.Trades, f)
		}
	}
	var out bytes.Buffer
	err := report.WriteStudy(&out, page)
	return out.Bytes(), err
}
