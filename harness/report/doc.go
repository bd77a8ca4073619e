// Package report writes what a run did, or many runs, as one self-contained HTML
// page: no network, no file beside it. One small inline script, allowed by its
// hash, adds the sliders and the change of theme; without it the pictures stand
// side by side and everything is there. The package also draws the grids of pictures
// and exports the tables as CSV.
//
// A caller fills a Page, a plain struct, and calls Write. What is empty in the
// Page is left out of the page. The same Page gives the same bytes: nothing
// here looks at a clock, a file, the environment or the order of a map.
//
// Vocabulary. A set is retain, forget or held-out. A mask kind is one way of
// removing patches, such as "random 75 %". Before is the original model, after
// the unlearned one.
//
//	page := report.Page{Title: "ours on mae_tiny", Metrics: m}
//	page.Verdict = report.Judge(m, "random 75 %", report.Goals{Forget: 2, Retain: 1.1})
//	err := report.Write(w, page)
//
// Colours are Okabe and Ito's, which colour-blind readers can tell apart; sets
// are also told apart by a shape, and lines by their dashes.
package report
