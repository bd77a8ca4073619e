package bench

import (
	"fmt"
	"strings"
)

// Table judges every row of the goals: the floors of f32, bf16 and bf16x3 products,
// convolutions, the operations that memory bounds, unlearning steps, their
// memory, networks that measure, and two threads against one. A row that was not measured says why.
func (s *Set) Table() []Line {
	t := judge{s}
	var out []Line
	each := func(lines func(threads int) []Line) { // one thread and two of a row stand together
		var columns [][]Line
		for _, n := range s.threads() {
			columns = append(columns, lines(n))
		}
		for i := 0; len(columns) > 0 && i < len(columns[0]); i++ {
			for _, c := range columns {
				out = append(out, c[i])
			}
		}
	}
	libraries := []string{"mkl", "onednn", "openblas"}
	for _, wide := range [][]string{{"avx512", "avx512bf16", "amx"}, {"avx2"}} {
		each(func(n int) []Line {
			isa := strings.ToUpper(wide[0])
			return []Line{
				t.share("f32 GEMM, ViT-B and squares from 512, "+isa, n, "f32", wide, 90, isLarge),
				t.share("f32 GEMM, 256³ and 197 or 400 rows, "+isa, n, "f32", wide, 85, isSmall),
			}
		})
	}
	each(func(n int) []Line {
		return []Line{t.against("f32 GEMM, all of these shapes, best of MKL, oneDNN and OpenBLAS", n, "Gemm", "Gemm", "f32", libraries, 1, 0.97, isEither),
			t.against("f32 GEMM, second operand packed before, oneDNN likewise", n, "GemmPacked", "Gemm", "f32", []string{"onednn-packed"}, 1, 0.85, isEither)}
	})
	each(func(n int) []Line {
		return []Line{
			t.own("bf16", t.against("bf16 GEMM, f32 operands in, oneDNN from bf16 operands", n, "Gemm", "Gemm", "bf16", []string{"onednn"}, 1, 0.85, isEither)),
			t.own("bf16", t.against("bf16 GEMM, weights packed before, oneDNN likewise", n, "GemmPacked", "Gemm", "bf16", []string{"onednn-packed"}, 1, 0.85, isEither)),
			t.own("bf16x3", t.share("bf16x3 GEMM, shapes from 512", n, "bf16x3", nil, 160, isBig)),
		}
	})
	each(func(n int) []Line {
		var lines []Line
		for _, c := range []struct {
			op, name string
			floor    float64
		}{{"fwd", "forward", 1}, {"dgrad", "input gradient", 1.15}, {"wgrad", "weight gradient", 1.15}} {
			is := func(r *row) bool { return r.label["net"] == "unet" && r.label["op"] == c.op }
			lines = append(lines, t.against("f32 convolution of the U-Net, "+c.name, n, "Conv2D", "Conv2D", "f32", []string{"onednn"}, c.floor, 0, is))
		}
		unet := func(r *row) bool { return r.label["net"] == "unet" }
		return append(lines,
			t.own("bf16", t.against("bf16 convolution of the U-Net, all directions", n, "Conv2D", "Conv2D", "bf16", []string{"onednn"}, 0.9, 0, unet)),
			t.own("bf16x3", t.shareOf("bf16x3 convolution of the U-Net, all directions", n, "Conv2D", "bf16x3", nil, 160, unet)))
	})
	each(t.operations)
	each(t.steps)
	each(t.memory)
	each(t.networks)
	return append(out, t.scaling()...)
}

// operations judges what memory bounds.
func (t judge) operations(n int) (out []Line) {
	for _, op := range [][2]string{
		{"LayerNorm 1576×768, forward", "LayerNorm/prec=f32/op=fwd/r=1576/c=768"},
		{"LayerNorm 1576×768, gradient", "LayerNorm/prec=f32/op=grad/r=1576/c=768"},
		{"GELU 1576×3072, forward", "Gelu/prec=f32/op=fwd/n=4841472"},
		{"GELU 1576×3072, gradient", "Gelu/prec=f32/op=grad/n=4841472"},
		{"softmax 8×12×197×197, forward", "Softmax/prec=f32/op=fwd/r=18912/c=197"},
		{"softmax 8×12×197×197, gradient", "Softmax/prec=f32/op=grad/r=18912/c=197"},
		{"AdamW, 86 M parameters", "Adam/prec=f32/n=86000000"},
	} {
		out = append(out, t.operation(op[0], op[1], n))
	}
	return out
}

// steps judges unlearning steps.
func (t judge) steps(n int) (out []Line) {
	for _, m := range []struct {
		title, net, size string
		floors           []stepFloor
	}{
		{"ViT-B/16 step, 8 + 8 images", "mae_vit_base_patch16", "images=8+8",
			[]stepFloor{{"f32", "f32", 1.35}, {"bf16x3", "f32", 2}, {"bf16", "bf16", 2}, {"bf16", "f32", 3.5}}},
		{"Palette encoder step, 64×64, 4 images", "palette_inpainting_places2", "px=64/images=4",
			[]stepFloor{{"f32", "f32", 1.35}, {"bf16x3", "f32", 2}, {"bf16", "bf16", 1.5}}},
		{"mae_tiny step, 64 + 64 images", "mae_tiny", "images=64+64", []stepFloor{{"f32", "f32", 1.5}}},
	} {
		for _, f := range m.floors {
			what := func(prec string) string { return fmt.Sprintf("UnlearnStep/prec=%s/net=%s/%s", prec, m.net, m.size) }
			l := t.step(fmt.Sprintf("%s, %s against PyTorch %s", m.title, f.ours, autocast(f.theirs)), what(f.ours), what(f.theirs), n, f.floor)
			out = append(out, t.own(f.ours, l))
		}
	}
	return out
}

// networks judges the extraction of features, eight images at a time.
func (t judge) networks(n int) (out []Line) {
	const images = 8
	for _, net := range []struct {
		name string
		px   int
	}{{"ResNet-50", 224}, {"Inception-v3", 299}, {"CLIP-B-32", 224}} {
		what := fmt.Sprintf("Features/prec=f32/net=%s/px=%d/images=%d", net.name, net.px, images)
		out = append(out, t.features(fmt.Sprintf("features of %s, %d px, %d images", net.name, net.px, images), what, n, images))
	}
	return out
}

// stepFloor is how many times faster than PyTorch in one precision a step in
// another has to be.
type stepFloor struct {
	ours, theirs string
	floor        float64
}

func autocast(prec string) string {
	if prec == "bf16" {
		return "bf16 autocast"
	}
	return prec
}

// memory judges the peak of the ViT-B step against PyTorch's in f32, with
// whichever way of freeing memory needs less.
func (t judge) memory(n int) []Line {
	line := func(prec string, ceiling float64) Line {
		const what = "UnlearnStep/prec=%s/net=mae_vit_base_patch16/images=8+8"
		l := Line{What: "peak memory of the ViT-B step, " + prec, Threads: fmt.Sprint(n), Floor: fmt.Sprintf("≤ %g", ceiling)}
		const unit = "peak-MiB"
		ours, theirs := t.ours(fmt.Sprintf(what, prec), n), t.fastest(fmt.Sprintf(what, "f32"), n, unit, "torch", "torch-malloc")
		if why := t.absent(ours, theirs, unit, "PyTorch"); why != "" {
			l.Verdict = NotMeasured + why
			return l
		}
		ratio := ours.median(unit) / theirs.median(unit)
		l.Ours, l.Peer = fmt.Sprintf("%.0f MiB", ours.median(unit)), fmt.Sprintf("%.0f MiB (%s)", theirs.median(unit), theirs.who)
		l.Ratio, l.Verdict = fmt.Sprintf("%.2f", ratio), atMost(ratio, ceiling)
		return l
	}
	return []Line{line("f32", 0.85), t.own("bf16", line("bf16", 0.7))}
}

// scaling judges two threads against one.
func (t judge) scaling() (out []Line) {
	for _, c := range []struct {
		title string
		is    func(*row) bool
	}{
		{"f32 GEMM, all of these shapes", func(r *row) bool {
			return r.bench == "Gemm" && isEither(r) && t.ours(r.what, 1, instructionSets...) == r
		}},
		{"ViT-B/16 step, f32", func(r *row) bool {
			return strings.HasPrefix(r.what, "UnlearnStep/prec=f32/net=mae_vit_base_patch16/")
		}},
		{"Palette encoder step, f32", func(r *row) bool {
			return r.what == "UnlearnStep/prec=f32/net=palette_inpainting_places2/px=64/images=4"
		}},
		{"mae_tiny step, f32", func(r *row) bool { return r.what == "UnlearnStep/prec=f32/net=mae_tiny/images=64+64" }},
	} {
		out = append(out, t.twoOverOne(c.title, func(r *row) bool { return r.label["prec"] == "f32" && c.is(r) }))
	}
	return out
}

// isLarge says whether a product is one of ViT-B, or a square, that has to
// reach the higher share of the peak.
func isLarge(r *row) bool { return isEither(r) && !isSmall(r) }

// isSmall says whether a product has few rows.
func isSmall(r *row) bool {
	rows := r.number("m")
	return isEither(r) && (r.label["net"] == "square" && rows < 512 || r.label["net"] == "vit" && (rows == 197 || rows == 400))
}

// isEither says whether a product is one of ViT-B or a square: two of its sides
// are widths of that model, the third counts tokens.
func isEither(r *row) bool {
	if r.label["net"] == "square" {
		return true
	}
	widths := [2]int{r.number("n"), r.number("k")}
	if r.label["op"] == "wgrad" {
		widths[1] = r.number("m")
	}
	for _, w := range widths {
		if w != 768 && w != 2304 && w != 3072 {
			return false
		}
	}
	return r.label["net"] == "vit"
}

// isBig says whether each side of a product is at least 512.
func isBig(r *row) bool {
	return isEither(r) && min(r.number("m"), r.number("n"), r.number("k")) >= 512
}
