package kernels

import (
	"fmt"
	"math"
	"math/bits"
)

// need panics unless got >= atLeast. It, needShape and needView are the only
// argument checks of the package.
func need(op, what string, got, atLeast int) {
	if got < atLeast {
		fail(op, what, got, atLeast, "at least")
	}
}

// needShape panics unless m is a valid view of exactly rows by cols elements.
func needShape(op, name string, m Mat, rows, cols int) {
	if m.Rows != rows {
		fail(op, name+".Rows", m.Rows, rows, "exactly")
	}
	if m.Cols != cols {
		fail(op, name+".Cols", m.Cols, cols, "exactly")
	}
	needView(op, name, m)
}

// needView panics unless every element of m lies inside its Data.
func needView(op, name string, m Mat) {
	if m.Rows|m.Cols|m.RowStride|m.ColStride < 0 {
		need(op, name+".Rows", m.Rows, 0)
		need(op, name+".Cols", m.Cols, 0)
		need(op, name+".RowStride", m.RowStride, 0)
		need(op, name+".ColStride", m.ColStride, 0)
	}
	if span := m.span(); len(m.Data) < span {
		fail(op, "len("+name+")", len(m.Data), span, "at least")
	}
}

// fail reports a broken contract: package, operation, quantity, got, want.
func fail(op, what string, got, want int, relation string) {
	panic(fmt.Sprintf("kernels: %s: %s is %d, want %s %d", op, what, got, relation, want))
}

// mulSat multiplies two non-negative numbers, saturating at the largest int.
func mulSat(a, b int) int {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi != 0 || lo > math.MaxInt {
		return math.MaxInt
	}
	return int(lo)
}

// addSat adds two non-negative numbers, saturating at the largest int.
func addSat(a, b int) int {
	if a > math.MaxInt-b {
		return math.MaxInt
	}
	return a + b
}
