package data

import (
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"math"
	"testing"
)

// board is picture of testdata/resizes.py.
func board(w, h int) Image {
	im := Image{W: w, H: h, Pix: make([]uint8, w*h*3)}
	s := uint32(5)
	for i := range im.Pix {
		s = s*1664525 + 1013904223
		y, x := i/3/w, i/3%w
		im.Pix[i] = uint8(s>>24)/4 + uint8((y/9+x/9)%2*192)
	}
	return im
}

// TestOddSizesMatchPillow holds three resizers against Pillow, bit for bit, on
// odd sizes and crops.
func TestOddSizesMatchPillow(t *testing.T) {
	var g struct {
		Cases []struct {
			Box                      [4]int
			Size                     [2]int
			Bicubic, Bilinear, Float uint32
		}
	}
	if err := json.Unmarshal(golden(t, "resizes.json"), &g); err != nil || len(g.Cases) == 0 {
		t.Fatal(err, len(g.Cases))
	}
	whole := board(157, 113)
	for _, c := range g.Cases {
		part := Image{W: c.Box[2] - c.Box[0], H: c.Box[3] - c.Box[1]}
		for y := range part.H {
			part.Pix = append(part.Pix, whole.Pix[((c.Box[1]+y)*whole.W+c.Box[0])*3:][:part.W*3]...)
		}
		w, h := c.Size[0], c.Size[1]
		var float []byte
		scaled := ResizeFloat(part, w, h, Bicubic)
		for i := range scaled { // planes, clipped
			v := min(max(scaled[i%(w*h)*3+i/(w*h)], 0), 255)
			float = binary.LittleEndian.AppendUint32(float, math.Float32bits(v))
		}
		for _, r := range []struct {
			name string
			got  []byte
			want uint32
		}{
			{string(Bicubic), Resize(part, w, h, Bicubic).Pix, c.Bicubic},
			{string(Bilinear), Resize(part, w, h, Bilinear).Pix, c.Bilinear},
			{FloatBicubic, float, c.Float},
		} {
			if crc := crc32.ChecksumIEEE(r.got); crc != r.want {
				t.Errorf("%s of %v to %dx%d: CRC is %08x, want %08x", r.name, c.Box, w, h, crc, r.want)
			}
		}
	}
}

// TestResizeFloat holds checksums of Pillow's bits, which
// harness/reference/torch/resize_float.py prints.
func TestResizeFloat(t *testing.T) {
	for _, c := range []struct {
		w, h, toW, toH int
		filter         Filter
		want           uint64
	}{
		{23, 17, 40, 29, Bicubic, 6824039123897964}, {23, 17, 40, 29, Bilinear, 6798938163183425},
		{61, 47, 19, 13, Bicubic, 308749560528993}, {61, 47, 19, 13, Bilinear, 308797356374872},
		{20, 30, 20, 11, Bicubic, 244549221792044}, {20, 30, 20, 11, Bilinear, 244655438671091}, // rows only
	} {
		im := Image{W: c.w, H: c.h, Pix: make([]uint8, c.w*c.h*3)}
		for i := range im.Pix {
			im.Pix[i] = uint8(uint64(i) * 2654435761 >> 7)
		}
		var sum uint64
		for i, v := range ResizeFloat(im, c.toW, c.toH, c.filter) {
			sum += uint64(math.Float32bits(v)) * uint64(i+1)
		}
		if sum&(1<<63-1) != c.want {
			t.Errorf("%dx%d to %dx%d %s: checksum %d, want %d", c.w, c.h, c.toW, c.toH, c.filter, sum&(1<<63-1), c.want)
		}
	}
}
