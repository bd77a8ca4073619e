package autodiff

// Meter hears of the work that the kernels do for each op of a tape. It is how
// somebody who has a clock, or labels for a profile, attributes time to ops;
// this package has neither.
//
// The name of a forward pass is the op's in lower case, as "layernorm"
// ("attention" for both orders of channels). Its gradient is "layernorm.grad", or
// one name for each of its parts where those are separate kernels: "linear.dx",
// "linear.dw", "linear.db". Ops that stand for several are heard of by their products: LinearAdd
// as "linear", MLP as "mlp" for the hidden layer with its GELU, "mlp.dhidden" for its gradient, and
// "linear" for the rest. An output that a scope dropped is computed anew as
// "layernorm.again". Views and sums of scalars are not heard of. Calls do not
// nest, and all come from the goroutine that uses the tape.
type Meter interface {
	// Begin is called before the kernels of an op.
	Begin(op string)
	// End is called after them, with the floating-point operations that
	// Tape.FLOPs counts of them, and the bytes of all operands and results,
	// each once: what has to pass through memory where nothing of it is cached.
	End(flops, bytes float64)
}

// SetMeter makes m hear of every op from now on; nil: nobody, as on a new tape.
// Without a meter an op pays for two comparisons.
func (tp *Tape) SetMeter(m Meter) { tp.meter = m }

// begin tells the meter of an op.
func (tp *Tape) begin(op string) {
	if tp.meter != nil {
		tp.counted = tp.flops
		tp.meter.Begin(op)
	}
}

// end tells the meter that so many elements were read or written since begin.
func (tp *Tape) end(elements int) {
	if tp.meter != nil {
		tp.meter.End(tp.flops-tp.counted, 4*float64(elements))
	}
}

// written is the traffic of n elements of a result: they are read too when it is
// added to.
func written(n int, add bool) int {
	if add {
		return 2 * n
	}
	return n
}
