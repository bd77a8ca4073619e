//go:build amd64 && !purego

package kernels

import (
	"fmt"
	"testing"

	"lethe/kernels/internal/generic"
	"lethe/kernels/kerneltest"
)

// TestPairPixelsMatchGeneric: every number of pixels around a few pairs and of lanes, with
// and without the pairs between, operands between closed pages, nothing written beside.
func TestPairPixelsMatchGeneric(t *testing.T) {
	if !bf16Found {
		t.Skip("no AVX512-BF16 here")
	}
	suite := kerneltest.New(t)
	for n := 1; n <= 9; n++ {
		for lanes := 1; lanes <= 32; lanes++ {
			for planes := 1; planes <= 2; planes++ {
				for kind := range 3 {
					suite.Run(fmt.Sprintf("n=%d/lanes=%d/planes=%d/%d", n, lanes, planes, kind), func(tc *kerneltest.Case) {
						stride := lanes + n%3
						src := tc.Flush((n-1)*stride+lanes, lanes%2 == 0)
						fillRounding(tc, src)
						size := planes * 32
						half := (n/2 + 2) * size
						var want, got [2][]uint16
						for i := range got {
							got[i] = halves(tc.Output(half, 0))
							want[i] = append([]uint16(nil), got[i]...)
						}
						lead := 0
						switch kind {
						case 0:
							got[1], want[1] = nil, nil
						case 1:
							lead = 1
						}
						generic.PairPixels(want[0], want[1], planes, half, src, stride, n, lanes, lead)
						pairPixels(got[0], got[1], planes, half, src, stride, n, lanes, lead)
						for i := range got {
							sameHalves(tc, []string{"pairs", "pairs between"}[i], got[i], want[i])
						}
					})
				}
			}
		}
	}
}

// TestTransposePairsMatchesGeneric: bit for bit, and nothing between the tiles.
func TestTransposePairsMatchesGeneric(t *testing.T) {
	if !bf16Found {
		t.Skip("no AVX512-BF16 here")
	}
	suite := kerneltest.New(t)
	for i := range 12 {
		tiles, steps, stride := 1+i%2, 1+i%3, 512+i/6*512
		suite.Run(fmt.Sprintf("tiles=%d/steps=%d/stride=%d", tiles, steps, stride), func(tc *kerneltest.Case) {
			src := halves(tc.Flush(steps*tiles*256, false))
			for j := range src {
				src[j] = uint16(tc.Rand.Uint32())
			}
			got := halves(tc.Output(((steps*tiles-1)*stride+512)/2, 0))
			want := append([]uint16(nil), got...)
			generic.TransposePairs(want, stride, src, tiles, steps)
			transposePairs(got, stride, src, tiles, steps)
			sameHalves(tc, "tiles", got, want)
		})
	}
}

// TestTapProductsMatchGeneric: every number of columns up to two groups of each width, which
// overlap in b, with sums to add to and without.
func TestTapProductsMatchGeneric(t *testing.T) {
	if !tilesFound {
		t.Skip("no tiles here")
	}
	suite := kerneltest.New(t)
	for i := range 28 {
		planes, columns, k, add := 1+i%2, 1+i/2%7, 1+i*5%4, i/14
		suite.Run(fmt.Sprintf("planes=%d/columns=%d/k=%d/add=%d", planes, columns, k, add), func(tc *kerneltest.Case) {
			size := planes * 32 // of a pair
			a, b := bf16Panel(tc, k*planes*1024, i%4), bf16Panel(tc, (k*16+3*columns)*size, i%4)
			ldc := 16*columns + i%3
			places := make([]int, 2*columns)
			for t := range columns {
				places[2*t], places[2*t+1] = (columns-t)*3*size, 16*t
			}
			n := 31*ldc + 16*columns
			want, got := tc.Output(n, i%5), tc.Output(n, i%5)
			if add == 1 {
				for j := range want {
					want[j] = tc.Rand.Float32()
					got[j] = want[j]
				}
			}
			generic.TapProducts(planes, columns, k, a, b, places, want, ldc, add)
			tapProducts(planes, columns, k, a, b, places, got, ldc, add)
			tc.Same("c", got, want)
		})
	}
}
