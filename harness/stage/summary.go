package stage

import "time"

// Stage is one line of the summary.
type Stage struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	Calls   int64   `json:"calls"`
	// GFLOPPerSecond is the rate achieved, GFLOPs/Seconds; 0 when no arithmetic
	// was counted.
	GFLOPPerSecond float64 `json:"gflops"`
	// GFLOPs is the arithmetic done, in 1e9 operations.
	GFLOPs float64 `json:"gflop_total"`
	// PercentPeak is GFLOPPerSecond over the measured peak, times 100; 0 when
	// either is unknown.
	PercentPeak float64 `json:"percent_peak"`
	// PercentTime is the share of the elapsed time of the run, times 100.
	PercentTime float64 `json:"percent_time"`
	// RSSBytes is the largest resident memory seen at the end of a call.
	RSSBytes int64 `json:"rss_bytes"`
}

// Totals is what belongs to the run and to no stage.
type Totals struct {
	Seconds      float64 `json:"seconds"`         // since the clock was made
	Untimed      float64 `json:"untimed_seconds"` // of these, in no stage
	GFLOPs       float64 `json:"gflop_total"`     // of all stages
	PeakRSSBytes int64   `json:"peak_rss_bytes"`  // of the process
	Peak         Peak    `json:"peak"`
}

// Summary lists the stages in the order of their first call. A stage that is
// still running counts its finished calls only.
func (c *Clock) Summary(peak Peak) []Stage {
	c.mu.Lock()
	defer c.mu.Unlock()
	elapsed := c.now().Sub(c.born).Seconds()
	out := make([]Stage, 0, len(c.records))
	for _, r := range c.records {
		s := Stage{
			Name: r.name, Seconds: r.spent.Seconds(), Calls: r.calls,
			GFLOPs: r.gflop, RSSBytes: r.resident,
		}
		s.GFLOPPerSecond = ratio(s.GFLOPs, s.Seconds)
		s.PercentPeak = 100 * ratio(s.GFLOPPerSecond, peak.GFLOPPerSecond)
		s.PercentTime = 100 * ratio(s.Seconds, elapsed)
		out = append(out, s)
	}
	return out
}

// Totals reads the memory once more and adds the stages up.
func (c *Clock) Totals(peak Peak) Totals {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.memory()
	c.peakRSS = max(c.peakRSS, m.Peak, m.Resident)
	elapsed := c.now().Sub(c.born)
	t := Totals{Seconds: elapsed.Seconds(), PeakRSSBytes: c.peakRSS, Peak: peak}
	var spent time.Duration
	for _, r := range c.records {
		t.GFLOPs += r.gflop
		spent += r.spent
	}
	t.Untimed = max(0, elapsed-spent).Seconds()
	return t
}

// ratio is a/b, and 0 when b is not positive.
func ratio(a, b float64) float64 {
	if b > 0 {
		return a / b
	}
	return 0
}
