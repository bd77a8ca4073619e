package main

import (
	"fmt"

	"lethe/harness/evaluate"
	"lethe/harness/metric"
	"lethe/harness/report"
)

// audits lists what the evaluation says about the unlearned model beside its
// error. None has a threshold: there is no retrained model to compare with.
func audits(res evaluate.Result) []report.Audit {
	if len(res.Masks) == 0 {
		return nil
	}
	mask := res.Masks[0]
	var out []report.Audit
	for _, a := range []struct{ key, name, definition string }{
		{"shift_mse", "Output shift", "Mean squared difference in the holes between what the unlearned and the original model complete, in normalized pixels"},
		{"encoder_unit", "Encoder distance", "Distance of the unlearned from the original embedding, both scaled to length 1 (0 to 2)"},
	} {
		for _, group := range groupOrder[:3] {
			s, ok := res.After[group].Masks[mask].Summary[a.key]
			if ok && s.N > 0 {
				out = append(out, measuredAudit(a.name, a.definition, group, mask, s))
			}
		}
	}
	return append(out, heldOutAudit(res, mask)...)
}

func measuredAudit(name, definition, group, mask string, s metric.Summary) report.Audit {
	a := report.Audit{
		Name: fmt.Sprintf("%s, %s", name, setOf(group)), Value: report.Fixed(s.Mean, 4),
		Definition: fmt.Sprintf("%s; mask %s, mean over %d images.", definition, mask, s.N),
	}
	if s.N > 1 {
		a.Interval = fmt.Sprintf("95 %% interval %s to %s", report.Fixed(s.Lo, 4), report.Fixed(s.Hi, 4))
	} else {
		a.Warnings = []string{"One image has no interval."}
	}
	return a
}

// heldOutAudit compares the error of forget images with that of images that are
// in neither set.
func heldOutAudit(res evaluate.Result, mask string) []report.Audit {
	ratio := func(of map[string]evaluate.Masked) float64 {
		if held := of["heldout"].Masks[mask].HoleMSE; held > 0 {
			return of["forget"].Masks[mask].HoleMSE / held
		}
		return 0
	}
	before, after := ratio(res.Before), ratio(res.After)
	if before == 0 || after == 0 {
		return nil
	}
	return []report.Audit{{
		Name: "Forget against held-out", Value: fmt.Sprintf("%.2f×", after), Interval: fmt.Sprintf("%.2f× before", before),
		Definition: fmt.Sprintf("Hole MSE of the forget images over that of the held-out images; mask %s. Far above 1 the model is worse on what it forgot than on what it was never asked about.", mask),
		Warnings:   []string{"No interval: the two sets hold different images, of classes that are not equally hard."},
	}}
}
