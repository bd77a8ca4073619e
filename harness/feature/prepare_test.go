package feature

import (
	"math"
	"testing"

	"lethe/harness/data"
)

// TestPreparations holds checksums of torchvision's transforms and of clean-fid's
// resizing, which harness/reference/torch/prepare.py prints: pictures wider than
// high and higher than wide, an odd and an even margin of the crop.
func TestPreparations(t *testing.T) {
	places := imageNetPreparation()
	places.square = true
	all := map[string]preparation{
		"imagenet": imageNetPreparation(), "places": places, "inception": inceptionPreparation(),
		"paper-code": inceptionPaperCode(), "clip": clipPreparation(224), "fid": fidPreparation(),
	}
	for _, c := range []struct {
		name          string
		w, h          int
		sum, weighted float64
	}{
		{"imagenet", 301, 200, 34119.714002, 17194241.722},
		{"places", 301, 200, 34118.519213, 17206799.950},
		{"inception", 301, 200, 2.794966, 19016.603},
		{"paper-code", 301, 200, 35576.661985, 17945380.956},
		{"clip", 301, 200, 28246.732162, 14211420.781},
		{"fid", 301, 200, -1051.931967, -519183.710},
		{"imagenet", 150, 233, 34010.683024, 17108797.176},
		{"places", 150, 233, 34085.445808, 17048135.691},
		{"inception", 150, 233, -79.739548, -29560.369},
		{"paper-code", 150, 233, 35599.479475, 17939187.530},
		{"clip", 150, 233, 28261.782721, 14225178.900},
		{"fid", 150, 233, -1040.632738, -515638.674},
	} {
		im := data.Image{W: c.w, H: c.h, Pix: make([]uint8, 3*c.w*c.h)}
		for i := range im.Pix {
			im.Pix[i] = uint8(uint64(i) * 2654435761 >> 7)
		}
		p := all[c.name]
		x := make([]float32, 3*p.size*p.size)
		p.apply(x, im)
		sum, weighted := 0.0, 0.0
		for i, v := range x {
			sum += float64(v)
			weighted += float64(v) * float64(i%1009)
		}
		// Half a unit of the last printed place, and float64's own rounding.
		if !(math.Abs(sum-c.sum) <= 1e-6) || !(math.Abs(weighted-c.weighted) <= 1e-3) {
			t.Errorf("%s of %dx%d: %.6f, %.3f, want %v, %v", c.name, c.w, c.h, sum, weighted, c.sum, c.weighted)
		}
	}
}
