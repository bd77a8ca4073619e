//go:build amd64 && !purego

package kernels

import (
	"fmt"
	"testing"

	"lethe/kernels/internal/avx512bf16"
	"lethe/kernels/internal/generic"
	"lethe/kernels/kerneltest"
)

func needPairs(t *testing.T) {
	if !bf16Found {
		t.Skip("no AVX512-BF16 here")
	}
}

// sameWords compares words bit for bit.
func sameWords(tc *kerneltest.Case, what string, got, want []uint32) {
	for i := range want {
		if got[i] != want[i] {
			tc.Fail("%s[%d] is %08x, want %08x", what, i, got[i], want[i])
		}
	}
}

// TestPairPacksMatchGeneric compares every bit, on operands that end or begin at a
// closed page, with rounding's special numbers among them.
func TestPairPacksMatchGeneric(t *testing.T) {
	needPairs(t)
	suite := kerneltest.New(t)
	compare := func(name string, front bool, in, out int, got, want func(dst []uint32, src []float32)) {
		suite.Run(name, func(tc *kerneltest.Case) {
			src := tc.Flush(in, front)
			fillRounding(tc, src)
			expected := make([]float32, out)
			to := tc.Flush(out, front)
			got(words(to), src)
			want(words(expected), src)
			sameWords(tc, "words", words(to), words(expected))
		})
	}
	for n := 1; n <= 70; n++ {
		compare(fmt.Sprint("PairRun/n=", n), n%2 == 0, n, (n+1)/2,
			func(dst []uint32, src []float32) { avx512bf16.PairRun(&dst[0], &src[0], n) }, generic.PairRun)
	}
	for n := 1; n <= 16; n++ {
		for _, k := range []int{1, 2, 7} {
			stride, width := 2*n+k%3, n+k%2
			compare(fmt.Sprintf("PairLanes16/n=%d/k=%d", n, k), n%2 == 0, (k-1)*stride+2*n, (k-1)*width+n,
				func(dst []uint32, src []float32) {
					avx512bf16.PairLanes16(&dst[0], width, &src[0], &src[n], stride, n, k)
				},
				func(dst []uint32, src []float32) { generic.PairLanes(dst, width, src, src[n:], stride, n, k) })
		}
	}
	for panels := 1; panels <= 3; panels++ {
		for k := 1; k <= 13; k++ {
			stride := 8*panels + k%2
			compare(fmt.Sprintf("PairPanels8/panels=%d/k=%d", panels, k), k%3 == 0, (k-1)*stride+8*panels, panels*((k+1)/2)*8,
				func(dst []uint32, src []float32) { avx512bf16.PairPanels8(&dst[0], &src[0], stride, panels, k) },
				func(dst []uint32, src []float32) { generic.PairPanels(dst, 8, src, stride, panels, k) })
		}
	}
	for _, k := range []int{32, 64, 96} {
		for _, width := range []int{16, 48} {
			stride := k + width%5
			compare(fmt.Sprintf("PairTranspose16/width=%d/k=%d", width, k), k%64 == 0, 15*stride+k, (k/2-1)*width+16,
				func(dst []uint32, src []float32) { avx512bf16.PairTranspose16(&dst[0], width, &src[0], stride, k) },
				func(dst []uint32, src []float32) { generic.PairTranspose(dst, width, 16, src, stride, k) })
		}
	}
}

// TestPairRunInPlace: the words may take the place of the numbers.
func TestPairRunInPlace(t *testing.T) {
	needPairs(t)
	kerneltest.New(t).Run("n=1000", func(tc *kerneltest.Case) {
		x := tc.Input(1000, 0)
		want := make([]uint32, 500)
		generic.PairRun(want, x)
		pairRun(words(x), x)
		sameWords(tc, "words", words(x), want)
	})
}

// TestDotsMatchGeneric compares every tile with the Go kernels bit for bit, over
// operands of every exponent: subnormals in operands, products and sums, infinities, NaN.
func TestDotsMatchGeneric(t *testing.T) {
	needPairs(t)
	useLevel(t, isaAVX512BF16)
	suite := kerneltest.New(t)
	for _, width := range []int{48, 32, 16} {
		for _, k := range []int{1, 2, 3, 4, 5, 9, 40} {
			for _, special := range []bool{false, true} {
				suite.Run(fmt.Sprintf("width=%d/k=%d/special=%t", width, k, special), func(tc *kerneltest.Case) {
					dotsMatch(tc, width, k, special)
				})
			}
		}
	}
}

// dotsMatch multiplies eight rows of pairs with columns of pairs, k long, in every way
// that there is.
func dotsMatch(tc *kerneltest.Case, n, k int, special bool) {
	const m = 8
	rows, columns, d := tc.Input(m*k, 0), tc.Input(n*k, 1), tc.Input(m*n, 2) // [m,k], [k,n]
	for _, x := range [][]float32{rows, columns} {
		for j, w := range words(x) {
			words(x)[j] = randomPair(tc, w, special)
		}
	}
	panel := make([]float32, m*k) // [k,m]
	for r := range m {
		for p := range k {
			words(panel)[p*m+r] = words(rows)[r*k+p]
		}
	}
	want := make([]float32, m*n)
	for r := range m {
		for c := range n {
			at := []int{r*n + c}
			generic.ConvDots2x4(words(rows), []int{r * k}, 1, k, 0, everyFourth(words(columns)[c:], n, k), want, at, d, at, 1, 1, nil, 0)
		}
	}
	compare := func(what string, got []float32) {
		for j := range want {
			if bothNaN := got[j] != got[j] && want[j] != want[j]; !bothNaN && words(got)[j] != words(want)[j] {
				tc.Fail("%s: c[%d] is %g (%08x), want %g (%08x)", what, j, got[j], words(got)[j], want[j], words(want)[j])
			}
		}
	}
	c := tc.Output(m*n, 0)
	dotTiles(n, k, tileRows{data: panel}, columns, c, n, d, n, m, n, 1)
	compare("packed rows", c)
	c = tc.Output(m*n, 0)
	dotTiles(n, k, tileRows{data: rows, form: rowsInPlace, stride: k}, columns, c, n, d, n, m, n, 1)
	compare("rows in place", c)
	c = tc.Output(m*n, 0)
	var aAt, cAt []int
	for r := range m {
		aAt, cAt = append(aAt, r*k), append(cAt, r*n)
	}
	convDots(n, rows, aAt, 1, k, 0, columns, c, cAt, d, cAt, m, n, nil, 0)
	compare("pixels", c)
	c = tc.Output(m*n, 0)
	copy(c, d)
	var units []int
	for u := 0; u < n; u += convUnit {
		units = append(units, u)
	}
	convGradDots(1, k, []int{0, 0}, panel, m, columns, n, units, c, n, units, m, convUnit, 1)
	compare("gradient", c)
}

// everyFourth spreads a column of pairs, whose steps are stride apart, for the Go kernels,
// whose panels have four columns.
func everyFourth(column []uint32, stride, k int) []uint32 {
	panel := make([]uint32, 4*k)
	for p := range k {
		panel[4*p] = column[p*stride]
	}
	return panel
}

// randomPair is a word of two bf16 numbers: near 1, or of any exponent.
func randomPair(tc *kerneltest.Case, seed uint32, special bool) uint32 {
	if special && tc.Rand.IntN(3) > 0 {
		return tc.Rand.Uint32()
	}
	if special && tc.Rand.IntN(2) > 0 { // products around the smallest normal number
		small := func() uint32 {
			return tc.Rand.Uint32()&0x8000 | (0x7f-63+tc.Rand.Uint32()%4)<<7 | tc.Rand.Uint32()&0x7f
		}
		return small()<<16 | small()
	}
	return generic.Pair(tc.Rand.Float32()-0.5, tc.Rand.Float32()-0.5) ^ seed&1
}
