package dense

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// random is a matrix of normal values.
func random(rows, cols int, seed uint64) Matrix {
	rng := rand.New(rand.NewPCG(seed, 1))
	m := New(rows, cols)
	for i := range m.Data {
		m.Data[i] = rng.NormFloat64()
	}
	return m
}

// gram is a a^T by the definition.
func gram(a Matrix) Matrix {
	c := New(a.Rows, a.Rows)
	for i := range a.Rows {
		for j := range a.Rows {
			for k := range a.Cols {
				c.Data[i*a.Rows+j] += a.Data[i*a.Cols+k] * a.Data[j*a.Cols+k]
			}
		}
	}
	return c
}

// apart is the largest difference of two slices.
func apart(x, y []float64) float64 {
	most := 0.0
	for i, v := range x {
		if d := math.Abs(v - y[i]); !(d <= most) {
			most = d
		}
	}
	return most
}

func TestProducts(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {3, 5}, {64, 128}, {65, 64}, {130, 7}, {193, 65}} {
		a := random(size[0], size[1], 3)
		want := gram(a)
		c, g := New(a.Rows, a.Rows), New(a.Rows, a.Rows)
		AddProduct(c, 1, a, a)
		AddGram(g, 1, a, a)
		// |error| <= k u sum|a||b|, and a row's squares sum to about k.
		tol := float64(size[1]*size[1]) * 0x1p-52 * 4
		if d := apart(c.Data, want.Data); !(d <= tol) {
			t.Errorf("%v: product is off by %g", size, d)
		}
		if d := apart(g.Data, want.Data); !(d <= tol) {
			t.Errorf("%v: Gram matrix is off by %g", size, d)
		}
		if !slices.Equal(a.T().T().Data, a.Data) {
			t.Errorf("%v: transposed twice is another matrix", size)
		}
	}
}

func TestEigenvaluesMatchGonum(t *testing.T) {
	// 31 to 65 reach a panel that is not full, full ones, and one of a single column.
	for _, n := range []int{1, 2, 3, 5, 31, 32, 33, 64, 65, 140} {
		c := gram(random(n, n+3, 7))
		var e mat.EigenSym
		if !e.Factorize(mat.NewSymDense(n, slices.Clone(c.Data)), false) {
			t.Fatal("gonum did not converge")
		}
		want := e.Values(nil)
		got, err := Eigenvalues(c)
		if err != nil {
			t.Fatal(err)
		}
		if d := apart(got, want); !(d <= 4*float64(n)*0x1p-53*want[n-1]) {
			t.Errorf("n=%d: eigenvalues differ by %g of %g", n, d, want[n-1])
		}
	}
}

func TestEigenvaluesByHand(t *testing.T) {
	for _, c := range []struct{ data, want []float64 }{
		{[]float64{2, 0, 0, 0, -1, 0, 0, 0, 5}, []float64{-1, 2, 5}}, // nothing to reflect
		{[]float64{0, 0, 0, 0}, []float64{0, 0}},
		{[]float64{2, 1, 1, 2}, []float64{1, 3}},
		{[]float64{1, 1, 1, 1, 1, 1, 1, 1, 1}, []float64{0, 0, 3}},
	} {
		n := len(c.want)
		got, err := Eigenvalues(Matrix{n, n, c.data})
		if err != nil || !(apart(got, c.want) <= 1e-14) {
			t.Errorf("eigenvalues are %v, %v, want %v", got, err, c.want)
		}
	}
	if _, err := Eigenvalues(Matrix{2, 2, []float64{1, math.NaN(), math.NaN(), 1}}); err == nil {
		t.Error("a NaN gave no error")
	}
}

func TestFactor(t *testing.T) {
	dead := random(40, 12, 5) // 12 rows of rank 12, of which one becomes zero
	for i := range dead.Rows {
		dead.Data[i*12+4] = 0
	}
	for name, c := range map[string]struct {
		c    Matrix
		rank int
	}{
		"full":     {gram(random(20, 30, 1)), 20},
		"few":      {gram(random(20, 7, 2)), 7},
		"dead row": {gram(dead.T()), 11},
		"zero":     {New(5, 5), 0},
	} {
		f := Factor(c.c)
		if f.Rows != c.rank {
			t.Errorf("%s: factor has %d rows, want %d", name, f.Rows, c.rank)
		}
		back := gram(f.T())
		if d := apart(back.Data, c.c.Data); !(d <= 64*0x1p-52*max(largest(c.c), 1)) {
			t.Errorf("%s: F^T F is off by %g", name, d)
		}
	}
}

func TestNuclearNorm(t *testing.T) {
	n, err := NuclearNorm(Matrix{2, 3, []float64{3, 0, 0, 0, -4, 0}})
	if err != nil || !(math.Abs(n-7) <= 1e-14) {
		t.Errorf("nuclear norm is %v, %v, want 7", n, err)
	}
}

// TestAnyWorkers holds the bits against other numbers of workers.
func TestAnyWorkers(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	a := random(300, 200, 9)
	var first []float64
	for _, workers := range []int{1, 2, 3, 7} {
		runtime.GOMAXPROCS(workers)
		c := New(300, 300)
		AddGram(c, 1, a, a)
		nuclear, err := NuclearNorm(Matrix{300, 300, slices.Clone(c.Data)})
		if err != nil {
			t.Fatal(err)
		}
		f := Factor(c)
		values, err := Eigenvalues(c)
		if err != nil {
			t.Fatal(err)
		}
		all := append(append(values, nuclear), f.Data...)
		if first == nil {
			first = all
		}
		if !slices.Equal(all, first) {
			t.Errorf("%d workers gave other bits than 1", workers)
		}
	}
}

func BenchmarkEigenvalues(b *testing.B) {
	a := random(2048, 2100, 1)
	for b.Loop() {
		b.StopTimer()
		c := New(2048, 2048)
		AddGram(c, 1, a, a)
		b.StartTimer()
		if _, err := Eigenvalues(c); err != nil {
			b.Fatal(err)
		}
	}
}
