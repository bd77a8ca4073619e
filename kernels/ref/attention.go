package ref

import "math"

// AttentionShape is one head: Tq queries, Tk keys and values, Dim numbers each.
type AttentionShape struct {
	Tq, Tk, Dim int
	Scale       float64
}

// Attention computes one head, q [Tq,Dim], k and v [Tk,Dim]:
//
//	s = scale * q k^T;  lse[i] = log(sum(exp(s[i,:])));  out = exp(s-lse) v
func Attention(q, k, v []float32, n AttentionShape) (out, lse []float64) {
	p, lse := n.probabilities(q, k)
	out = make([]float64, n.Tq*n.Dim)
	for i := range n.Tq {
		for j := range n.Tk {
			for d := range n.Dim {
				out[i*n.Dim+d] += p[i*n.Tk+j] * float64(v[j*n.Dim+d])
			}
		}
	}
	return out, lse
}

// AttentionGrad is the gradient of Attention, by the chain rule through the
// softmax: with p the probabilities and dp = dout v^T,
//
//	ds[i,j] = p[i,j] * (dp[i,j] - sum over m of p[i,m]*dp[i,m])
//	dq = scale * ds k;  dk = scale * ds^T q;  dv = p^T dout
func AttentionGrad(dout, q, k, v []float32, n AttentionShape) (dq, dk, dv []float64) {
	p, _ := n.probabilities(q, k)
	dq, dk, dv = make([]float64, n.Tq*n.Dim), make([]float64, n.Tk*n.Dim), make([]float64, n.Tk*n.Dim)
	dp := make([]float64, n.Tk)
	for i := range n.Tq {
		along := 0.0
		for j := range n.Tk {
			dp[j] = 0
			for d := range n.Dim {
				dp[j] += float64(dout[i*n.Dim+d]) * float64(v[j*n.Dim+d])
				dv[j*n.Dim+d] += p[i*n.Tk+j] * float64(dout[i*n.Dim+d])
			}
			along += p[i*n.Tk+j] * dp[j]
		}
		for j := range n.Tk {
			ds := p[i*n.Tk+j] * (dp[j] - along)
			for d := range n.Dim {
				dq[i*n.Dim+d] += n.Scale * ds * float64(k[j*n.Dim+d])
				dk[j*n.Dim+d] += n.Scale * ds * float64(q[i*n.Dim+d])
			}
		}
	}
	return dq, dk, dv
}

// probabilities returns softmax(scale * q k^T) and its log-sum-exp.
func (n AttentionShape) probabilities(q, k []float32) (p, lse []float64) {
	p = make([]float64, n.Tq*n.Tk)
	for i := range n.Tq {
		row := p[i*n.Tk : (i+1)*n.Tk]
		top := math.Inf(-1)
		for j := range row {
			for d := range n.Dim {
				row[j] += n.Scale * float64(q[i*n.Dim+d]) * float64(k[j*n.Dim+d])
			}
			top = math.Max(top, row[j])
		}
		sum := 0.0
		for _, s := range row {
			sum += math.Exp(s - top)
		}
		lse = append(lse, top+math.Log(sum))
		for j, s := range row {
			row[j] = math.Exp(s-top) / sum
		}
	}
	return p, lse
}
