package dense

import (
	"fmt"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"

	"lethe/kernels"
)

// Matrix is a row-major matrix of Rows x Cols.
type Matrix struct {
	Rows, Cols int
	Data       []float64 // [Rows,Cols]
}

// New returns a matrix of zeros.
func New(rows, cols int) Matrix {
	return Matrix{rows, cols, make([]float64, rows*cols)}
}

// Row is row i, a view.
func (m Matrix) Row(i int) []float64 { return m.Data[i*m.Cols:][:m.Cols] }

// Trace is the sum of the diagonal.
// Panics: m is not square.
func (m Matrix) Trace() float64 {
	needSquare("Trace", m)
	sum := 0.0
	for i := range m.Rows {
		sum += m.Data[i*m.Cols+i]
	}
	return sum
}

// T is the transpose, a copy.
func (m Matrix) T() Matrix {
	const tile = 32
	out := New(m.Cols, m.Rows)
	kernels.For((m.Rows+tile-1)/tile, func(t int) {
		last := min((t+1)*tile, m.Rows)
		for j0 := 0; j0 < m.Cols; j0 += tile {
			for i := t * tile; i < last; i++ {
				row := m.Row(i)
				for j := j0; j < min(j0+tile, m.Cols); j++ {
					out.Data[j*m.Rows+i] = row[j]
				}
			}
		}
	})
	return out
}

// Tiles of a product. gonum's Dgemm starts goroutines of its own from four
// blocks of 64 x 64 on; these stay below.
const (
	tileRows = 64
	tileCols = 128
)

// AddProduct adds alpha times the product of a with the transpose of b:
//
//	c[i,j] += alpha * sum_k a[i,k] b[j,k]
//
// Both run along their rows, the order in which gonum multiplies fastest.
//
// Shapes: a [M,K], b [N,K], c [M,N]. Writes: c is accumulated.
// Panics: shapes that do not fit.
func AddProduct(c Matrix, alpha float64, a, b Matrix) {
	addTiles("AddProduct", c, alpha, a, b, func(int, int) bool { return true })
}

// AddGram is AddProduct for a symmetric c: only the tiles that reach the
// diagonal or lie above it are computed, and c is mirrored.
// Shapes: a, b [M,K] with a b^T symmetric, c [M,M] symmetric.
func AddGram(c Matrix, alpha float64, a, b Matrix) {
	needSquare("AddGram", c)
	addTiles("AddGram", c, alpha, a, b, func(row, col int) bool { return col+tileCols > row })
	mirror(c)
}

// mirror copies the upper triangle to the lower one.
func mirror(c Matrix) {
	kernels.For((c.Rows+tileRows-1)/tileRows, func(t int) {
		for i := t * tileRows; i < min((t+1)*tileRows, c.Rows); i++ {
			for j := range i {
				c.Data[i*c.Cols+j] = c.Data[j*c.Cols+i]
			}
		}
	})
}

// addTiles computes the tiles of a product whose first row and column are
// wanted.
func addTiles(op string, c Matrix, alpha float64, a, b Matrix, wanted func(row, col int) bool) {
	if a.Cols != b.Cols || c.Rows != a.Rows || c.Cols != b.Rows {
		panic(fmt.Sprintf("dense: %s: %dx%d times the transpose of %dx%d into %dx%d", op, a.Rows, a.Cols, b.Rows, b.Cols, c.Rows, c.Cols))
	}
	if c.Rows == 0 || c.Cols == 0 || a.Cols == 0 {
		return
	}
	var tiles [][2]int
	for i := 0; i < c.Rows; i += tileRows {
		for j := 0; j < c.Cols; j += tileCols {
			if wanted(i, j) {
				tiles = append(tiles, [2]int{i, j})
			}
		}
	}
	kernels.For(len(tiles), func(t int) {
		i, j := tiles[t][0], tiles[t][1]
		m, n := min(tileRows, c.Rows-i), min(tileCols, c.Cols-j)
		blas64.Gemm(blas.NoTrans, blas.Trans, alpha, a.part(i, m, 0, a.Cols), b.part(j, n, 0, b.Cols), 1, c.part(i, m, j, n))
	})
}

// part is a rectangle of m as gonum takes it.
func (m Matrix) part(row, rows, col, cols int) blas64.General {
	return blas64.General{Rows: rows, Cols: cols, Stride: m.Cols, Data: m.Data[row*m.Cols+col:]}
}

func needSquare(op string, m Matrix) {
	if m.Rows != m.Cols {
		panic(fmt.Sprintf("dense: %s: matrix is %dx%d, want it square", op, m.Rows, m.Cols))
	}
}

// norm2 is the Euclidean length, safe against overflow of the squares.
func norm2(x []float64) float64 {
	return blas64.Nrm2(blas64.Vector{N: len(x), Inc: 1, Data: x})
}

func dot(x, y []float64) float64 {
	return blas64.Dot(blas64.Vector{N: len(x), Inc: 1, Data: x}, blas64.Vector{N: len(y), Inc: 1, Data: y})
}

// axpy adds alpha x to y.
func axpy(alpha float64, x, y []float64) {
	blas64.Axpy(alpha, blas64.Vector{N: len(x), Inc: 1, Data: x}, blas64.Vector{N: len(y), Inc: 1, Data: y})
}

// gemmTile takes from the square of c that starts at row and column next the
// tile (i,j) of left right^T.
func gemmTile(c Matrix, next, i, j int, left, right Matrix) {
	m, n := min(tileRows, left.Rows-i), min(tileCols, right.Rows-j)
	blas64.Gemm(blas.NoTrans, blas.Trans, -1, left.part(i, m, 0, left.Cols), right.part(j, n, 0, right.Cols), 1, c.part(next+i, m, next+j, n))
}
