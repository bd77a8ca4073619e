package generic

// The row kernels of group normalization. A row is the C = len(mean) channels
// of one pixel; rows lie one behind another.

// ColumnSquares adds to dst[c] the sum over r < rows of (x[r*stride+c]-mean[c])^2,
// for every c < len(dst), in the order of the rows.
func ColumnSquares(dst, x, mean []float32, rows, stride int) {
	for c := range dst {
		var sum float32
		for r := range rows {
			d := x[r*stride+c] - mean[c]
			sum += d * d
		}
		dst[c] += sum
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
