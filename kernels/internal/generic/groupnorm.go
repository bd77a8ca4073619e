package generic

// The row kernels of group normalization. A row is the C = len(mean) channels
// of one pixel; rows lie one behind another.

// ColumnDeviations adds to sums[c] the sum over r < rows of x[r*stride+c]-base[c]
// and to squares[c] that of its squares, for every c < len(sums), in the order of
// the rows.
func ColumnDeviations(sums, squares, x, base []float32, rows, stride int) {
	for c := range sums {
		var sum, square float32
		for r := range rows {
			d := x[r*stride+c] - base[c]
			sum += d
			square += d * d
		}
		sums[c] += sum
		squares[c] += square
	}
}

// GroupNormRows computes y = (x-mean)*scale + shift.
func GroupNormRows(y, x []float32, rows int, mean, scale, shift []float32) {
	eachElement(rows, len(mean), func(i, c int) {
		y[i] = (x[i]-mean[c])*scale[c] + shift[c]
	})
}

// GroupNormSiLURows computes y = u*sigmoid(u), u = (x-mean)*scale + shift.
func GroupNormSiLURows(y, x []float32, rows int, mean, scale, shift []float32) {
	eachElement(rows, len(mean), func(i, c int) {
		u := (x[i]-mean[c])*scale[c] + shift[c]
		y[i] = u * sigmoid(u)
	})
}

// GroupNormSums adds to plain[c] the sum over the rows of dy and to along[c]
// that of dy*(x-mean). scale and shift are not read.
func GroupNormSums(plain, along, dy, x []float32, rows int, mean, scale, shift []float32) {
	eachElement(rows, len(mean), func(i, c int) {
		plain[c] += dy[i]
		along[c] += dy[i] * (x[i] - mean[c])
	})
}

// GroupNormSiLUSums is GroupNormSums for dy times the slope of the activation.
func GroupNormSiLUSums(plain, along, dy, x []float32, rows int, mean, scale, shift []float32) {
	eachElement(rows, len(mean), func(i, c int) {
		d := x[i] - mean[c]
		dz := dy[i] * siluSlope(d*scale[c]+shift[c])
		plain[c] += dz
		along[c] += dz * d
	})
}

// GroupNormGradRows computes dx = dy*p + (x-mean)*q + r. scale and shift are
// not read.
func GroupNormGradRows(dx, dy, x []float32, rows int, mean, scale, shift, p, q, r []float32) {
	eachElement(rows, len(mean), func(i, c int) {
		dx[i] = dy[i]*p[c] + ((x[i]-mean[c])*q[c] + r[c])
	})
}

// GroupNormGradRowsAdd is GroupNormGradRows that adds to dx.
func GroupNormGradRowsAdd(dx, dy, x []float32, rows int, mean, scale, shift, p, q, r []float32) {
	eachElement(rows, len(mean), func(i, c int) {
		dx[i] += dy[i]*p[c] + ((x[i]-mean[c])*q[c] + r[c])
	})
}

// GroupNormSiLUGradRows is GroupNormGradRows for dy times the slope of the
// activation.
func GroupNormSiLUGradRows(dx, dy, x []float32, rows int, mean, scale, shift, p, q, r []float32) {
	eachElement(rows, len(mean), func(i, c int) {
		d := x[i] - mean[c]
		dx[i] = dy[i]*siluSlope(d*scale[c]+shift[c])*p[c] + (d*q[c] + r[c])
	})
}

// GroupNormSiLUGradRowsAdd is GroupNormSiLUGradRows that adds to dx.
func GroupNormSiLUGradRowsAdd(dx, dy, x []float32, rows int, mean, scale, shift, p, q, r []float32) {
	eachElement(rows, len(mean), func(i, c int) {
		d := x[i] - mean[c]
		dx[i] += dy[i]*siluSlope(d*scale[c]+shift[c])*p[c] + (d*q[c] + r[c])
	})
}

// eachElement calls f for every element of rows rows of c columns.
func eachElement(rows, columns int, f func(i, c int)) {
	for r := range rows {
		for c := range columns {
			f(r*columns+c, c)
		}
	}
}
