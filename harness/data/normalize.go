package data

import "fmt"

// ImageNetMean and ImageNetStd are the channel statistics, R, G, B in units of
// full scale, with which the masked autoencoder's pixels are normalised
// (specification 7.1). HalfMean and HalfStd give [-1,1] instead.
var (
	ImageNetMean = [3]float32{0.485, 0.456, 0.406}
	ImageNetStd  = [3]float32{0.229, 0.224, 0.225}
	HalfMean     = [3]float32{0.5, 0.5, 0.5}
	HalfStd      = [3]float32{0.5, 0.5, 0.5}
)

// Normalize turns 8-bit RGB into planes:
//
//	dst[c,y,x] = (pix[y,x,c]/255 - mean[c]) / std[c]
//
// Shapes: dst [3,size,size], pix [size,size,3].
// Writes: dst is overwritten.
// Numerics: float32, rounded after each operation, as torchvision does.
// Panics: a slice is shorter than its shape.
func Normalize(dst []float32, pix []uint8, size int, mean, std [3]float32) {
	area := needPicture("Normalize", len(dst), len(pix), size)
	for c := range 3 {
		var table [256]float32
		for v := range table {
			table[v] = (float32(v)/255 - mean[c]) / std[c]
		}
		plane := dst[c*area : (c+1)*area]
		for i := range plane {
			plane[i] = table[pix[i*3+c]]
		}
	}
}

// needPicture checks both lengths of a normalisation and returns size*size.
func needPicture(op string, planes, pix, size int) int {
	if size < 1 || planes < 3*size*size || pix < 3*size*size {
		panic(fmt.Sprintf("data: %s: %d floats and %d bytes for size %d, want at least %d of each", op, planes, pix, size, 3*size*size))
	}
	return size * size
}
