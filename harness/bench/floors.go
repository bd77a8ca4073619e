package bench

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
)

// Verdict is one promise and what became of it.
type Verdict struct {
	What    string
	Threads int
	Got     float64
	Floor   float64
	Unit    string // "%", "x"
	At      string // the shape that is worst, or what it is the mean of
	N       int    // fewest samples of a median in it
	Missing string // why it was not measured; "" if it was
}

// Word is "ok", "below" or "not measured".
func (v Verdict) Word() string {
	switch {
	case v.Missing != "":
		return "not measured: " + v.Missing
	case v.Got >= v.Floor:
		return "ok"
	}
	return "below"
}

// judge collects verdicts on rows.
type judge struct {
	*Rows
	out []Verdict
}

// Judge holds rows against every floor, for one and for two threads. amx says
// whether the machine multiplies bf16 tiles.
func (r *Rows) Judge(amx bool) []Verdict {
	j := &judge{Rows: r}
	for _, threads := range []int{1, 2} {
		j.gemm(threads)
		j.tiles(threads, amx)
		j.conv(threads)
		j.memory(threads)
		j.steps(threads)
	}
	j.scaling()
	return j.out
}

// shapes of the promise on products: ViT-B and squares.
func (j *judge) products() (large, small []string) {
	for _, w := range j.matching("Gemm/prec=f32/") {
		var op string
		var m, n, k int
		if _, err := fmt.Sscanf(strings.NewReplacer("/", " ", "=", " ").Replace(w), "Gemm prec f32 op %s m %d n %d k %d", &op, &m, &n, &k); err != nil {
			continue
		}
		switch {
		case m == n && m == k && m < 512, m == 197, m == 400:
			small = append(small, w)
		case min(m, n, k) >= 400:
			large = append(large, w)
		}
	}
	return large, small
}

var blas = []string{"mkl", "openblas", "onednn"}

func (j *judge) gemm(threads int) {
	large, small := j.products()
	for _, isa := range []string{"avx512", "avx2"} {
		j.worst(Verdict{What: "f32 GEMM, ViT-B and square >= 512, " + isa + ", of the FMA peak", Threads: threads, Floor: 90, Unit: "%"}, large,
			func(w string) (float64, int) { return j.median(w, isa, threads, "%peak") })
		j.worst(Verdict{What: "f32 GEMM, 256 cubed and 197 or 400 rows, " + isa + ", of the FMA peak", Threads: threads, Floor: 85, Unit: "%"}, small,
			func(w string) (float64, int) { return j.median(w, isa, threads, "%peak") })
	}
	all := append(slices.Clone(large), small...)
	j.against(Verdict{What: "f32 GEMM, of the best of MKL, oneDNN, OpenBLAS", Threads: threads, Unit: "x"}, all, "avx512", blas, "GFLOP/s", 0.97, 1)
}

// tiles are the promises on bf16.
func (j *judge) tiles(threads int, amx bool) {
	missing := ""
	if !amx {
		missing = "this processor multiplies no bf16 tiles (AMX)"
	}
	for _, row := range []struct {
		what  string
		floor float64
		unit  string
	}{
		{"bf16 GEMM, of oneDNN's", 1, "x"}, {"bf16 GEMM packed, of oneDNN's packed", 1, "x"}, {"bf16x3 GEMM >= 512, of the FMA peak", 160, "%"},
		{"bf16 convolution, of oneDNN's", 0.9, "x"}, {"bf16x3 convolution, of the FMA peak", 160, "%"},
	} {
		v := Verdict{What: row.what, Threads: threads, Floor: row.floor, Unit: row.unit, Missing: missing}
		if missing != "" {
			j.out = append(j.out, v)
			continue
		}
		switch prec := strings.Fields(row.what)[0]; {
		case strings.Contains(row.what, "convolution, of oneDNN"):
			j.geometric(v, j.matching("Conv2D/prec="+prec+"/"), func(w string) (float64, int) { return j.ratio(w, "amx", []string{"onednn"}, threads, "GFLOP/s") })
		case strings.Contains(row.what, "convolution"):
			j.worst(v, j.matching("Conv2D/prec="+prec+"/"), func(w string) (float64, int) { return j.median(w, "amx", threads, "%peak") })
		case strings.Contains(row.what, "packed"):
			j.geometric(v, j.matching("Gemm/prec="+prec+"/"), func(w string) (float64, int) {
				return j.ratio(w, "amx", []string{"onednn-packed"}, threads, "GFLOP/s")
			})
		case v.Unit == "x":
			j.geometric(v, j.matching("Gemm/prec="+prec+"/"), func(w string) (float64, int) { return j.ratio(w, "amx", []string{"onednn"}, threads, "GFLOP/s") })
		default:
			j.worst(v, j.matching("Gemm/prec="+prec+"/"), func(w string) (float64, int) { return j.median(w, "amx", threads, "%peak") })
		}
	}
}

func (j *judge) conv(threads int) {
	for _, c := range []struct {
		op    string
		floor float64
	}{{"fwd", 1}, {"dgrad", 1.15}, {"wgrad", 1.15}} {
		op, floor := c.op, c.floor
		j.geometric(Verdict{What: "f32 convolution " + op + ", of oneDNN's, geometric mean", Threads: threads, Floor: floor, Unit: "x"},
			j.matching("Conv2D/prec=f32/op="+op+"/"), func(w string) (float64, int) { return j.ratio(w, "avx512", []string{"onednn"}, threads, "GFLOP/s") })
	}
}

func (j *judge) memory(threads int) {
	for _, op := range []string{"layernorm", "layernorm.grad", "gelu", "gelu.grad", "softmax", "adamw"} {
		what := j.matching("MemoryBound/prec=f32/op=" + op + "/")
		j.worst(Verdict{What: op + ", of PyTorch's speed", Threads: threads, Floor: 1, Unit: "x"}, what,
			func(w string) (float64, int) {
				v, n := j.ratio(w, "avx512", []string{"torch"}, threads, "sec/op")
				return 1 / v, n
			})
		j.worst(Verdict{What: op + ", of the triad's bandwidth", Threads: threads, Floor: 90, Unit: "%"}, what,
			func(w string) (float64, int) { return j.median(w, "avx512", threads, "%triad") })
	}
}

// steps of unlearning against PyTorch: seconds, and the peak of memory.
func (j *judge) steps(threads int) {
	for _, s := range []struct {
		net, title string
		floor      float64
	}{
		{"mae_vit_base_patch16", "ViT-B/16 step, 8+8 images", 1.35}, {"palette", "Palette encoder step, 64 pixels, 4 images", 1.35}, {"mae_tiny", "mae_tiny step, 64 images", 1.5},
	} {
		what := j.matching("Step/net="+s.net, "/prec=f32/")
		j.worst(Verdict{What: s.title + ", f32, of PyTorch's speed", Threads: threads, Floor: s.floor, Unit: "x"}, what,
			func(w string) (float64, int) {
				v, n := j.ratio(w, "avx512", []string{"torch"}, threads, "sec/op")
				return 1 / v, n
			})
		if s.net != "mae_vit_base_patch16" {
			continue
		}
		j.worst(Verdict{What: "ViT-B/16 step, f32, PyTorch's peak memory over 0.85 of ours", Threads: threads, Floor: 1 / 0.85, Unit: "x"}, what,
			func(w string) (float64, int) {
				v, n := j.ratio(w, "avx512", []string{"torch"}, threads, "peak-MiB")
				return 1 / v, n
			})
	}
}

// scaling is two threads over one.
func (j *judge) scaling() {
	large, _ := j.products()
	of := func(unit string, inverse bool) func(w string) (float64, int) {
		return func(w string) (float64, int) {
			one, n1 := j.median(w, "avx512", 1, unit)
			two, n2 := j.median(w, "avx512", 2, unit)
			if inverse {
				one, two = two, one
			}
			return two / one, min(n1, n2)
		}
	}
	j.geometric(Verdict{What: "GEMM, two threads over one, geometric mean", Threads: 2, Floor: 1.9, Unit: "x"}, large, of("GFLOP/s", false))
	for _, w := range j.matching("Step/", "/prec=f32/") {
		j.worst(Verdict{What: strings.Split(w, "/")[1] + " step, two threads over one", Threads: 2, Floor: 1.9, Unit: "x"}, []string{w}, of("sec/op", true))
	}
}

// ratio is ours over the best of the peers' medians; "best" is the most of a
// rate, the least of everything else.
func (j *judge) ratio(what, ours string, peers []string, threads int, unit string) (float64, int) {
	mine, n := j.median(what, ours, threads, unit)
	best, found := 0.0, 0
	for _, p := range peers {
		v, m := j.median(what, p, threads, unit)
		if m == 0 {
			continue
		}
		if found == 0 || (v > best) == (unit == "GFLOP/s") {
			best = v
		}
		found, n = found+1, min(n, m)
	}
	if found == 0 || n == 0 {
		return 0, 0
	}
	return mine / best, n
}

// worst judges the least of the values; names without one are left out.
func (j *judge) worst(v Verdict, what []string, value func(string) (float64, int)) {
	for _, w := range what {
		got, n := value(w)
		if n == 0 {
			continue
		}
		if v.N == 0 || got < v.Got {
			v.Got, v.At = got, w
		}
		v.N = least(v.N, n)
	}
	j.close(v)
}

// geometric judges the geometric mean.
func (j *judge) geometric(v Verdict, what []string, value func(string) (float64, int)) {
	sum, count := 0.0, 0
	for _, w := range what {
		if got, n := value(w); n > 0 {
			sum, count, v.N = sum+math.Log(got), count+1, least(v.N, n)
		}
	}
	if count > 0 {
		v.Got, v.At = math.Exp(sum/float64(count)), fmt.Sprintf("mean of %d", count)
	}
	j.close(v)
}

// against judges both the worst ratio and the geometric mean.
func (j *judge) against(v Verdict, what []string, ours string, peers []string, unit string, each, mean float64) {
	value := func(w string) (float64, int) { return j.ratio(w, ours, peers, v.Threads, unit) }
	worst, all := v, v
	worst.What, worst.Floor = v.What+", each shape", each
	all.What, all.Floor = v.What+", geometric mean", mean
	j.worst(worst, what, value)
	j.geometric(all, what, value)
}

func (j *judge) close(v Verdict) {
	if v.N == 0 {
		v.Missing = "no rows of both sides"
	}
	j.out = append(j.out, v)
}

// least is the smaller count, 0 standing for none yet.
func least(a, b int) int {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// Write prints verdicts as a Markdown table.
func Write(w io.Writer, verdicts []Verdict) error {
	t := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	fmt.Fprintln(t, "| what\t| threads\t| got\t| at least\t| verdict\t| worst at\t| samples\t|")
	fmt.Fprintln(t, "| ---\t| ---:\t| ---:\t| ---:\t| ---\t| ---\t| ---:\t|")
	for _, v := range verdicts {
		got := "-"
		if v.Missing == "" {
			got = fmt.Sprintf("%.4g %s", v.Got, v.Unit)
		}
		fmt.Fprintf(t, "| %s\t| %d\t| %s\t| %.4g %s\t| %s\t| %s\t| %d\t|\n", v.What, v.Threads, got, v.Floor, v.Unit, v.Word(), v.At, v.N)
	}
	return t.Flush()
}
