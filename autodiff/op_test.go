package autodiff

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func draw(rng *rand.Rand, shape ...int) *Tensor {
	t := New(shape...)
	for i := range t.Data {
		t.Data[i] = float32(rng.NormFloat64())
	}
	return t
}

// within compares with a float64 reference: |got-want| <= g(k)*s for k
// roundings and terms whose magnitudes add up to s (Higham, ch. 3).
func within(t *testing.T, op string, got []float32, want []float64, k int, s float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d elements, want %d", op, len(got), len(want))
		return
	}
	g := float64(k) / (1 << 24)
	g /= 1 - g
	for i, w := range want {
		if diff := math.Abs(float64(got[i]) - w); !(diff <= g*s) {
			t.Errorf("%s: element %d is %g, want %g within %.2g", op, i, got[i], w, g*s)
			return
		}
	}
}

func TestLinearForward(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	x, w, b := draw(rng, 2, 3, 7), draw(rng, 5, 7), draw(rng, 5)
	want, plain := make([]float64, 30), make([]float64, 30)
	s := 0.0
	for i := range want {
		row, n, sum := i/5, i%5, math.Abs(float64(b.Data[i%5]))
		for k := range 7 {
			p := float64(x.Data[row*7+k]) * float64(w.Data[n*7+k])
			plain[i] += p
			sum += math.Abs(p)
		}
		want[i] = plain[i] + float64(b.Data[n])
		s = max(s, sum)
	}
	tp := NewTape()
	y := tp.Linear(x, w, b)
	if !slices.Equal(y.Shape(), []int{2, 3, 5}) {
		t.Errorf("shape is %v, want [2 3 5]", y.Shape())
	}
	within(t, "Linear", y.Data, want, 15, s)
	within(t, "Linear without bias", tp.Linear(x, w, nil).Data, plain, 14, s)
}

// TestRowwiseForward: LayerNorm, Softmax and Gelu, whose exp and erf are good
// to a few units in the last place: 16 roundings beside those of the sums.
func TestRowwiseForward(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	const c, eps = 9, 1e-3
	x, gamma, beta := draw(rng, 4, c), draw(rng, c), draw(rng, c)
	var norm, soft, gelu []float64
	for r := range 4 {
		row := x.Data[r*c : (r+1)*c]
		mean, variance, total := 0.0, 0.0, 0.0
		for _, v := range row {
			mean += float64(v) / c
			total += math.Exp(float64(v))
		}
		for _, v := range row {
			variance += (float64(v) - mean) * (float64(v) - mean) / c
		}
		for i, v := range row {
			norm = append(norm, (float64(v)-mean)/math.Sqrt(variance+eps)*float64(gamma.Data[i])+float64(beta.Data[i]))
			soft = append(soft, math.Exp(float64(v))/total)
			gelu = append(gelu, float64(v)/2*(1+math.Erf(float64(v)/math.Sqrt2)))
		}
	}
	tp := NewTape()
	within(t, "LayerNorm", tp.LayerNorm(x, gamma, beta, eps).Data, norm, 2*c+16, 12) // |x-mean|*rstd <= sqrt(c) = 3, |gamma|, |beta| < 3
	within(t, "Softmax", tp.Softmax(x).Data, soft, c+16, 1)
	within(t, "Gelu", tp.Gelu(x).Data, gelu, 16, 4)
}

func TestAttentionForward(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	const b, n, h, dh = 2, 5, 3, 4
	qkv := draw(rng, b, n, 3*h*dh)
	at := func(part, i, tok, head, d int) float64 {
		return float64(qkv.Data[(i*n+tok)*3*h*dh+part*h*dh+head*dh+d])
	}
	want := make([]float64, b*n*h*dh)
	for i := range b {
		for q := range n {
			for head := range h {
				var p [n]float64
				total := 0.0
				for k := range n {
					for d := range dh {
						p[k] += at(0, i, q, head, d) * at(1, i, k, head, d) / math.Sqrt(dh)
					}
					p[k] = math.Exp(p[k])
					total += p[k]
				}
				for k := range n {
					for d := range dh {
						want[(i*n+q)*h*dh+head*dh+d] += p[k] / total * at(2, i, k, head, d)
					}
				}
			}
		}
	}
	tp := NewTape()
	y := tp.Attention(qkv, h)
	if !slices.Equal(y.Shape(), []int{b, n, h * dh}) {
		t.Errorf("shape is %v, want [%d %d %d]", y.Shape(), b, n, h*dh)
	}
	// Scores are below 8 in the magnitudes of their terms, and exp passes their
	// absolute error on as a relative one: 2*dh roundings times 8.
	within(t, "Attention", y.Data, want, 8*2*dh+2*n+16, 4)
}

// TestExactForward: ops of at most one rounding per element, and pure moves.
func TestExactForward(t *testing.T) {
	tp := NewTape()
	x, y := FromSlice([]float32{1, -2, 3, 0.5, 4, -1}, 3, 2), FromSlice([]float32{2, 5, -1, 0.25, 0, 8}, 3, 2)
	fill := FromSlice([]float32{9, 7}, 2)
	for _, c := range []struct {
		op    string
		got   *Tensor
		shape []int
		want  []float32
	}{
		{"Add", tp.Add(x, y), []int{3, 2}, []float32{3, 3, 2, 0.75, 4, 7}},
		{"Sub", tp.Sub(x, y), []int{3, 2}, []float32{-1, -7, 4, 0.25, 4, -9}},
		{"Mul", tp.Mul(x, y), []int{3, 2}, []float32{2, -10, -3, 0.125, 0, -8}},
		{"Scale", tp.Scale(x, -2), []int{3, 2}, []float32{-2, 4, -6, -1, -8, 2}},
		{"Reshape", tp.Reshape(x, 1, 6), []int{1, 6}, x.Data},
		{"Rows", tp.Rows(x, 1, 3), []int{2, 2}, x.Data[2:]},
		{"Rows, none", tp.Rows(x, 3, 3), []int{0, 2}, []float32{}},
		{"GatherRows", tp.GatherRows(x, fill, []int32{2, -1, 0, 2}), []int{4, 2}, []float32{4, -1, 9, 7, 1, -2, 4, -1}},
		{"GatherRows, none", tp.GatherRows(x, nil, nil), []int{0, 2}, []float32{}},
		{"AddRows", tp.AddRows(x, y, []int32{1, 1, 0}), []int{3, 2}, []float32{0, -1.75, 2, 0.75, 6, 4}},
		{"AvgPool2", tp.AvgPool2(FromSlice([]float32{1, 2, 3, 6, 5, 4, 0, 8, 9, 7, 7, 7}, 1, 3, 4, 1)), []int{1, 1, 2, 1}, []float32{3, 4.25}},
		{"UpNearest2", tp.UpNearest2(FromSlice([]float32{1, 2, 3, 4}, 1, 2, 1, 2)), []int{1, 4, 2, 2}, []float32{1, 2, 1, 2, 1, 2, 1, 2, 3, 4, 3, 4, 3, 4, 3, 4}},
		{"Concat", tp.Concat(x, tp.Rows(FromSlice([]float32{7, 8, 9, 6}, 4, 1), 0, 3)), []int{3, 3}, []float32{1, -2, 7, 3, 0.5, 8, 4, -1, 9}},
		{"Detach", tp.Detach(x), []int{3, 2}, x.Data},
		{"CrossEntropy", tp.CrossEntropy(New(2, 4), []int32{3, 0}, []float32{2, 0}, CrossEntropyOptions{Smoothing: 0.1}), []int{1}, []float32{float32(2 * math.Log(4))}},
		{"CrossEntropy of nothing", tp.CrossEntropy(New(0, 4), nil, nil, CrossEntropyOptions{}), []int{1}, []float32{0}},
		{"MSE", tp.MSE(x, y), []int{1}, []float32{(1 + 49 + 16 + 0.0625 + 16 + 81) / 6.0}},
		{"MSE of nothing", tp.MSE(New(0, 2), New(0, 2)), []int{1}, []float32{0}},
		{"RowMSE", tp.RowMSE(x, y, []float32{0.5, 0, 2}), []int{1}, []float32{0.5*50/2 + 2*97.0/2}},
		{"SampleL2", tp.SampleL2(FromSlice([]float32{3, 4, 1, 1}, 2, 2), New(2, 2), 0), []int{1}, []float32{float32((5 + math.Sqrt2) / 2)}},
		{"SampleL2, eps", tp.SampleL2(New(2, 2), New(2, 2), 4), []int{1}, []float32{2}},
		{"SampleL2 of nothing", tp.SampleL2(New(0, 2), New(0, 2), 0), []int{1}, []float32{0}},
		{"WeightedSum", tp.WeightedSum([]*Tensor{FromSlice([]float32{3}, 1), FromSlice([]float32{5}, 1)}, []float32{2, -0.5}), []int{1}, []float32{3.5}},
		{"WeightedSum of nothing", tp.WeightedSum(nil, nil), []int{1}, []float32{0}},
	} {
		if !slices.Equal(c.got.Shape(), c.shape) || !slices.Equal(c.got.Data, c.want) {
			t.Errorf("%s is %v %v, want %v %v", c.op, c.got.Shape(), c.got.Data, c.shape, c.want)
		}
	}
}

// TestLossDetails: weights of 0 and distances of 0 are exact, and neither
// hides a number that is not one.
func TestLossDetails(t *testing.T) {
	tp := NewTape()
	x := FromSlice([]float32{1e3, -7, 3, 0.1, 1e-20, 5}, 3, 2)
	y := FromSlice([]float32{-1e3, 9, 3, 0.1, 1e-20, 5}, 3, 2)
	x.SetTrainable(true)
	loss := tp.RowMSE(x, y, []float32{0, 1, 1})
	tp.Backward(loss)
	if loss.Data[0] != 0 {
		t.Errorf("RowMSE is %g, want exactly 0", loss.Data[0])
	}
	for i, g := range x.Grad() {
		if g != 0 {
			t.Errorf("RowMSE: gradient %d is %g, want exactly 0", i, g)
		}
	}
	x.ZeroGrad()
	tp.Backward(tp.SampleL2(x, y, 0)) // rows 1 and 2 are at distance 0
	distance := math.Hypot(2000, 16)
	within(t, "SampleL2 gradient", x.Grad(), []float64{2000 / distance / 3, -16 / distance / 3, 0, 0, 0, 0}, 8, 1)

	nan := FromSlice([]float32{float32(math.NaN()), 0}, 1, 2)
	for op, l := range map[string]*Tensor{
		"RowMSE":      tp.RowMSE(nan, New(1, 2), []float32{0}),
		"SampleL2":    tp.SampleL2(nan, New(1, 2), 0),
		"WeightedSum": tp.WeightedSum([]*Tensor{tp.MSE(nan, New(1, 2)), New(1)}, []float32{0, 1}),
	} {
		if l.Data[0] == l.Data[0] {
			t.Errorf("%s of NaN is %g, want NaN", op, l.Data[0])
		}
	}
}
