package gradcheck

import (
	"fmt"
	"strings"
	"testing"

	"lethe/autodiff"
)

// strict is a meter that refuses calls out of order and remembers what it heard.
type strict struct {
	t       *testing.T
	running string
	flops   float64
	heard   map[string]float64 // bytes by name
}

func (m *strict) Begin(op string) {
	if m.running != "" {
		m.t.Errorf("%s begins while %s runs", op, m.running)
	}
	m.running = op
}

func (m *strict) End(flops, bytes float64) {
	if m.running == "" {
		m.t.Error("an end without a beginning")
	}
	if !(flops >= 0) || !(bytes >= 0) {
		m.t.Errorf("%s: %g flops, %g bytes", m.running, flops, bytes)
	}
	m.flops += flops
	m.heard[m.running] += bytes
	m.running = ""
}

// unmetered are ops without kernels: views, and a sum of scalars.
var unmetered = map[string]bool{"Reshape": true, "Rows": true, "Detach": true, "WeightedSum": true}

// TestEveryOpIsMetered: forward and gradient of each op are heard of, one after
// another, also where outputs are computed again; all arithmetic is attributed.
func TestEveryOpIsMetered(t *testing.T) {
	for _, r := range allRows() {
		tp := autodiff.NewTape()
		m := &strict{t: t, heard: map[string]float64{}}
		tp.SetMeter(m)
		in := r.tensors(testRNG())
		y := tp.Scope(func() *tensor { return tp.Scale(tp.Scope(func() *tensor { return r.forward(tp, in) }), 2) })
		tp.BackwardFrom(y, make([]float32, y.Len()))
		if m.running != "" || m.flops != tp.FLOPs() {
			t.Errorf("%s, %s: %q still runs, %g of %g flops are attributed", r.op, r.wiring, m.running, m.flops, tp.FLOPs())
		}
		if unmetered[r.op] {
			continue
		}
		name := strings.TrimSuffix(strings.ToLower(r.op), "interleaved")
		if r.op == "LinearAdd" {
			name = "linear"
		}
		forward, backward := m.heard[name] > 0, false
		for op := range m.heard {
			backward = backward || strings.HasPrefix(op, name+".")
		}
		if !forward || !backward {
			t.Errorf("%s, %s: forward heard of %t, gradient %t: %v", r.op, r.wiring, forward, backward, m.heard)
		}
	}
}

// TestMeterBytes: operands and results once each, 4 bytes an element; a result
// that is added to is also read.
func TestMeterBytes(t *testing.T) {
	const rows, n, k = 6, 5, 4
	x, w, b := autodiff.New(rows, k), autodiff.New(n, k), autodiff.New(n)
	for _, leaf := range []*tensor{x, w, b} {
		leaf.SetTrainable(true)
	}
	tp := autodiff.NewTape()
	m := &strict{t: t, heard: map[string]float64{}}
	tp.SetMeter(m)
	step := func() { tp.BackwardFrom(tp.Linear(x, w, b), make([]float32, rows*n)); tp.Reset() }
	step()
	operands := 4.0 * (rows*k + n*k + rows*n)
	want := map[string]float64{"linear": operands, "linear.dx": operands, "linear.dw": operands, "linear.db": 4 * (rows*n + n)}
	if fmt.Sprint(m.heard) != fmt.Sprint(want) {
		t.Errorf("bytes are %v, want %v", m.heard, want)
	}
	step() // adds to the gradients
	for op, more := range map[string]float64{"linear": 0, "linear.dx": 4 * rows * k, "linear.dw": 4 * n * k, "linear.db": 4 * n} {
		want[op] += want[op] + more
	}
	if fmt.Sprint(m.heard) != fmt.Sprint(want) {
		t.Errorf("bytes of two steps are %v, want %v", m.heard, want)
	}
	tp.SetMeter(nil)
	step()
	if fmt.Sprint(m.heard) != fmt.Sprint(want) {
		t.Error("a meter that was taken off hears of ops")
	}
}
