package reference

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"lethe/kernels"
)

// TestResNet: trained classifiers of CIFAR images, the batch norm folded into
// the convolutions. The outputs are those of an independent implementation.
func TestResNet(t *testing.T) {
	for _, row := range []struct {
		depth  int
		logits []float64
	}{
		{20, []float64{-12.4492, -5.6982, -0.6590, 9.1207, 0.7110, 4.5553, 19.8279, 0.3810, -6.6409, -9.1128}},
		{56, []float64{-7.6252, -5.1928, 0.1378, 6.3441, -1.9831, 2.3456, 19.9556, -4.8482, -4.4107, -4.7011}},
	} {
		n := openNet(t, fmt.Sprintf("weights/cifar10_resnet/resnet%d.safetensors", row.depth))
		pixels := sheet(t, "cifar10/lossless/cifar10_batch_0.png", 2, 3)
		x := newMaps(2, 32, 32, 3)
		mean, std := [3]float32{.485, .456, .406}, [3]float32{.229, .224, .225}
		for i, p := range slices.Concat(pixels...) {
			x.data[i] = (float32(p)/255 - mean[i%3]) / std[i%3]
		}
		logits := n.resnet(x, (row.depth-2)/6)
		for i, want := range row.logits {
			// Given to four places, by another order of float32 sums through
			// all layers: measured below 2e-5.
			if got := float64(logits[i]); !(math.Abs(got-want) <= 0.00005+1e-4) {
				t.Errorf("ResNet-%d: logit %d is %.4f, want %.4f", row.depth, i, got, want)
			}
		}
	}
}

// resnet returns the logits of images, for so many blocks a stage.
func (n net) resnet(x maps, blocks int) []float32 {
	x = n.convNorm(x, "conv1", "bn1", 1).relu()
	for stage := range 3 {
		for i := range blocks {
			stride := 1
			if stage > 0 && i == 0 {
				stride = 2
			}
			key := fmt.Sprintf("layer%d.%d.", stage+1, i)
			y := n.convNorm(n.convNorm(x, key+"conv1", key+"bn1", stride).relu(), key+"conv2", key+"bn2", 1)
			if stride == 2 {
				x = x.shortcut()
			}
			x = y.plus(x).relu()
		}
	}
	w, s := n.tensor("linear.weight")
	bias, _ := n.tensor("linear.bias")
	features, logits := make([]float32, x.n*x.c), make([]float32, x.n*s[0])
	for i, v := range x.data {
		features[i/(x.h*x.w*x.c)*x.c+i%x.c] += v / float32(x.h*x.w)
	}
	kernels.Gemm(kernels.MatOf(logits, x.n, s[0]), kernels.MatOf(features, x.n, x.c), kernels.MatOf(w, s[0], s[1]).T(), kernels.GemmOptions{Bias: bias})
	return logits
}

// convNorm applies a 3x3 convolution and the batch norm after it as one:
//
//	(conv(x,w)-mean)/sqrt(var+eps)*gamma + beta
func (n net) convNorm(x maps, conv, norm string, stride int) maps {
	w, s := n.filter(conv + ".weight")
	gamma, _ := n.tensor(norm + ".weight")
	beta, _ := n.tensor(norm + ".bias")
	mean, _ := n.tensor(norm + ".running_mean")
	variance, _ := n.tensor(norm + ".running_var")
	bias, one := make([]float32, s[0]), len(w)/s[0]
	for o := range s[0] {
		scale := float64(gamma[o]) / math.Sqrt(float64(variance[o])+1e-5)
		for i := range one {
			w[o*one+i] = float32(float64(w[o*one+i]) * scale)
		}
		bias[o] = float32(float64(beta[o]) - float64(mean[o])*scale)
	}
	return convolve(x, w, s, bias, convOf{stride: stride, pad: 1})
}

// shortcut takes every second pixel and puts half as many channels of zeros on
// each side of theirs.
func (x maps) shortcut() maps {
	y := newMaps(x.n, x.h/2, x.w/2, 2*x.c)
	for i := range x.n {
		for r := range y.h {
			for q := range y.w {
				copy(y.data[((i*y.h+r)*y.w+q)*y.c+x.c/2:], x.data[((i*x.h+2*r)*x.w+2*q)*x.c:][:x.c])
			}
		}
	}
	return y
}
