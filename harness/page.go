package main

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"lethe/harness/evaluate"
	"lethe/harness/report"
	"lethe/harness/stage"
	"lethe/harness/unlearn"
	"lethe/kernels"
)

// finish writes summary.json and report.html and tells the user.
func (j *unlearnJob) finish(res evaluate.Result, pictures []evaluate.Picture, took time.Duration) error {
	stages, totals := j.clock.Summary(j.peak), j.clock.Totals(j.peak)
	if err := j.dir.writeJSON("summary.json", j.summary(res, stages, totals, took)); err != nil {
		return err
	}
	scatters, err := planes(j.ctx, res, j.cmd.Seed, j.warn)
	if err != nil {
		return err
	}
	page := j.page(res, pictures, stages, totals)
	page.Scatters, page.Sets = scatters, setTables(res)
	for i, s := range scatters {
		if err := j.dir.write(fmt.Sprintf("tsne-%d.svg", i+1), s.File()); err != nil {
			return err
		}
	}
	var html, table bytes.Buffer
	if err := report.Write(&html, page); err != nil {
		return err
	}
	if err := report.WriteMetricsCSV(&table, page.Metrics); err != nil {
		return err
	}
	if err := j.dir.write("metrics.csv", table.Bytes()); err != nil {
		return err
	}
	if err := j.dir.write("report.html", html.Bytes()); err != nil {
		return err
	}
	j.say("")
	if err := stage.WriteTable(j.out, stages, totals); err != nil {
		return err
	}
	if w := j.work(stages); w != nil {
		j.say("work: %.2f GFLOP a sample; the procedure of the authors' code %.2f (%.2f times)", w.Ours, w.Authors, w.Authors/w.Ours)
	}
	j.say("")
	writeResult(j.out, res)
	j.say("\n%s", verdict(res))
	j.say("report      %s", j.dir.path("report.html"))
	j.say("checkpoint  %s", j.dir.path("checkpoint.safetensors"))
	return nil
}

// work is the saving against the authors' code, of the method that both have.
func (j *unlearnJob) work(stages []stage.Stage) *sampleWork {
	if j.method.Name != unlearn.Ours.Name {
		return nil
	}
	return work(j.original, stages, j.samples, j.tokens)
}

// summary is summary.json.
type summary struct {
	Method string `json:"method"`
	Model  string `json:"model"`
	Seed   uint64 `json:"seed"`
	ISA    string `json:"isa"`
	arithmetic
	Threads      int                `json:"threads"`
	GoVersion    string             `json:"go_version"`
	Alpha        float64            `json:"alpha"`
	LearningRate float64            `json:"lr"`
	Steps        int                `json:"steps"`
	Stages       []stage.Stage      `json:"stages"`
	Work         *sampleWork        `json:"work,omitempty"`
	Totals       stage.Totals       `json:"totals"`
	PeakRSS      int64              `json:"peak_rss_bytes"`
	PeakGFLOPS   float64            `json:"fma_peak_gflops"`
	Seconds      float64            `json:"seconds"`
	FinalLoss    map[string]float64 `json:"final_loss"`
	Eval         evaluate.Result    `json:"eval"`
	Data         []dataSummary      `json:"data"`
	Weights      string             `json:"checkpoint_weights_sha256"`
	Warnings     []string           `json:"warnings"`
}

func (j *unlearnJob) summary(res evaluate.Result, stages []stage.Stage, totals stage.Totals, took time.Duration) summary {
	s := summary{
		Method: j.method.Name, Model: j.original.Name(), Seed: j.cmd.Seed,
		ISA: kernels.ISA(), arithmetic: j.arithmetic(), Threads: runtime.GOMAXPROCS(0), GoVersion: runtime.Version(),
		Alpha: j.settings.Alpha, LearningRate: j.settings.LearningRate, Steps: j.steps,
		Stages: stages, Work: j.work(stages), Totals: totals, PeakRSS: totals.PeakRSSBytes, PeakGFLOPS: j.peak.GFLOPPerSecond,
		Seconds: took.Seconds(), Eval: res, Data: j.images.summary(), Weights: weightsHash(j.student),
		Warnings: append([]string{}, j.warnings...),
	}
	if n := len(j.log.records); n > 0 {
		last := j.log.records[n-1]
		s.FinalLoss = map[string]float64{"retain": last.Retain, "forget": last.Forget, "total": last.Loss}
	}
	return s
}

// page fills the report.
func (j *unlearnJob) page(res evaluate.Result, pictures []evaluate.Picture, stages []stage.Stage, totals stage.Totals) report.Page {
	title := j.cmd.defaultTitle
	if title == "" {
		title = fmt.Sprintf("%s forgets %s", j.original.Name(), classNames(j.images.forget))
	}
	return report.Page{
		Kicker: "lethe unlearn", Title: title, When: time.Now().UTC().Format("2006-01-02 15:04 UTC"),
		Verdict: report.Verdict{Sentence: verdict(res), Figures: figures(res)}, Warnings: j.warnings,
		Asked: askedSettings(j.config), Data: j.images.reported(), Pictures: panels(pictures, res.Masks),
		Curves: lossCharts(j.log.records), Metrics: metricsTable(res), Audits: audits(res),
		Stages: stages, Ops: j.ops.ByStage(), Totals: totals, Machine: j.machineSettings(),
		Command: again("unlearn", j.dir), Notes: notes,
	}
}

var notes = []string{
	"Hole MSE is the squared error of the removed patches in normalized pixels, on images that were not used for unlearning where there are such; PSNR (range 1) and SSIM (Gaussian 11, 1.5) are of the whole image with the visible pixels pasted in.",
	"The original and the unlearned model complete the same images under the same masks. Noise as the target of the forget images is a heuristic maximum-entropy target, not a guarantee; no retrained model is part of this run.",
}

// verdict says in one sentence what happened.
func verdict(res evaluate.Result) string {
	f, okF := res.Ratio["forget"]
	r, okR := res.Ratio["retain"]
	if !okF || !okR {
		return "Nothing was measured on one of the two sides."
	}
	return fmt.Sprintf("Forget images: hole MSE %.2f times the original's; retain images: %.2f times.", f.Value, r.Value)
}

func figures(res evaluate.Result) []report.Figure {
	var out []report.Figure
	for _, g := range []struct {
		name string
		set  report.Set
		goal string
		ok   func(float64) bool
	}{
		{"forget", report.Forget, "at least 2.00", func(v float64) bool { return v >= 2 }},
		{"retain", report.Retain, "at most 1.10", func(v float64) bool { return v <= 1.10 }},
		{"heldout", report.HeldOut, "", func(float64) bool { return true }},
	} {
		if r, ok := res.Ratio[g.name]; ok {
			out = append(out, report.Figure{
				Set: g.set, Label: "hole MSE, after / before", Value: fmt.Sprintf("%.2f×", r.Value),
				Note: fmt.Sprintf("95 %% interval %.2f to %.2f", r.Interval[0], r.Interval[1]),
				Goal: g.goal, Missed: !g.ok(r.Value),
			})
		}
	}
	return out
}

// setOf is the report's name of an evaluated group.
func setOf(group string) report.Set {
	if group == "heldout" {
		return report.HeldOut
	}
	return report.Set(strings.ReplaceAll(group, "_", " "))
}

// groupOrder is the order of the groups everywhere.
var groupOrder = []string{"retain", "forget", "heldout", "retain_seen", "forget_seen"}

func metricsTable(res evaluate.Result) report.Metrics {
	out := report.Metrics{Measures: report.Measures()}
	for i, mask := range res.Masks {
		for _, group := range groupOrder {
			before, ok := res.Before[group]
			if !ok {
				continue
			}
			row := report.Row{Mask: mask, Set: setOf(group), N: before.Images}
			for k, m := range out.Measures {
				cell := report.Cell{Before: before.Masks[mask].Summary[m.Key], After: res.After[group].Masks[mask].Summary[m.Key]}
				if r, ok := res.Ratio[group]; ok && i == 0 && k == 0 {
					cell.Change = report.Change{Value: r.Value, Lo: r.Interval[0], Hi: r.Interval[1], Known: true}
				}
				row.Cells = append(row.Cells, cell)
			}
			out.Rows = append(out.Rows, row)
		}
	}
	return out
}

// machineSettings describes the machine for the report.
func (s *session) machineSettings() []report.Setting {
	return append([]report.Setting{
		{Name: "CPU", Value: cpuName()}, {Name: "ISA", Value: kernels.ISA()},
		{Name: "threads", Value: fmt.Sprint(runtime.GOMAXPROCS(0))}, {Name: "Go", Value: runtime.Version()},
	}, s.arithmetic().settings()...)
}

// writeResult prints the metric table as text.
func writeResult(w interface{ Write([]byte) (int, error) }, res evaluate.Result) {
	fmt.Fprintf(w, "%-14s %-13s %6s  %18s  %16s  %16s\n", "mask", "images", "n", "hole MSE", "PSNR dB", "SSIM")
	for _, mask := range res.Masks {
		for _, g := range groupOrder {
			b, ok := res.Before[g].Masks[mask]
			if !ok {
				continue
			}
			a, both := res.After[g].Masks[mask]
			if !both {
				fmt.Fprintf(w, "%-14s %-13s %6d  %18.4f  %16.2f  %16.3f\n", mask, setOf(g), b.Images, b.HoleMSE, b.PSNR, b.SSIM)
				continue
			}
			fmt.Fprintf(w, "%-14s %-13s %6d  %8.4f →%8.4f  %7.2f →%7.2f  %7.3f →%7.3f\n", mask, setOf(g), b.Images, b.HoleMSE, a.HoleMSE, b.PSNR, a.PSNR, b.SSIM, a.SSIM)
		}
	}
	writeSets(w, res)
}

// writeSets prints the metrics of sets and, once each, what makes them doubtful.
func writeSets(w io.Writer, res evaluate.Result) {
	said := map[string]bool{}
	for _, mask := range res.Masks {
		for _, g := range groupOrder {
			b, a := res.Before[g].Masks[mask], res.After[g].Masks[mask]
			for _, v := range append(b.SetResults[:len(b.SetResults):len(b.SetResults)], a.SetResults...) {
				for _, warning := range v.Warnings {
					said[v.Column+": "+warning] = true
				}
			}
			for _, v := range b.SetResults {
				fmt.Fprintf(w, "%-14s %-13s %6d  %s %.6g", mask, setOf(g), b.Images, v.Column, v.Value)
				if after, both := a.Sets[v.Column]; both {
					fmt.Fprintf(w, " → %.6g", after)
				}
				fmt.Fprintln(w)
			}
		}
	}
	for _, text := range sortedKeys(said) {
		fmt.Fprintln(w, "warning: "+text)
	}
}

// cpuName is the processor's brand, where it has one.
func cpuName() string {
	if name := kernels.CPU(); name != "" {
		return name
	}
	return runtime.GOARCH
}
