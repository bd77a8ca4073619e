package kernels

import (
	"fmt"
	"math"
	"testing"

	"lethe/kernels/kerneltest"
	"lethe/kernels/ref"
)

func TestAttentionTileMatchesRef(t *testing.T) {
	eachISA(t, func(t *testing.T, k rowKernels) {
		suite := kerneltest.New(t)
		for m := 1; m <= 13; m++ { // 13: two whole strips of any tile and an edge
			for n := 1; n <= k.attentionNR; n++ { // every number of vectors, every mask
				depth := []int{0, 1, 2, 7, 33}[(m+n)%5]
				suite.Run(fmt.Sprintf("m=%d/n=%d/k=%d", m, n, depth), func(c *kerneltest.Case) {
					tileCase(c, k, m, n, depth)
				})
			}
		}
	})
}

// tileCase tries one product, with a as it lies and transposed, overwriting and
// adding.
func tileCase(c *kerneltest.Case, k rowKernels, m, n, depth int) {
	a, b := randomMat(c, m, depth, 2), randomMat(c, depth, n, 3)
	for _, view := range []Mat{a, transposed(c, a)} {
		for add := range 2 {
			out := emptyMat(c, m, n, 1)
			if add == 1 {
				for r := range m {
					Fill(out.Row(r), 2)
				}
			}
			k.attentionTile(out.Data, out.RowStride, view.Data, view.RowStride, view.ColStride, b.Data, b.RowStride, m, n, depth, add)
			for i := range m {
				for j, got := range out.Row(i) {
					want := 2 * float64(add)
					abs := want
					for p := range depth {
						v := float64(a.Row(i)[p]) * float64(b.Row(p)[j])
						want, abs = want+v, abs+math.Abs(v)
					}
					c.Near(fmt.Sprintf("c[%d]", i), j, got, want, kerneltest.Bound(depth+1, abs))
				}
			}
		}
	}
}

// transposed is the same matrix with its columns contiguous in memory.
func transposed(c *kerneltest.Case, m Mat) Mat {
	t := emptyMat(c, m.Cols, m.Rows, 1)
	for r := range m.Rows {
		for i, v := range m.Row(r) {
			t.Data[i*t.RowStride+r] = v
		}
	}
	return t.T()
}

// scoreRowsCase is p [rows,cols] in rows of whole steps, which end as NaN, as do the rows of lse and sum
// that are only there to fill a vector.
func scoreRowsCase(c *kerneltest.Case, rows, cols int) (p Mat, lse, sum []float32) {
	stride := roundUp(cols, 16) + 16
	p = Mat{Data: c.Output(rows*stride, 0), Rows: rows, Cols: cols, RowStride: stride, ColStride: 1}
	for r := range rows {
		for i := range p.Row(r) {
			p.Row(r)[i] = c.Rand.Float32()*2 - 1
		}
	}
	return p, c.Output(roundUp(rows, 4), 0)[:rows], c.Output(roundUp(rows, 4), 0)[:rows]
}

func TestAttentionRowsMatchesRef(t *testing.T) {
	eachISA(t, func(t *testing.T, k rowKernels) {
		suite := kerneltest.New(t)
		for _, n := range kerneltest.Lengths(vectorLanes)[1:] {
			for _, scale := range []float32{1, 0.125, -3, 150} { // 150: most of the row is below the least
				rows := 1 + n%6 // pairs and one that is alone, whole vectors of sums and parts
				suite.Run(fmt.Sprintf("rows=%d/cols=%d/scale=%g", rows, n, scale), func(c *kerneltest.Case) {
					p, lse, sum := scoreRowsCase(c, rows, n)
					s := contiguous(p)
					k.attentionRows(p.Data, p.RowStride, n, scale, lse, sum)
					for r := range rows {
						want, whole := ref.Softmax(s[r*n:][:n], float64(scale))
						bound := boundSoftmax(n, math.Abs(float64(scale)))
						c.Near("lse", r, lse[r], whole, bound+2*unit*math.Abs(whole))
						for i, v := range p.Row(r) {
							c.Near("p", i, v, want[i], want[i]*bound+math.Ldexp(1, -125))
						}
					}
				})
			}
		}
		suite.Run("NaN", func(c *kerneltest.Case) {
			for row := range 3 { // one of a pair, the other, and alone
				p, lse, sum := scoreRowsCase(c, 3, 20)
				p.Row(row)[17] = float32(math.NaN())
				k.attentionRows(p.Data, p.RowStride, 20, 1, lse, sum)
				for r := range p.Rows {
					for _, v := range append([]float32{lse[r]}, p.Row(r)...) {
						if bad := v != v; bad != (r == row) {
							c.Fail("NaN in row %d: row %d has %g", row, r, v)
						}
					}
				}
			}
		})
	})
}

// The logarithm of a sum: n equal scores have log(n).
func TestAttentionRowsLogarithm(t *testing.T) {
	eachISA(t, func(t *testing.T, k rowKernels) {
		kerneltest.New(t).Run("from 1", func(c *kerneltest.Case) {
			for n := 1; n < 1<<16; n += 1 + n/50 {
				p, lse, sum := scoreRowsCase(c, 1, n)
				Fill(p.Row(0), 0)
				k.attentionRows(p.Data, p.RowStride, n, 1, lse, sum)
				want := math.Log(float64(n))
				c.Near("log", n, lse[0], want, unit*want+1e-10)
			}
		})
	})
}

func TestAttentionGradRowsMatchesFormula(t *testing.T) {
	const scale = float32(0.3)
	eachISA(t, func(t *testing.T, k rowKernels) {
		suite := kerneltest.New(t)
		for _, n := range kerneltest.Lengths(vectorLanes)[1:] {
			rows := 1 + n%3
			suite.Run(fmt.Sprintf("rows=%d/cols=%d", rows, n), func(c *kerneltest.Case) {
				p, lse, delta := scoreRowsCase(c, rows, n)
				ds, _, _ := scoreRowsCase(c, rows, n)
				for r := range rows {
					lse[r], delta[r] = c.Rand.Float32()*2-1, c.Rand.Float32()*2-1
				}
				s, dp := contiguous(p), contiguous(ds)
				dots := c.Output(rows, 0)
				k.rowDots(dots, p.Data, p.RowStride, ds.Data, ds.RowStride, n)
				for r := range rows {
					dot, abs := ref.Dot(p.Row(r), ds.Row(r))
					c.Near("dot", r, dots[r], dot, kerneltest.Bound(n+1, abs))
				}
				k.attentionGradRows(p.Data, ds.Data, p.RowStride, n, scale, lse, delta)
				for r := range rows {
					for i := range n {
						at := r*n + i
						want := math.Exp(float64(scale)*float64(s[at]) - float64(lse[r]))
						c.Near("p", at, p.Row(r)[i], want, want*6*unit)
						grad := want * (float64(dp[at]) - float64(delta[r])) * float64(scale)
						c.Near("ds", at, ds.Row(r)[i], grad, math.Abs(grad)*10*unit)
					}
				}
			})
		}
	})
}

// Scores far above and below their row's log-sum-exp, which none is that Attention made, give the bounds; NaN stays.
func TestAttentionGradRowsBounds(t *testing.T) {
	eachISA(t, func(t *testing.T, k rowKernels) {
		kerneltest.New(t).Run("bounds", func(c *kerneltest.Case) {
			p, lse, delta := scoreRowsCase(c, 3, 5)
			ds, _, _ := scoreRowsCase(c, 3, 5)
			for r := range 3 {
				copy(p.Row(r), []float32{1000, -1000, float32(math.NaN()), 88, -87})
				Fill(ds.Row(r), 1)
				lse[r], delta[r] = 0, 0
			}
			k.attentionGradRows(p.Data, ds.Data, p.RowStride, 5, 1, lse, delta)
			for r := range 3 {
				v := p.Row(r)
				if !(v[0] >= v[3]) || !(v[1] <= v[4]) || v[2] == v[2] || ds.Row(r)[2] == ds.Row(r)[2] {
					c.Fail("row %d: p %v, ds %v", r, v, ds.Row(r))
				}
				c.Near("exp(88)", r, v[3], math.Exp(88), math.Exp(88)*2*unit)
				c.Near("exp(-87)", r, v[4], math.Exp(-87), math.Exp(-87)*2*unit)
			}
		})
	})
}

// attentionCase is one size to try.
type attentionCase struct {
	batch, tq, tk, heads, dim int
	fused                     bool // q, k and v in one buffer [B,T,3,H,Dim]
}

var attentionCases = []attentionCase{
	{1, 1, 1, 1, 1, false},      // nothing but an edge
	{1, 3, 2, 1, 5, false},      // no whole vector
	{2, 17, 17, 4, 32, true},    // mae_tiny encoder: one row and one key past a vector
	{2, 65, 65, 4, 16, true},    // mae_tiny decoder: one key past a panel
	{1, 50, 50, 2, 64, true},    // ViT-B, three quarters masked
	{1, 197, 197, 1, 64, true},  // ViT-B
	{1, 40, 1030, 1, 24, false}, // several blocks of rows, the last one short
	{1, 300, 200, 1, 8, false},  // several blocks of rows
	{2, 5, 70, 3, 72, false},    // more columns than a panel has
	{9, 18, 40, 3, 29, false},   // small heads of many batches, which one worker or two take together
	{9, 0, 4, 2, 3, false},      // the same without queries
	{1, 0, 4, 2, 3, false},      // no queries
	{0, 3, 4, 2, 3, false},      // no batch
}

// operands are the inputs and outputs of one case.
type operands struct {
	n         attentionCase
	args      AttentionArgs
	out, dout Heads
	grads     AttentionGrads
}

func newOperands(c *kerneltest.Case, n attentionCase) *operands {
	o := &operands{n: n, out: n.view(c, n.tq), dout: n.view(c, n.tq)}
	o.args.Scale = float32(1 / math.Sqrt(float64(n.dim)))
	if n.fused {
		o.args.Q, o.args.K, o.args.V = n.views(c)
		o.grads.DQ, o.grads.DK, o.grads.DV = n.views(c)
	} else {
		o.args.Q, o.args.K, o.args.V = n.view(c, n.tq), n.view(c, n.tk), n.view(c, n.tk)
		o.grads.DQ, o.grads.DK, o.grads.DV = n.view(c, n.tq), n.view(c, n.tk), n.view(c, n.tk)
	}
	for _, h := range []Heads{o.args.Q, o.args.K, o.args.V, o.dout} {
		n.each(h, func(_, _ int, m Mat) {
			for r := range m.Rows {
				for i := range m.Row(r) {
					m.Row(r)[i] = c.Rand.Float32()*4 - 2
				}
			}
		})
	}
	o.args.LSE = c.Output(n.batch*n.heads*n.tq, 0)
	return o
}

// view is a tensor [B,T,H,Dim] of its own, NaN until written.
func (n attentionCase) view(c *kerneltest.Case, tokens int) Heads {
	return Heads{
		Data:  c.Output(n.batch*tokens*n.heads*n.dim, 0),
		Batch: n.batch, Tokens: tokens, Heads: n.heads, Dim: n.dim,
		BatchStride: tokens * n.heads * n.dim, TokenStride: n.heads * n.dim, HeadStride: n.dim,
	}
}

// views are three tensors interleaved in one buffer [B,T,3,H,Dim].
func (n attentionCase) views(c *kerneltest.Case) (q, k, v Heads) {
	width := n.heads * n.dim
	q = Heads{
		Data:  c.Output(n.batch*n.tq*3*width, 0),
		Batch: n.batch, Tokens: n.tq, Heads: n.heads, Dim: n.dim,
		BatchStride: n.tq * 3 * width, TokenStride: 3 * width, HeadStride: n.dim,
	}
	k, v = q, q
	k.Data, v.Data = q.Data[width:], q.Data[2*width:]
	return q, k, v
}

// each calls body for every head as a matrix.
func (n attentionCase) each(h Heads, body func(b, head int, m Mat)) {
	if h.Tokens == 0 {
		return
	}
	for b := range n.batch {
		for head := range n.heads {
			body(b, head, h.at(b, head))
		}
	}
}

func TestAttentionMatchesRef(t *testing.T) {
	suite := kerneltest.New(t)
	for _, n := range attentionCases {
		suite.Run(fmt.Sprintf("%+v", n), func(c *kerneltest.Case) {
			o := newOperands(c, n)
			Attention(o.out, o.args)
			silent := o.args
			silent.LSE = nil
			again := n.view(c, n.tq)
			Attention(again, silent)
			c.Same("out without LSE", again.Data, o.out.Data)
			AttentionGrad(o.grads, o.dout, o.out, o.args)
			n.each(o.out, func(b, h int, out Mat) { newExpectation(o, b, h).compare(c, o, b, h, out) })
			if n.tq == 0 {
				for i, v := range o.grads.DK.Data {
					c.Near("dk of no queries", i, v, 0, 0)
					c.Near("dv of no queries", i, o.grads.DV.Data[i], 0, 0)
				}
			}
		})
	}
}

// expectation is the exact result of one head, and what its errors derive from.
type expectation struct {
	n                    ref.AttentionShape
	q, k, v, dout        []float32
	out, lse, dq, dk, dv []float64
	p, ds                []float64 // probabilities and score gradients
	errP, errDS          []float64 // relative error of a row of p, absolute errors of ds
}

func newExpectation(o *operands, b, h int) *expectation {
	e := &expectation{
		n: ref.AttentionShape{Tq: o.n.tq, Tk: o.n.tk, Dim: o.n.dim, Scale: float64(o.args.Scale)},
		q: contiguous(o.args.Q.at(b, h)), k: contiguous(o.args.K.at(b, h)), v: contiguous(o.args.V.at(b, h)),
		dout: contiguous(o.dout.at(b, h)),
	}
	e.out, e.lse = ref.Attention(e.q, e.k, e.v, e.n)
	e.dq, e.dk, e.dv = ref.AttentionGrad(e.dout, e.q, e.k, e.v, e.n)
	for i := range e.n.Tq {
		e.row(i)
	}
	return e
}

// row derives the errors of one row of scores. A score has the error of a dot
// product; all its roundings reach p through exp, and again through the sum.
func (e *expectation) row(i int) {
	n := e.n
	errS, size := 0.0, 0.0
	start := len(e.p)
	for j := range n.Tk {
		s, abs := ref.Dot(e.q[i*n.Dim:(i+1)*n.Dim], e.k[j*n.Dim:(j+1)*n.Dim])
		errS = max(errS, n.Scale*kerneltest.Bound(n.Dim, abs))
		size = max(size, math.Abs(n.Scale*s))
		e.p = append(e.p, math.Exp(n.Scale*s-e.lse[i]))
	}
	errP := 2*errS + boundSoftmax(n.Tk, size) + 3*unit*math.Abs(e.lse[i])
	e.errP = append(e.errP, errP)
	delta, absDelta := 0.0, 0.0
	for d := range n.Dim {
		v := float64(e.dout[i*n.Dim+d])
		delta += v * e.out[i*n.Dim+d]
		absDelta += math.Abs(v) * (unit*math.Abs(e.out[i*n.Dim+d]) + e.outError(e.p[start:], errP, d))
	}
	for j := range n.Tk {
		dp, abs := ref.Dot(e.dout[i*n.Dim:(i+1)*n.Dim], e.v[j*n.Dim:(j+1)*n.Dim])
		ds := n.Scale * e.p[start+j] * (dp - delta)
		e.ds = append(e.ds, ds)
		e.errDS = append(e.errDS, n.Scale*e.p[start+j]*(kerneltest.Bound(n.Dim, abs)+absDelta+unit*math.Abs(delta))+math.Abs(ds)*(errP+4*unit))
	}
}

// outError is the error of one element of out: sum of p*v.
func (e *expectation) outError(p []float64, errP float64, d int) float64 {
	abs := 0.0
	for j, w := range p {
		abs += w * math.Abs(float64(e.v[j*e.n.Dim+d]))
	}
	return abs*errP + kerneltest.Bound(e.n.Tk, abs)
}

// compare checks output, LSE and gradients of one head.
func (e *expectation) compare(c *kerneltest.Case, o *operands, b, h int, out Mat) {
	n := e.n
	lse := o.args.LSE[(b*o.n.heads+h)*n.Tq:][:n.Tq]
	dq, dk, dv := o.grads.DQ.at(b, h), o.grads.DK.at(b, h), o.grads.DV.at(b, h)
	for i := range n.Tq {
		p, errDS := e.p[i*n.Tk:(i+1)*n.Tk], e.errDS[i*n.Tk:(i+1)*n.Tk]
		c.Near("lse", i, lse[i], e.lse[i], e.errP[i]+2*unit*math.Abs(e.lse[i]))
		for d := range n.Dim {
			at := i*n.Dim + d
			c.Near("out", at, out.Row(i)[d], e.out[at], e.outError(p, e.errP[i], d))
			abs, errors := 0.0, 0.0
			for j := range n.Tk {
				k := math.Abs(float64(e.k[j*n.Dim+d]))
				abs, errors = abs+math.Abs(e.ds[i*n.Tk+j])*k, errors+errDS[j]*k
			}
			c.Near("dq", at, dq.Row(i)[d], e.dq[at], errors+kerneltest.Bound(n.Tk, abs+errors))
		}
	}
	for j := range n.Tk {
		for d := range n.Dim {
			var abs, errors, absV, errorsV float64
			for i := range n.Tq {
				q, g := math.Abs(float64(e.q[i*n.Dim+d])), math.Abs(float64(e.dout[i*n.Dim+d]))
				abs, errors = abs+math.Abs(e.ds[i*n.Tk+j])*q, errors+e.errDS[i*n.Tk+j]*q
				absV, errorsV = absV+e.p[i*n.Tk+j]*g, errorsV+e.p[i*n.Tk+j]*e.errP[i]*g
			}
			at := j*n.Dim + d
			c.Near("dk", at, dk.Row(j)[d], e.dk[at], errors+kerneltest.Bound(n.Tq+1, abs+errors))
			c.Near("dv", at, dv.Row(j)[d], e.dv[at], errorsV+kerneltest.Bound(n.Tq+1, absV+errorsV))
		}
	}
}

// A bad key or value reaches every query of its head and no other head.
func TestAttentionCarriesNaN(t *testing.T) {
	kerneltest.New(t).Run("NaN", func(c *kerneltest.Case) {
		n := attentionCase{1, 7, 9, 2, 4, false}
		for _, where := range []string{"k", "v"} {
			o := newOperands(c, n)
			operand := map[string]Heads{"k": o.args.K, "v": o.args.V}[where]
			operand.at(0, 1).Row(8)[3] = float32(math.NaN())
			Attention(o.out, o.args)
			n.each(o.out, func(_, h int, m Mat) {
				for r := range m.Rows {
					if bad := m.Row(r)[3] != m.Row(r)[3]; bad != (h == 1) {
						c.Fail("NaN in %s: out[%d] of head %d is %g", where, r, h, m.Row(r)[3])
					}
				}
			})
		}
	})
}

func TestAttentionPanics(t *testing.T) {
	n := attentionCase{1, 3, 4, 2, 5, false}
	kerneltest.New(t).Run("panics", func(c *kerneltest.Case) {
		for want, spoil := range map[string]func(o *operands){
			"kernels: Attention: a.K.Tokens is 0, want at least 1":       func(o *operands) { o.args.K.Tokens = 0 },
			"kernels: Attention: a.Q.Dim is 0, want at least 1":          func(o *operands) { o.args.Q.Dim = 0 },
			"kernels: Attention: a.V.Tokens is 5, want exactly 4":        func(o *operands) { o.args.V.Tokens = 5 },
			"kernels: Attention: a.K.Heads is 1, want exactly 2":         func(o *operands) { o.args.K.Heads = 1 },
			"kernels: Attention: out.Dim is 4, want exactly 5":           func(o *operands) { o.out.Dim = 4 },
			"kernels: Attention: len(a.LSE) is 5, want at least 6":       func(o *operands) { o.args.LSE = o.args.LSE[:5] },
			"kernels: Attention: len(a.V.Data) is 39, want at least 40":  func(o *operands) { o.args.V.Data = o.args.V.Data[:39] },
			"kernels: Attention: a.Q.TokenStride is -1, want at least 0": func(o *operands) { o.args.Q.TokenStride = -1 },
			"kernels: Attention: out.HeadStride is 4, want at least 5":   func(o *operands) { o.out.HeadStride = 4 },
			"kernels: Attention: out.TokenStride is 9, want at least 10": func(o *operands) { o.out.HeadStride, o.out.TokenStride = 5, 9 },
			"kernels: Attention: out.TokenStride is 0, want at least 5":  func(o *operands) { o.out.TokenStride = 0 },
		} {
			o := newOperands(c, n)
			spoil(o)
			wantPanic(t, want, func() { Attention(o.out, o.args) })
		}
		for want, spoil := range map[string]func(o *operands){
			"kernels: AttentionGrad: dout.Tokens is 2, want exactly 3":       func(o *operands) { o.dout.Tokens = 2 },
			"kernels: AttentionGrad: d.DK.Tokens is 3, want exactly 4":       func(o *operands) { o.grads.DK.Tokens = 3 },
			"kernels: AttentionGrad: len(a.LSE) is 0, want at least 6":       func(o *operands) { o.args.LSE = nil },
			"kernels: AttentionGrad: len(d.DV.Data) is 1, want at least 40":  func(o *operands) { o.grads.DV.Data = o.grads.DV.Data[:1] },
			"kernels: AttentionGrad: d.DQ.HeadStride is 1, want at least 5":  func(o *operands) { o.grads.DQ.HeadStride = 1 },
			"kernels: AttentionGrad: d.DK.TokenStride is 4, want at least 5": func(o *operands) { o.grads.DK.TokenStride = 4 },
			"kernels: AttentionGrad: d.DV.TokenStride is 0, want at least 5": func(o *operands) { o.grads.DV.TokenStride = 0 },
		} {
			o := newOperands(c, n)
			spoil(o)
			wantPanic(t, want, func() { AttentionGrad(o.grads, o.dout, o.out, o.args) })
		}
	})
}
