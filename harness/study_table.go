package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// studyMetric is what the tables know of a metric: higher tells what is better on
// retain images; on forget images the other is. Metrics that are not in the list are
// tabled behind it by name, without a best.
type studyMetric struct {
	name, title string
	higher      bool
}

var studyMetrics = []studyMetric{
	{"hole_mse", "hole MSE", false}, {"psnr", "PSNR dB", true}, {"ssim", "SSIM", true},
	{"encoder_rms", "encoder RMS", false}, {"encoder_unit", "encoder unit", false}, {"shift_mse", "shift MSE", false},
}

// stat is a mean over seeds with the deviation of a sample.
type stat struct {
	N        int
	Mean, SD float64 // SD is NaN for a single seed
}

func statOf(values []float64) stat {
	s := stat{N: len(values), SD: math.NaN()}
	for _, v := range values {
		s.Mean += v / float64(len(values))
	}
	if len(values) < 2 {
		return s
	}
	var sum float64
	for _, v := range values {
		sum += (v - s.Mean) * (v - s.Mean)
	}
	s.SD = math.Sqrt(sum / float64(len(values)-1))
	return s
}

// text is the mean and the deviation in four digits.
func (s stat) text() string {
	switch {
	case s.N == 0:
		return "–"
	case math.IsNaN(s.SD):
		return fmt.Sprintf("%.4g", s.Mean)
	}
	return fmt.Sprintf("%.4g ± %.2g", s.Mean, s.SD)
}

// studyColumn is a metric of a group.
type studyColumn struct {
	Group  string
	Metric studyMetric
	ranked bool // the metric's better direction is known
}

func (c studyColumn) head() string { return c.Group + " " + c.Metric.title }

// better tells whether a is better than b in the column: far off on forget images,
// near on the others.
func (c studyColumn) better(a, b float64) bool {
	if c.Metric.higher != (c.Group == "forget") {
		return a > b
	}
	return a < b
}

// studyTable is one model under one mask.
type studyTable struct {
	Model, Mask string
	Images      map[string]int
	Warnings    []string
	Columns     []studyColumn
	Rows        []*studyTableRow
	Oracle      bool // it has a row of a retrained model
}

// studyTableRow has a stat for each column, as measured and as the difference to
// the retrained model.
type studyTableRow struct {
	studyRow
	values []map[string]map[string]float64 // by seed, group, metric
	Stats  []stat
	Delta  []stat
	Best   []bool
	Near   []bool // nearest to the retrained model
}

// method tells a row of a method from those that it is compared with.
func (r *studyTableRow) method() bool { return r.Method != rowOriginal && r.Method != rowOracle }

// gather reads the finished measurements into tables, and counts those that are
// missing.
func (r *studyRunner) gather() (tables []*studyTable, missing int, err error) {
	byMask := map[string]*studyTable{}
	for _, c := range r.plan.cells {
		if c.kind() != kindMeasure {
			continue
		}
		name := r.plan.study.Models[c.model].Name
		t := byMask[name+"\x00"+c.mask]
		if t == nil {
			t = &studyTable{Model: name, Mask: c.mask, Images: map[string]int{}}
			byMask[name+"\x00"+c.mask] = t
			tables = append(tables, t)
		}
		row := t.row(c.row)
		if !r.finished(c) {
			missing++
			continue
		}
		res, err := readResult(cellDir(r.dir, c.key), c.key)
		if err != nil {
			return nil, 0, err
		}
		row.values = append(row.values, res.Metrics)
		t.Images = res.Images
		for _, text := range res.Warnings {
			if !slices.Contains(t.Warnings, text) {
				t.Warnings = append(t.Warnings, text)
			}
		}
	}
	for _, t := range tables {
		t.columns()
		t.fill()
	}
	return tables, missing, nil
}

// row finds or adds a row.
func (t *studyTable) row(of studyRow) *studyTableRow {
	for _, r := range t.Rows {
		if r.name() == of.name() {
			return r
		}
	}
	r := &studyTableRow{studyRow: of}
	t.Rows = append(t.Rows, r)
	t.Oracle = t.Oracle || of.Method == rowOracle
	return r
}

// columns lists what any row has, group by group: retain, forget, held out.
func (t *studyTable) columns() {
	found := map[string]map[string]bool{}
	for _, r := range t.Rows {
		for _, v := range r.values {
			for group, metrics := range v {
				if found[group] == nil {
					found[group] = map[string]bool{}
				}
				for name := range metrics {
					found[group][name] = true
				}
			}
		}
	}
	for _, m := range t.metrics(found) {
		_, ranked := knownMetric(m.name)
		for _, g := range []string{"retain", "forget", "heldout"} {
			if found[g][m.name] {
				t.Columns = append(t.Columns, studyColumn{g, m, ranked})
			}
		}
	}
}

// setMetrics are the metrics over features of a network. Their columns bear its name
// in brackets, but for the network of the FID: FID, or FD(ResNet-56).
var setMetrics = []studyMetric{{"FID", "", false}, {"FD", "", false}, {"KID", "", false}, {"IS", "", true}, {"cosine", "", true}}

func knownMetric(name string) (studyMetric, bool) {
	if i := slices.IndexFunc(studyMetrics, func(m studyMetric) bool { return m.name == name }); i >= 0 {
		return studyMetrics[i], true
	}
	of, _, _ := strings.Cut(name, "(")
	i := slices.IndexFunc(setMetrics, func(m studyMetric) bool { return m.name == of })
	return studyMetric{name, name, i >= 0 && setMetrics[i].higher}, i >= 0
}

// metrics are those found: the known ones in their order, then the others by name.
func (t *studyTable) metrics(found map[string]map[string]bool) []studyMetric {
	all := map[string]bool{}
	for _, names := range found {
		for n := range names {
			all[n] = true
		}
	}
	var out []studyMetric
	for _, m := range setMetrics {
		for _, n := range sortedKeys(all) {
			if of, _, _ := strings.Cut(n, "("); of == m.name {
				out = append(out, studyMetric{n, n, m.higher})
				delete(all, n)
			}
		}
	}
	for _, m := range studyMetrics {
		if all[m.name] {
			out = append(out, m)
			delete(all, m.name)
		}
	}
	for _, n := range sortedKeys(all) {
		out = append(out, studyMetric{name: n, title: n})
	}
	return out
}

// fill computes the stats, the differences and what is best among the methods.
func (t *studyTable) fill() {
	for i, c := range t.Columns {
		oracle := math.NaN()
		for _, r := range t.Rows {
			if r.Method == rowOracle && len(r.values) > 0 {
				if v, ok := r.values[0][c.Group][c.Metric.name]; ok {
					oracle = v
				}
			}
		}
		for _, r := range t.Rows {
			var values, deltas []float64
			for _, v := range r.values {
				if x, ok := v[c.Group][c.Metric.name]; ok {
					values = append(values, x)
					if !math.IsNaN(oracle) {
						deltas = append(deltas, x-oracle)
					}
				}
			}
			r.Stats, r.Delta = append(r.Stats, statOf(values)), append(r.Delta, statOf(deltas))
			r.Best, r.Near = append(r.Best, false), append(r.Near, false)
		}
		if c.ranked {
			t.mark(func(r *studyTableRow) stat { return r.Stats[i] }, c.better, func(r *studyTableRow) { r.Best[i] = true })
		}
		t.mark(func(r *studyTableRow) stat { return r.Delta[i] }, func(a, b float64) bool { return math.Abs(a) < math.Abs(b) }, func(r *studyTableRow) { r.Near[i] = true })
	}
}

// mark finds the best mean of the methods in a column; equal ones are all best. A
// single method has nothing to be better than.
func (t *studyTable) mark(of func(*studyTableRow) stat, better func(a, b float64) bool, set func(*studyTableRow)) {
	var rows []*studyTableRow
	for _, r := range t.Rows {
		if r.method() && of(r).N > 0 {
			rows = append(rows, r)
		}
	}
	if len(rows) < 2 {
		return
	}
	best := of(rows[0]).Mean
	for _, r := range rows[1:] {
		if m := of(r).Mean; better(m, best) {
			best = m
		}
	}
	for _, r := range rows {
		if of(r).Mean == best {
			set(r)
		}
	}
}

// seeds is the number of measurements of a row.
func (r *studyTableRow) seeds() int { return len(r.values) }

// column finds a column, -1 if there is none.
func (t *studyTable) column(group, metric string) int {
	return slices.IndexFunc(t.Columns, func(c studyColumn) bool { return c.Group == group && c.Metric.name == metric })
}
