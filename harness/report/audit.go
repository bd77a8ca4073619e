package report

// Audit is one question asked of the unlearned model. All values are text as it
// shall be printed: the audits differ in what they measure.
type Audit struct {
	Name       string
	Definition string // what is computed, with its unit
	Value      string
	Interval   string // "" when there is none
	Verdict    string // "" for an audit that is only measured
	Outcome    Outcome
	Warnings   []string
}

// Outcome says how an audit ended.
type Outcome string

// The outcomes; the zero value is an audit without a threshold.
const (
	Measured Outcome = ""
	Passed   Outcome = "passed"
	Failed   Outcome = "failed"
)

// Sign is the outcome as a character, so that colour is not all that tells.
func (o Outcome) Sign() string {
	switch o {
	case Passed:
		return "✓"
	case Failed:
		return "✗"
	}
	return "·"
}
