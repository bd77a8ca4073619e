//go:build !amd64 || purego

package kernels

import "lethe/kernels/internal/generic"

func convTile(_ int, a []float32, aAt []int, segments, k, gap int, b, c []float32, cAt []int, d []float32, dAt []int, m, n int, e []float32, floor float32) {
	generic.ConvTile2x4(a, aAt, segments, k, gap, b, c, cAt, d, dAt, m, n, e, floor)
}

const convUnit = generic.ConvUnit

func packCopy16(dst, src []float32, stride, n, k int) { generic.PackCopy(dst, 16, src, stride, n, k) }

func convUnits() int { return generic.ConvUnits }

func convGradTile(rows, k int, at []int, a []float32, aStep int, b []float32, bStep int, bAt []int, c []float32, ldc int, cAt []int, m, n, add int) {
	generic.ConvGradTile2x1(rows, k, at, a, aStep, b, bStep, bAt, c, ldc, cAt, m, n, add)
}
