package main

import (
	"fmt"

	"lethe/autodiff"
	"lethe/harness/report"
	"lethe/kernels"
)

// PrecisionFlag is for every command that computes with a model.
type PrecisionFlag struct {
	Precision   string `help:"Arithmetic of matrix products and convolutions. f32: as the operands are. bf16: operands rounded to bfloat16 (8 significant bits), the fastest where the processor multiplies such numbers; relative errors about 4e-3. bf16x3: each operand as the sum of two bfloat16 numbers, three products in place of one; errors near f32's. Weights, sums, norms, softmax, losses and the optimizer are float32 in every mode. What a mode runs on here is printed and recorded; lethe isa --paths lists it." enum:"f32,bf16,bf16x3" default:"f32"`
	Convolution string `help:"How convolutions of 3x3 with stride 1 are computed where no tiles (AMX) are faster. auto: by Winograd's algorithm where that is faster, a quarter of the products at about twice the rounding error of f32. direct: all products. Other convolutions are direct." enum:"auto,direct" default:"auto"`
}

// algorithm is the flag as the kernels know it; left open it is direct, which
// others are held against.
func (f PrecisionFlag) algorithm() kernels.ConvAlgorithm {
	if f.Convolution == "auto" {
		return kernels.ConvWinograd
	}
	return kernels.ConvDirect
}

// value is the flag as the kernels know it; left open it is f32.
func (f PrecisionFlag) value() (kernels.Precision, error) {
	if f.Precision == "" {
		return kernels.F32, nil
	}
	for _, p := range kernels.Precisions() {
		if p.String() == f.Precision {
			return p, nil
		}
	}
	return 0, usage("--precision %s: want one of %v", f.Precision, kernels.Precisions())
}

// arithmetic is how a process computes products: what was asked, and on what
// instructions that runs. It stands in every result.
type arithmetic struct {
	Precision string `json:"precision"`
	Path      string `json:"precision_path"`
}

// String is "precision bf16: amx bf16".
func (a arithmetic) String() string { return fmt.Sprintf("precision %s: %s", a.Precision, a.Path) }

// arithmeticOf says what this process makes of a precision.
func arithmeticOf(p kernels.Precision) arithmetic { return arithmetic{p.String(), p.Path()} }

// arithmetic is that of the session's tapes.
func (s *session) arithmetic() arithmetic { return arithmeticOf(s.precision) }

// newTape makes a tape of the session's precision, whose ops the session hears
// of where that was asked for; or takes the one that a study has for all its cells,
// since the memory of a tape is never given back.
func (s *session) newTape() *autodiff.Tape {
	tp := s.tape
	if tp == nil {
		tp = autodiff.NewTape()
	}
	tp.Reset()
	tp.SetPrecision(s.precision)
	tp.SetConvAlgorithm(s.convolution)
	if s.ops != nil {
		tp.SetMeter(s.ops)
	}
	return tp
}

// settings of an arithmetic, for the report.
func (a arithmetic) settings() []report.Setting {
	return []report.Setting{{Name: "precision", Value: a.Precision}, {Name: "products on", Value: a.Path}}
}
