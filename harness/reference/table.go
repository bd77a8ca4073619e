package reference

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
)

// Row is the comparison of one tensor. A number that could not be computed is
// NaN.
type Row struct {
	Name     string
	Shape    []int
	MaxAbs   float64 // largest |a−b|, in the units of the tensor
	Relative float64 // ‖a−b‖/‖b‖
	OfStep   float64 // ‖a−b‖/‖b−b₀‖, of weights
	Verdict  string
	OK       bool
}

// Table is a comparison, one row a tensor.
type Table struct {
	Rows  []Row
	Steps bool // whether a row has OfStep
}

// WriteTo prints the table with a line that sums it up, or nothing when there
// is no row.
func (t Table) WriteTo(w io.Writer) (int64, error) {
	if len(t.Rows) == 0 {
		return 0, nil
	}
	var text strings.Builder
	tab := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	step := ""
	if t.Steps {
		step = "of step\t"
	}
	fmt.Fprintf(tab, "tensor\tshape\tmax abs error\trelative L2\t%sverdict\n", step)
	failed := 0
	for _, r := range t.Rows {
		if t.Steps {
			step = number(r.OfStep) + "\t"
		}
		fmt.Fprintf(tab, "%s\t%v\t%s\t%s\t%s%s\n", r.Name, r.Shape, number(r.MaxAbs), number(r.Relative), step, r.Verdict)
		if !r.OK {
			failed++
		}
	}
	tab.Flush()
	if failed == 0 {
		fmt.Fprintf(&text, "%d tensors, all ok\n", len(t.Rows))
	} else {
		fmt.Fprintf(&text, "%d of %d tensors do not match\n", failed, len(t.Rows))
	}
	n, err := io.WriteString(w, text.String())
	return int64(n), err
}

// String returns what WriteTo prints.
func (t Table) String() string {
	var text strings.Builder
	t.WriteTo(&text)
	return text.String()
}

// number writes an error in three digits, "-" for none.
func number(v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return fmt.Sprintf("%.2e", v)
}

// err returns nil when every row is ok. A table without rows has proved nothing.
func (t Table) err() error {
	if len(t.Rows) == 0 {
		return &MismatchError{}
	}
	var e *MismatchError
	for _, r := range t.Rows {
		if r.OK {
			continue
		}
		if e == nil {
			e = &MismatchError{Tensors: len(t.Rows), First: r.Name + " (" + r.Verdict + ")"}
		}
		e.Failed++
	}
	if e == nil {
		return nil
	}
	return e
}
