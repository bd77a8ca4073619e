package kernels

// Mat is a strided view of a matrix. Element (r, c) is
// Data[r*RowStride+c*ColStride]; strides count elements and are not negative.
// A transpose is a view, never a flag.
type Mat struct {
	Data                 []float32
	Rows, Cols           int
	RowStride, ColStride int
}

// MatOf views data as a contiguous row-major matrix.
//
// Shapes: data [rows,cols].
// Panics: a negative size, or data shorter than rows*cols.
func MatOf(data []float32, rows, cols int) Mat {
	m := Mat{Data: data, Rows: rows, Cols: cols, RowStride: cols, ColStride: 1}
	needView("MatOf", "data", m)
	return m
}

// T views the transpose of m: the same elements with rows and columns
// exchanged.
func (m Mat) T() Mat {
	return Mat{Data: m.Data, Rows: m.Cols, Cols: m.Rows, RowStride: m.ColStride, ColStride: m.RowStride}
}

// Row returns row r as a slice of m.Cols elements that shares m's memory.
//
// Panics: r is outside m, or the elements of a row are not adjacent.
func (m Mat) Row(r int) []float32 {
	if r < 0 || r >= m.Rows {
		fail("Row", "row", r, m.Rows-1, "at most")
	}
	if m.Cols == 0 {
		return nil
	}
	if m.ColStride != 1 && m.Cols > 1 {
		fail("Row", "ColStride", m.ColStride, 1, "exactly")
	}
	lo := r * m.RowStride
	return m.Data[lo : lo+m.Cols : lo+m.Cols]
}

// Sub views rows [r0,r1) and columns [c0,c1) of m.
//
// Panics: a bound outside m or out of order.
func (m Mat) Sub(r0, r1, c0, c1 int) Mat {
	need("Sub", "r0", r0, 0)
	need("Sub", "r1", r1, r0)
	need("Sub", "m.Rows", m.Rows, r1)
	need("Sub", "c0", c0, 0)
	need("Sub", "c1", c1, c0)
	need("Sub", "m.Cols", m.Cols, c1)
	s := Mat{Rows: r1 - r0, Cols: c1 - c0, RowStride: m.RowStride, ColStride: m.ColStride}
	if s.Rows > 0 && s.Cols > 0 {
		s.Data = m.Data[m.offset(r0, c0):]
	}
	return s
}

// offset is the index in Data of element (r, c).
func (m Mat) offset(r, c int) int { return r*m.RowStride + c*m.ColStride }

// span is how many elements of Data the view reaches: one past its last
// element, 0 when it is empty. It saturates instead of overflowing.
func (m Mat) span() int {
	if m.Rows == 0 || m.Cols == 0 {
		return 0
	}
	return addSat(addSat(mulSat(m.Rows-1, m.RowStride), mulSat(m.Cols-1, m.ColStride)), 1)
}
