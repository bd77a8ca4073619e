package feature

import (
	"fmt"
	"math"

	"lethe/harness/data"
)

// preparation is how a network's images are made from pictures: scaled, cropped
// in the middle, and normalized by channel: (v/unit - mean)/std.
type preparation struct {
	name      string      // with a version: part of the cache's key
	short     int         // the short side is scaled to this, 0: both sides to size
	square    bool        // the long side too
	size      int         // of the crop
	filter    data.Filter // of 8-bit resampling
	float     bool        // resample in float32 and clip at 0 and 255
	bgr       bool        // the channels in that order
	unit      float32
	mean, std [3]float32 // in the order of the channels that the network sees
}

// clipMean and clipStd are those of openai/CLIP clip.py.
var (
	clipMean = [3]float32{0.48145466, 0.4578275, 0.40821073}
	clipStd  = [3]float32{0.26862954, 0.26130258, 0.27577711}
)

// cifarMean and cifarStd are CIFAR-10's, which the authors' evaluation also
// gives to Inception (specification, section 9, item 23).
var (
	cifarMean = [3]float32{0.4914, 0.4822, 0.4465}
	cifarStd  = [3]float32{0.2023, 0.1994, 0.2010}
)

// The preparations. fid is clean-fid's default mode; the others are those
// published with the weights.
func fidPreparation() preparation {
	return preparation{name: "fid-clean-1", size: 299, filter: data.Bicubic, float: true, unit: 1, mean: [3]float32{128, 128, 128}, std: [3]float32{128, 128, 128}}
}

func inceptionPreparation() preparation {
	return preparation{name: "inception-1", short: 342, size: 299, filter: data.Bilinear, unit: 255, mean: data.HalfMean, std: data.HalfStd}
}

func inceptionPaperCode() preparation {
	return preparation{name: "inception-paper-code-1", size: 299, filter: data.Bilinear, unit: 255, mean: cifarMean, std: cifarStd}
}

func imageNetPreparation() preparation {
	return preparation{name: "imagenet-1", short: 256, size: 224, filter: data.Bilinear, unit: 255, mean: data.ImageNetMean, std: data.ImageNetStd}
}

func clipPreparation(size int) preparation {
	return preparation{name: fmt.Sprintf("clip-%d-1", size), short: size, size: size, filter: data.Bicubic, unit: 255, mean: clipMean, std: clipStd}
}

func smallPreparation(mean, std [3]float32, name string) preparation {
	return preparation{name: name, short: 32, size: 32, filter: data.Bilinear, unit: 255, mean: mean, std: std}
}

func caffePreparation() preparation {
	return preparation{name: "caffe-bgr-1", short: 256, size: 227, filter: data.Bilinear, bgr: true, unit: 1, mean: [3]float32{104, 117, 123}, std: [3]float32{1, 1, 1}}
}

// lpipsPreparation is the scaling layer of LPIPS, at the image's own size: the
// image in [-1,1] less shift, by scale.
// Source: richzhang/PerceptualSimilarity, lpips/lpips.py.
func lpipsPreparation() preparation {
	return preparation{name: "lpips-1", unit: 127.5, mean: [3]float32{1 - 0.030, 1 - 0.088, 1 - 0.188}, std: [3]float32{0.458, 0.448, 0.450}}
}

// resizer names filter and geometry for records.
func (p preparation) resizer() string {
	switch {
	case p.size == 0:
		return "none"
	case p.float:
		return fmt.Sprintf("pil-f32-bicubic to %dx%d", p.size, p.size)
	case p.short == 0:
		return fmt.Sprintf("%s to %dx%d", p.filter, p.size, p.size)
	}
	if p.square {
		return fmt.Sprintf("%s to %dx%d, centre %dx%d", p.filter, p.short, p.short, p.size, p.size)
	}
	return fmt.Sprintf("%s, short side to %d, centre %dx%d", p.filter, p.short, p.size, p.size)
}

// apply writes the image that the network sees, channels last.
// Shapes: dst [size,size,3], or [im.H,im.W,3] where the size is the image's.
func (p preparation) apply(dst []float32, im data.Image) {
	switch {
	case p.size == 0:
		p.normalize(dst, im, 0, 0, im.W, im.H)
	case p.float:
		for i, v := range data.ResizeFloat(im, p.size, p.size, p.filter) {
			dst[i] = (min(max(v, 0), 255)/p.unit - p.mean[i%3]) / p.std[i%3]
		}
	case p.short == 0:
		p.normalize(dst, data.Resize(im, p.size, p.size, p.filter), 0, 0, p.size, p.size)
	default:
		w, h := p.short, p.short // torchvision's Resize cuts the long side off
		switch {
		case p.square:
		case im.W > im.H:
			w = int(float64(p.short) * float64(im.W) / float64(im.H))
		default:
			h = int(float64(p.short) * float64(im.H) / float64(im.W))
		}
		if w != im.W || h != im.H {
			im = data.Resize(im, w, h, p.filter)
		}
		x, y := math.RoundToEven(float64(w-p.size)/2), math.RoundToEven(float64(h-p.size)/2)
		p.normalize(dst, im, int(x), int(y), p.size, p.size)
	}
}

// normalize writes the window of im with corner (x0,y0).
func (p preparation) normalize(dst []float32, im data.Image, x0, y0, w, h int) {
	for y := range h {
		for x := range w {
			pix := im.Pix[((y0+y)*im.W+x0+x)*3:][:3]
			for c := range 3 {
				from := c
				if p.bgr {
					from = 2 - c
				}
				dst[(y*w+x)*3+c] = (float32(pix[from])/p.unit - p.mean[c]) / p.std[c]
			}
		}
	}
}
