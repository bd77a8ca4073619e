package data

// Image is an 8-bit RGB picture. Pix [H,W,3] is row-major, channels interleaved.
type Image struct {
	W, H int
	Pix  []uint8
}
