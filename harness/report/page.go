package report

import (
	"fmt"
	"strings"

	"lethe/harness/metric"
	"lethe/harness/stage"
)

// Set names a group of images. Its name decides colour, shape and dash.
type Set string

// The three sets of an unlearning run.
const (
	Retain  Set = "retain"
	Forget  Set = "forget"
	HeldOut Set = "held-out"
)

// Page is everything that a report shows. Empty parts are left out.
type Page struct {
	Kicker   string // small line above the title, such as "lethe unlearn"
	Title    string
	When     string // as it shall be printed; the package knows no clock
	Verdict  Verdict
	Warnings []string

	Asked    []Setting // the resolved configuration
	Data     []Group
	Pictures []Panel
	Shows    string // heading of the pictures; "What was forgotten" when empty
	Curves   []Chart
	Metrics  Metrics
	Sets     []StudyTable // metrics of whole sets, such as FID
	Scatters []Scatter    // such as embeddings before and after
	Trades   []TradeOff   // over other runs, where there are any
	Audits   []Audit

	Stages []stage.Stage
	// Ops are the ops of each stage by its name, the longest first; nil when they
	// were not timed.
	Ops     map[string][]stage.Op
	Totals  stage.Totals
	Machine []Setting // CPU, ISA, threads, Go version, commit

	Command string // reproduces the run
	Notes   []string
}

// Setting is one line of a list of names and values.
type Setting struct {
	Name, Value string
	Note        string // where a default comes from, or what the value means
}

// Group describes the images of one set.
type Group struct {
	Set      Set
	Images   int
	Classes  []string
	Source   string // folder or archive
	Manifest string // hash over the hashes of the files
}

// ClassText lists the classes for the page: all of a dozen, or the first ten of
// more and how many follow; a dash for none.
func (g Group) ClassText() string {
	switch n := len(g.Classes); {
	case n == 0:
		return "\u2013"
	case n > 12:
		return fmt.Sprintf("%s and %d more", strings.Join(g.Classes[:10], ", "), n-10)
	}
	return strings.Join(g.Classes, ", ")
}

// Verdict is what the page says first.
type Verdict struct {
	Sentence string
	Figures  []Figure
}

// Figure is one large number under the verdict.
type Figure struct {
	Set    Set
	Label  string
	Value  string
	Note   string
	Goal   string // "" when there is none
	Missed bool   // the goal is not met
}

// Panel shows one kind of mask: the same samples of several sets side by side.
type Panel struct {
	Mask  string
	Note  string // such as "49 of 196 patches seen"
	Grids []Grid
}

// Metrics are the numbers before and after.
type Metrics struct {
	Measures []Measure
	Rows     []Row
}

// Row is one set under one kind of mask.
type Row struct {
	Mask  string
	Set   Set
	N     int    // images
	Cells []Cell // one for each Measure
}

// Cell is one metric of one row. A Summary with N = 0 is unknown and shown as a
// dash.
type Cell struct {
	Before, After metric.Summary
	// Change is the ratio or difference with its paired interval; when it is not
	// Known, it is computed from the two means and has none.
	Change Change
}

// Change is how much a metric moved.
type Change struct {
	Value, Lo, Hi float64
	Known         bool
}
