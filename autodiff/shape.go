package autodiff

import (
	"math"
	"slices"
	"strconv"
)

// ShapeError is the panic value of an op whose arguments do not fit together.
// Got and Want are written for people, shapes as "[2 3]" with "_" for a
// dimension that may be anything.
type ShapeError struct {
	Op       string // the function that refused, such as "Linear"
	Quantity string // what was wrong, such as "shape of w"
	Got      string
	Want     string
}

// Error gives operation, quantity, what was got and what was wanted.
func (e *ShapeError) Error() string {
	return "autodiff: " + e.Op + ": " + e.Quantity + " is " + e.Got + ", want " + e.Want
}

// anyDim stands for a dimension that a check does not look at.
const anyDim = -1

// formatShape writes a shape as "[2 3]", with "_" for anyDim.
func formatShape(shape []int) string {
	text := []byte{'['}
	for i, d := range shape {
		if i > 0 {
			text = append(text, ' ')
		}
		if d == anyDim {
			text = append(text, '_')
		} else {
			text = strconv.AppendInt(text, int64(d), 10)
		}
	}
	return string(append(text, ']'))
}

// elements returns the product of a shape's dimensions.
// Panics: a dimension is negative, or the product is no int.
func elements(op string, shape []int) int {
	n := 1
	for _, d := range shape {
		if d < 0 {
			panic(&ShapeError{Op: op, Quantity: "shape", Got: formatShape(shape), Want: "no negative dimension"})
		}
		if d > 0 && n > math.MaxInt/d {
			panic(&ShapeError{Op: op, Quantity: "shape", Got: formatShape(shape), Want: "at most " + strconv.Itoa(math.MaxInt) + " elements"})
		}
		n *= d
	}
	return n
}

// needLive refuses a tensor that is nil or whose data was released.
func needLive(op, name string, t *Tensor) {
	if t == nil {
		panic(&ShapeError{Op: op, Quantity: name, Got: "nil", Want: "a tensor"})
	}
	if t.root == nil || len(t.Data) != t.n {
		panic(&ShapeError{Op: op, Quantity: "len(" + name + ".Data)", Got: strconv.Itoa(len(t.Data)),
			Want: strconv.Itoa(t.n) + " (was it released by Reset, Frozen or Scope?)"})
	}
}

// needShape refuses a tensor that is not of the wanted shape; anyDim matches
// every dimension.
func needShape(op, name string, t *Tensor, want ...int) {
	needLive(op, name, t)
	ok := len(t.shape) == len(want)
	for i := 0; ok && i < len(want); i++ {
		ok = want[i] == anyDim || want[i] == t.shape[i]
	}
	if !ok {
		panic(&ShapeError{Op: op, Quantity: "shape of " + name, Got: formatShape(t.shape), Want: formatShape(want)})
	}
}

// needSame refuses y when its shape is not x's.
func needSame(op string, x, y *Tensor) {
	needLive(op, "x", x)
	needLive(op, "y", y)
	if !slices.Equal(x.shape, y.shape) {
		panic(&ShapeError{Op: op, Quantity: "shape of y", Got: formatShape(y.shape), Want: formatShape(x.shape)})
	}
}

// needInt refuses a number that is not the wanted one.
func needInt(op, quantity string, got, want int) {
	if got != want {
		panic(&ShapeError{Op: op, Quantity: quantity, Got: strconv.Itoa(got), Want: strconv.Itoa(want)})
	}
}

// needRank refuses a tensor with fewer than want dimensions.
func needRank(op, name string, t *Tensor, want int) {
	needLive(op, name, t)
	if len(t.shape) < want {
		panic(&ShapeError{Op: op, Quantity: "rank of " + name, Got: strconv.Itoa(len(t.shape)), Want: "at least " + strconv.Itoa(want)})
	}
}

// needIndices refuses an index outside [low, rows).
func needIndices(op string, idx []int32, low, rows int) {
	for i, r := range idx {
		if int(r) < low || int(r) >= rows {
			panic(&ShapeError{Op: op, Quantity: "idx[" + strconv.Itoa(i) + "]", Got: strconv.Itoa(int(r)),
				Want: "at least " + strconv.Itoa(low) + " and below " + strconv.Itoa(rows)})
		}
	}
}
