package reference

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"lethe/kernels"
)

// TestDDPM: a trained denoiser of digits, from a PyTorch file. The outputs are
// those of PyTorch 2.6 for the same inputs, every 197th of them.
func TestDDPM(t *testing.T) {
	n := openNet(t, "weights/ddpm_mnist/ddpm_mnist.pt")
	pixels := sheet(t, "mnist/mnist_batch_20.png", 2, 1)
	for _, row := range []struct {
		step int
		mse  float64 // of the predicted noise
		want []float64
	}{
		{100, 0.06793086, []float64{0.0244, 1.15098, 0.57155, 1.37392, -1.28345, -0.31378, -0.79245, -0.60655}},
		{500, 0.01582064, []float64{0.04202, 1.15288, 0.59273, 1.42492, -1.32751, -0.31929, -0.84256, -0.74155}},
	} {
		alpha := 1.0
		for i := range row.step + 1 {
			alpha *= 1 - (1e-4 + (0.02-1e-4)*float64(i)/999)
		}
		x, noise := newMaps(2, 28, 28, 1), make([]float32, 2*28*28)
		for i, p := range slices.Concat(pixels...) {
			k := float64(i)
			noise[i] = float32(math.Sqrt2 * math.Sin(k*k*0.37))
			x.data[i] = float32(math.Sqrt(alpha)*float64(float32(float64(p)/127.5-1)) + math.Sqrt(1-alpha)*float64(noise[i]))
		}
		y := n.ddpm(x, row.step)
		for i, want := range row.want {
			// Given to five places; float32 sums in another order.
			if got := float64(y.data[197*i]); !(math.Abs(got-want) <= 0.000005+2e-5) {
				t.Errorf("step %d: output %d is %.5f, want %.5f", row.step, 197*i, got, want)
			}
		}
		if mse := kernels.SquaredDistance(y.data, noise) / float64(len(noise)); !(math.Abs(mse-row.mse) <= 1e-6) {
			t.Errorf("step %d: the squared error is %.8f, want %.8f", row.step, mse, row.mse)
		}
	}
}

// ddpm predicts the noise in images at a step.
func (n net) ddpm(x maps, step int) maps {
	const half = "network."
	down := convOf{stride: 2, pad: 1}
	at := func(x maps, part string) maps {
		return n.ddpmBlocks(n.ddpmTime(x, half+"te"+part, step), half+"b"+part)
	}
	one := at(x, "1")
	two := at(n.conv(one, half+"down1", down), "2")
	three := at(n.conv(two, half+"down2", down), "3")
	y := n.conv(three, half+"down3.0", convOf{pad: 1}).silu()
	y = at(n.conv(y, half+"down3.2", down), "_mid")
	y = n.convT(y, half+"up1.0", down).silu()
	y = at(three.beside(n.convT(y, half+"up1.2", convOf{stride: 1, pad: 1})), "4")
	y = at(two.beside(n.convT(y, half+"up2", down)), "5")
	y = at(one.beside(n.convT(y, half+"up3", down)), "_out")
	return n.conv(y, half+"conv_out", convOf{pad: 1})
}

// ddpmTime adds a number for each channel that depends on the step.
func (n net) ddpmTime(x maps, name string, step int) maps {
	table, s := n.tensor("network.time_embed.weight")
	h := maps{1, 1, 1, s[1], table[step*s[1]:][:s[1]]}
	h = n.linear(n.linear(h, name+".0").silu(), name+".2")
	y := newMaps(x.n, x.h, x.w, x.c)
	for i, v := range x.data {
		y.data[i] = v + h.data[i%x.c]
	}
	return y
}

func (n net) linear(x maps, name string) maps {
	w, s := n.tensor(name + ".weight")
	bias, _ := n.tensor(name + ".bias")
	return convolve(x, w, []int{s[0], 1, 1, s[1]}, bias, convOf{})
}

// ddpmBlocks applies three blocks: a normalization of the whole image, but in
// the very last, and two convolutions.
func (n net) ddpmBlocks(x maps, name string) maps {
	for i := range 3 {
		key := fmt.Sprintf("%s.%d.", name, i)
		if name != "network.b_out" || i < 2 {
			x = n.imageNorm(x, key+"ln")
		}
		x = n.conv(x, key+"conv1", convOf{pad: 1}).silu()
		x = n.conv(x, key+"conv2", convOf{pad: 1}).silu()
	}
	return x
}

// imageNorm normalizes all values of an image, with weight and bias [C,H,W].
func (n net) imageNorm(x maps, name string) maps {
	scale, s := n.tensor(name + ".weight")
	shift, _ := n.tensor(name + ".bias")
	gamma, beta := make([]float32, len(scale)), make([]float32, len(scale))
	kernels.ChannelsLast(gamma, scale, 1, s[0], s[1]*s[2])
	kernels.ChannelsLast(beta, shift, 1, s[0], s[1]*s[2])
	y, one := newMaps(x.n, x.h, x.w, x.c), len(scale)
	keep := kernels.NormStats{Mean: make([]float32, x.n), RStd: make([]float32, x.n)}
	kernels.LayerNorm(kernels.MatOf(y.data, x.n, one), kernels.MatOf(x.data, x.n, one), gamma, beta, 1e-5, keep)
	return y
}

// silu returns x/(1+exp(-x)).
func (x maps) silu() maps {
	y := newMaps(x.n, x.h, x.w, x.c)
	kernels.SiLU(y.data, x.data)
	return y
}

// beside joins the channels of x and y.
func (x maps) beside(y maps) maps {
	z := newMaps(x.n, x.h, x.w, x.c+y.c)
	for i := range x.n * x.h * x.w {
		copy(z.data[i*z.c:], x.data[i*x.c:][:x.c])
		copy(z.data[i*z.c+x.c:], y.data[i*y.c:][:y.c])
	}
	return z
}
