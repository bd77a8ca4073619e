package mage

import "lethe/autodiff"

// ChannelsLast returns images [N,C,H,W] as [N,H,W,C], a new leaf.
func ChannelsLast(x *autodiff.Tensor) *autodiff.Tensor {
	n, c, h, w := x.Dim(0), x.Dim(1), x.Dim(2), x.Dim(3)
	out := autodiff.FromSlice(make([]float32, x.Len()), n, h, w, c)
	transpose(out.Data, x.Data, n, c, h*w)
	return out
}

// ChannelsFirst returns feature maps [N,H,W,C] as [N,C,H,W], a new leaf.
func ChannelsFirst(x *autodiff.Tensor) *autodiff.Tensor {
	n, h, w, c := x.Dim(0), x.Dim(1), x.Dim(2), x.Dim(3)
	out := autodiff.FromSlice(make([]float32, x.Len()), n, c, h, w)
	transpose(out.Data, x.Data, n, h*w, c)
	return out
}

// transpose writes the n matrices of src [n,rows,cols] transposed.
func transpose(dst, src []float32, n, rows, cols int) {
	for i := range n {
		from, to := src[i*rows*cols:][:rows*cols], dst[i*rows*cols:][:rows*cols]
		for r := range rows {
			for c, v := range from[r*cols:][:cols] {
				to[c*rows+r] = v
			}
		}
	}
}
