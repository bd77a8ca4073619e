package generic

// Kernels of channels-last images: rows of channels adjacent floats, one row a
// pixel. coef are coefficients of the channels, [CoefRows,channels]:
//
//	coef[CoefMean,c]   mean     what is subtracted from x
//	coef[CoefScale,c]  scale    z = (x-mean)*scale + shift
//	coef[CoefShift,c]  shift
//	coef[CoefAlong,c]  along    dx = dz*scale + (x-mean)*along + plain
//	coef[CoefPlain,c]  plain
const (
	CoefMean = iota
	CoefScale
	CoefShift
	CoefAlong
	CoefPlain
	CoefRows
)

// ChannelSums adds to sum[c] the sum over the rows of x[r,c], and to square[c]
// that of x[r,c]^2, in float64 and in the order of the rows. Squares of float32
// are exact in float64, so every implementation gives the same bits.
//
// Shapes: sum, square [C]; x [R,C].
func ChannelSums(sum, square []float64, x []float32) {
	channels := len(sum)
	square = square[:channels]
	for ; len(x) > 0; x = x[channels:] {
		for c, v := range x[:channels] {
			sum[c] += float64(v)
			square[c] += float64(v) * float64(v)
		}
	}
}

// AffineRows computes y[r,c] = (x[r,c]-mean[c])*scale[c] + shift[c]; y may be x.
//
// Shapes: y, x [R,channels]; coef at least [CoefShift+1,channels].
func AffineRows(y, x, coef []float32, channels int) {
	mean, scale, shift := coef[CoefMean*channels:], coef[CoefScale*channels:], coef[CoefShift*channels:]
	for at := 0; at < len(y); at += channels {
		for c := range channels {
			y[at+c] = (x[at+c]-mean[c])*scale[c] + shift[c]
		}
	}
}

// AffineSiLURows is AffineRows with SiLU of the result.
func AffineSiLURows(y, x, coef []float32, channels int) {
	AffineRows(y, x, coef, channels)
	SiLU(y, y)
}

// AffineGradSums adds the sums over the rows that the gradient of AffineRows is
// made of,
//
//	plain[c] += sum over r of dz[r,c]
//	along[c] += sum over r of dz[r,c]*(x[r,c]-mean[c])
//
// with dz = dy, in the order of the rows.
//
// Shapes: plain, along [C]; dy, x [R,C]; coef at least [CoefShift+1,C].
func AffineGradSums(plain, along, dy, x, coef []float32) {
	affineGradSums(plain, along, nil, dy, x, coef, false)
}

// AffineSiLUGradSums is AffineGradSums for AffineSiLURows: dz is dy times the
// derivative of SiLU.
func AffineSiLUGradSums(plain, along, dy, x, coef []float32) {
	affineGradSums(plain, along, nil, dy, x, coef, true)
}

// AffineSiLUGradSumsKeep is AffineSiLUGradSums that also writes dz [R,C], which
// may be dy.
func AffineSiLUGradSumsKeep(plain, along, dz, dy, x, coef []float32) {
	affineGradSums(plain, along, dz, dy, x, coef, true)
}

func affineGradSums(plain, along, dz, dy, x, coef []float32, silu bool) {
	channels := len(plain)
	for c := range channels {
		mean, scale, shift := coef[CoefMean*channels+c], coef[CoefScale*channels+c], coef[CoefShift*channels+c]
		var p, a float32
		for at := c; at < len(dy); at += channels {
			d, dev := dy[at], x[at]-mean
			if silu {
				d *= siluSlope(dev*scale + shift)
			}
			if dz != nil {
				dz[at] = d
			}
			p += d
			a += d * dev
		}
		plain[c] += p
		along[c] += a
	}
}

// AffineGradRows computes dx[r,c] = dz[r,c]*scale[c] + (x[r,c]-mean[c])*along[c]
// + plain[c]. dx may be dz.
//
// Shapes: dx, dz, x [R,channels]; coef [CoefRows,channels].
func AffineGradRows(dx, dz, x, coef []float32, channels int) {
	affineGradRows(dx, dz, x, coef, channels, false, false)
}

// AffineGradRowsAdd is AffineGradRows adding to dx, which must not overlap dz or x.
func AffineGradRowsAdd(dx, dz, x, coef []float32, channels int) {
	affineGradRows(dx, dz, x, coef, channels, false, true)
}

// AffineSiLUGradRowsAdd is AffineGradRowsAdd for AffineSiLURows, from dy: dz is dy
// times the derivative of SiLU.
func AffineSiLUGradRowsAdd(dx, dy, x, coef []float32, channels int) {
	affineGradRows(dx, dy, x, coef, channels, true, true)
}

func affineGradRows(dx, dy, x, coef []float32, channels int, silu, add bool) {
	mean, scale, shift := coef[CoefMean*channels:], coef[CoefScale*channels:], coef[CoefShift*channels:]
	along, plain := coef[CoefAlong*channels:], coef[CoefPlain*channels:]
	for at := 0; at < len(dx); at += channels {
		for c := range channels {
			d, dev := dy[at+c], x[at+c]-mean[c]
			if silu {
				d *= siluSlope(dev*scale[c] + shift[c])
			}
			d = d*scale[c] + dev*along[c] + plain[c]
			if add {
				d += dx[at+c]
			}
			dx[at+c] = d
		}
	}
}

// PoolRow adds up blocks of two by two pixels,
//
//	y[j,c] = scale * (top[2j,c] + top[2j+1,c] + bottom[2j,c] + bottom[2j+1,c])
//
// left to right, every operation rounded by itself.
//
// Shapes: y [J,channels]; top, bottom [2J,channels], both may be longer.
func PoolRow(y, top, bottom []float32, scale float32, channels int) {
	for at := 0; at < len(y); at += channels {
		for c := range channels {
			left, right := 2*at+c, 2*at+channels+c
			y[at+c] = scale * (top[left] + top[right] + bottom[left] + bottom[right])
		}
	}
}

// PoolRowAdd is PoolRow adding to y.
func PoolRowAdd(y, top, bottom []float32, scale float32, channels int) {
	for at := 0; at < len(y); at += channels {
		for c := range channels {
			left, right := 2*at+c, 2*at+channels+c
			y[at+c] += float32(scale * (top[left] + top[right] + bottom[left] + bottom[right]))
		}
	}
}

// SpreadRow writes every pixel twice, y[2j,c] = y[2j+1,c] = scale*x[j,c].
//
// Shapes: x [J,channels]; y [2J,channels], may be longer.
func SpreadRow(y, x []float32, scale float32, channels int) {
	for at := 0; at < len(x); at += channels {
		for c, v := range x[at : at+channels] {
			y[2*at+c], y[2*at+channels+c] = scale*v, scale*v
		}
	}
}

// SpreadRowAdd is SpreadRow adding to y.
func SpreadRowAdd(y, x []float32, scale float32, channels int) {
	for at := 0; at < len(x); at += channels {
		for c, v := range x[at : at+channels] {
			y[2*at+c] += float32(scale * v)
			y[2*at+channels+c] += float32(scale * v)
		}
	}
}
