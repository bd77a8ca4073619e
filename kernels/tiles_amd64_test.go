//go:build amd64 && !purego

package kernels

import (
	"fmt"
	"math"
	"testing"

	"lethe/kernels/internal/amx"
	"lethe/kernels/internal/generic"
	"lethe/kernels/kerneltest"
)

// floatsBelowTiles reports whether this processor has the float32 kernels that
// the level amx takes from avx512.
func floatsBelowTiles() bool { return widest() >= isaAVX512 }

// sameHalves compares packed panels.
func sameHalves(tc *kerneltest.Case, what string, got, want []uint16) {
	for i := range want {
		if got[i] != want[i] {
			tc.Fail("%s[%d] is %04x, want %04x", what, i, got[i], want[i])
		}
	}
}

// packs are the packing functions, and what they equal.
var packs = []struct {
	name   string
	planes int
	rows   bool
	got    func(dst *uint16, src *float32, stride, n, k int)
	want   func(dst []uint16, planes int, src []float32, stride, n, k int)
}{
	{"PackRows", 1, true, amx.PackRows, generic.PackRows},
	{"PackRowsSplit", 2, true, amx.PackRowsSplit, generic.PackRows},
	{"PackPairs", 1, false, amx.PackPairs, generic.PackPairs},
	{"PackPairsSplit", 2, false, amx.PackPairsSplit, generic.PackPairs},
}

// TestTilePacksMatchGeneric compares every bit, for every number of lanes and
// for lengths around one and two steps, on operands that end at a closed page.
func TestTilePacksMatchGeneric(t *testing.T) {
	if !bf16Found {
		t.Skip("no AVX512-BF16 here")
	}
	suite := kerneltest.New(t)
	for _, p := range packs {
		for n := 1; n <= 32; n++ {
			for _, k := range []int{1, 2, 3, 15, 16, 17, 30, 31, 32, 33, 47, 63, 64, 65, 100} {
				suite.Run(fmt.Sprintf("%s/n=%d/k=%d", p.name, n, k), func(tc *kerneltest.Case) {
					lanes, steps, stride := n, k, k+n%3
					if !p.rows {
						lanes, steps, stride = k, n, n+k%3
					}
					src := tc.Flush((lanes-1)*stride+steps, n%2 == 0)
					fillRounding(tc, src)
					size := ceilDiv(k, 32) * p.planes * 1024
					want := make([]uint16, size)
					p.want(want, p.planes, src, stride, n, k)
					got := tc.Output(size/2, 0)
					p.got(&halves(got)[0], &src[0], stride, n, k)
					sameHalves(tc, "panel", halves(got), want)
				})
			}
		}
	}
}

// fillRounding fills x with numbers of ordinary size, and a few that round in
// every special way.
func fillRounding(tc *kerneltest.Case, x []float32) {
	special := roundingCases(tc)
	for i := range x {
		x[i] = tc.Rand.Float32()*2 - 1
		if i%5 == 3 {
			x[i] = special[tc.Rand.IntN(len(special))]
		}
	}
}

// TestTransposeTilesMatchesGeneric: bit for bit, in place.
func TestTransposeTilesMatchesGeneric(t *testing.T) {
	if !bf16Found {
		t.Skip("no AVX512-BF16 here")
	}
	suite := kerneltest.New(t)
	for tiles := 1; tiles <= 3; tiles++ {
		suite.Run(fmt.Sprint(tiles), func(tc *kerneltest.Case) {
			p := tc.Output(tiles*256, 0)
			for i := range p {
				p[i] = math.Float32frombits(tc.Rand.Uint32())
			}
			want := append([]uint16(nil), halves(p)...)
			generic.TransposeTiles(want, tiles)
			amx.TransposeTiles(&halves(p)[0], tiles)
			sameHalves(tc, "tiles", halves(p), want)
		})
	}
}

// TestHalvesMatchGeneric: every length around a block, operands between closed
// pages, and nothing written behind.
func TestHalvesMatchGeneric(t *testing.T) {
	if !bf16Found {
		t.Skip("no AVX512-BF16 here")
	}
	suite := kerneltest.New(t)
	for n := 1; n <= 100; n++ {
		for planes := 1; planes <= 2; planes++ {
			suite.Run(fmt.Sprintf("n=%d/planes=%d", n, planes), func(tc *kerneltest.Case) {
				src := tc.Flush(n, n%2 == 0)
				fillRounding(tc, src)
				plane := roundUp(n, 2)
				want := make([]uint16, planes*plane)
				got := halves(tc.Output(len(want)/2, 0))
				copy(want, got)
				generic.Halves(want, planes, plane, src)
				packHalves(got, planes, plane, src)
				sameHalves(tc, "halves", got, want)
			})
		}
	}
}

// TestGatherRowsMatchesGeneric: rows that overlap, of every length up to two
// steps, the last of them at the end of memory.
func TestGatherRowsMatchesGeneric(t *testing.T) {
	if !bf16Found {
		t.Skip("no AVX512-BF16 here")
	}
	suite := kerneltest.New(t)
	for k := 1; k <= 70; k++ {
		suite.Run(fmt.Sprint(k), func(tc *kerneltest.Case) {
			src := halves(tc.Flush(ceilDiv(3*31+k, 2), false))
			for i := range src {
				src[i] = uint16(tc.Rand.Uint32())
			}
			places := make([]int, 32)
			for i := range places {
				places[i] = len(src) - k - 3*i
			}
			step := []int{1024, 2048}[k%2]
			size := (ceilDiv(k, 32)-1)*step + 1024
			want := make([]uint16, size)
			got := halves(tc.Output(size/2, 0))
			copy(want, got)
			generic.GatherRows(want, step, src, places, k)
			gatherRows(got, step, src, places, k)
			sameHalves(tc, "panel", got, want)
		})
	}
}

// TestRoundBF16MatchesProcessor packs one row, which the processor's own
// instruction rounds.
func TestRoundBF16MatchesProcessor(t *testing.T) {
	if !bf16Found {
		t.Skip("no AVX512-BF16 here")
	}
	kerneltest.New(t).Run("all exponents", func(tc *kerneltest.Case) {
		x := roundingCases(tc)
		got := make([]uint16, ceilDiv(len(x), 32)*1024)
		amx.PackRows(&got[0], &x[0], len(x), 1, len(x))
		for i, v := range x {
			if want := generic.BF16(v); got[i/32*1024+i%32] != want {
				tc.Fail("%x is rounded to %04x, want %04x", math.Float32bits(v), got[i/32*1024+i%32], want)
			}
		}
	})
}

// TestTilePanelsMatchGeneric compares the tiles with the definition of their
// instructions, bit for bit: several panels and every number of rows of the last one, d
// absent, in place and repeated.
func TestTilePanelsMatchGeneric(t *testing.T) {
	if !tilesFound {
		t.Skip("no tiles here")
	}
	suite := kerneltest.New(t)
	for i := range 96 {
		planes, m, k := 1+i%2, 1+i, 1+i*5%7
		suite.Run(fmt.Sprintf("%d: planes=%d/m=%d/k=%d", i, planes, m, k), func(tc *kerneltest.Case) {
			a, b := bf16Panel(tc, ceilDiv(m, 32)*k*planes*1024, i/6), bf16Panel(tc, k*planes*1024, i/6)
			ldc := 32 + i%4*7
			want, got := tc.Output((m-1)*ldc+32, i%5), tc.Output((m-1)*ldc+32, i%5)
			var d, wantD []float32
			ldd := 0
			switch i % 3 {
			case 1: // one row for all
				d = tc.Input(32, 0)
				wantD = d
			case 2: // in place
				for j := range want {
					want[j] = tc.Rand.Float32()
					got[j] = want[j]
				}
				d, wantD, ldd = got, want, ldc
			}
			functions := []func(m, k int, a, b []uint16, c []float32, ldc int, d []float32, ldd int){generic.TilePanels, generic.TilePanelsSplit}
			functions[planes-1](m, k, a, b, want, ldc, wantD, ldd)
			tilePanels(planes, m, k, a, b, got, ldc, d, ldd, tileWay(i/3%2))
			tc.Same("c", got, want)
		})
	}
}

// TestTileImageMatchesGeneric compares tiles that are read from an image with the definition
// of their instructions, bit for bit: groups in any order and places, taps, strides, and what
// sums begin with. What lies between and behind the rows that are written stays.
func TestTileImageMatchesGeneric(t *testing.T) {
	if !tilesFound {
		t.Skip("no tiles here")
	}
	suite := kerneltest.New(t)
	for i := range 24 {
		planes, groups, steps := 1+i%2, 1+i%3, 1+i*5%3
		suite.Run(fmt.Sprintf("%d: planes=%d/groups=%d/steps=%d", i, planes, groups, steps), func(tc *kerneltest.Case) {
			taps := []int{0, 96, 1600, 32, 64}[:1+i%5]
			p := imageProduct{planes: planes, plane: 8192, stride: 32 * steps * (1 + i%2), taps: taps, steps: steps, ldc: 32 + i%4*7}
			p.src, p.b = bf16Panel(tc, planes*p.plane, i/6), bf16Panel(tc, len(taps)*steps*planes*1024, i/6)
			at, size := make([]int, 4*groups+4), 16*p.ldc
			for g := range 2*groups + 2 {
				at[2*g], at[2*g+1] = 32*tc.Rand.IntN(20), (2*groups-g+1)*size
			}
			n := (2*groups+1)*size + 15*p.ldc + 32
			want, got := tc.Output(n, i%5), tc.Output(n, i%5)
			switch i % 3 {
			case 1:
				p.row = tc.Input(32, 0)
			case 2:
				p.onto = 1
			}
			for j := range want {
				want[j] = tc.Rand.Float32()
				got[j] = want[j]
			}
			p.generic(groups, at, want)
			var ahead []float32
			if i%4 > 1 {
				ahead = got
			}
			tileImage(&p, groups, at, got, ahead)
			tc.Same("c", got, want)
		})
	}
}

// bf16Panel draws finite bf16 numbers: of ordinary size, or small enough for
// products and sums to vanish.
func bf16Panel(tc *kerneltest.Case, n, kind int) []uint16 {
	p := halves(Slab(n / 2))
	for i := range p {
		x := tc.Rand.Float32()*2 - 1
		if kind == 1 && i%3 == 0 {
			x *= 0x1p-63
		}
		if kind == 2 {
			x = float32(math.Ldexp(float64(x), tc.Rand.IntN(60)-30))
		}
		p[i] = generic.BF16(x)
		if kind == 3 && i%7 == 0 {
			p[i] = uint16(tc.Rand.IntN(1 << 7)) // subnormal
		}
	}
	return p
}

// BenchmarkTilePack packs a panel of 32 lanes and 512 steps of an operand of 2304
// by 768 elements: as it lies, and transposed.
func BenchmarkTilePack(b *testing.B) {
	if !bf16Found {
		b.Skip("no AVX512-BF16 here")
	}
	const lanes, depth, k = 2304, 768, tilePiece
	src, dst := Slab(lanes*depth), halves(Slab(tileLanes*k))
	for _, planes := range []int{1, 2} {
		for _, lay := range []string{"rows", "pairs"} {
			for _, turned := range []bool{false, true} {
				b.Run(fmt.Sprintf("planes=%d/%s/turned=%t", planes, lay, turned), func(b *testing.B) {
					at := 0
					for b.Loop() {
						if lay == "rows" {
							packTileRows(dst, planes, src[at*depth:], depth, tileLanes, k)
						} else {
							packTilePairs(dst, planes, src[at:], lanes, tileLanes, k)
						}
						if turned {
							transposeTiles(dst, 2*planes*k/generic.TileDepth)
						}
						at = (at + tileLanes) % lanes
					}
					b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/(tileLanes*k), "ns/element")
				})
			}
		}
	}
}
