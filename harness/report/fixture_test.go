package report

import (
	"fmt"
	"math"
	"math/rand/v2"

	"lethe/harness/metric"
	"lethe/harness/stage"
)

// fixture is a page with every part filled as a real run fills it. Its numbers
// are invented for the layout; nothing outside the tests may show them.
func fixture() Page {
	rng := rand.New(rand.NewPCG(1, 2))
	p := Page{
		Kicker: "lethe unlearn", Title: "ours on mae_tiny, forgetting 3 of 10 classes", When: "2026-03-14 15:09 UTC",
		Warnings: []string{"2 images of the forget set are greyscale and were read as RGB.", "held-out shares no file with retain or forget, but 1 near-duplicate was not looked for."},
		Command:  "lethe unlearn --model mae_tiny --checkpoint tiny.safetensors \\\n  --retain world:retain --forget world:forget --alpha 0.25 --seed 7 --out runs/ours",
		Notes:    []string{"Numbers are of this run and this machine. A reconstruction that got worse is no proof that the images are gone from the weights."},
	}
	p.Asked = fixtureSettings()
	p.Data = []Group{
		{Retain, 3500, []string{"house", "tree", "boat", "sun", "cup", "fish", "brick wall"}, "world:seed=1,split=train", "9f2c1a7be0d34455"},
		{Forget, 1500, []string{"striped ball", "mushroom", "star"}, "world:seed=1,split=train", "01c3fe99a2b76d10"},
		{HeldOut, 600, []string{"all ten classes"}, "world:seed=2,split=test", "77aa0e31c4f5982b"},
	}
	for i, mask := range fixtureMasks {
		p.Pictures = append(p.Pictures, Panel{
			Mask: mask, Note: []string{"16 of 64 patches seen", "48 of 64 patches seen", "0 of 64"}[i],
			Grids: []Grid{fixtureGrid(rng, Retain, i), fixtureGrid(rng, Forget, i)},
		})
	}
	p.Curves = fixtureCurves(rng, 600)
	p.Metrics = fixtureMetrics()
	p.Verdict = Judge(p.Metrics, fixtureMasks[0], Goals{Forget: 2, Retain: 1.1})
	p.Stages, p.Totals = fixtureStages()
	p.Ops = map[string][]stage.Op{
		stage.Backward:       {{Name: "MatMulGrad", Seconds: 15.1, Calls: 14400}, {Name: "SoftmaxGrad", Seconds: 4.2, Calls: 4800}, {Name: "LayerNormGrad", Seconds: 2.9, Calls: 9600}},
		stage.StudentForward: {{Name: "MatMul", Seconds: 8.3, Calls: 14400}, {Name: "Softmax", Seconds: 2.2, Calls: 4800}},
	}
	p.Sets = []StudyTable{{Title: "random:0.75", Note: "Completions against the true images.", Columns: []string{"completions", "FD(ResNet-56)", "IS(ResNet-56)"}, Rows: []StudyRow{
		{Name: "forget, original, n = 60", Cells: []StudyCell{{Mean: 15.55, N: 1, Digits: 2}, {Mean: 2.891, SD: 0.466, N: 2, Digits: 3}}},
		{Name: "forget, unlearned, n = 60", Cells: []StudyCell{{Mean: 17.53, N: 1, Digits: 2}, {Mean: 3.059, SD: 0.517, N: 2, Digits: 3}}},
	}}}
	p.Scatters, p.Trades, p.Audits = []Scatter{fixtureScatter(rng)}, []TradeOff{fixtureTradeOff()}, fixtureAudits()
	p.Machine = []Setting{{"CPU", "Example 9000 @ 3.1 GHz", ""}, {"ISA", "avx512", ""}, {"Threads", "2", ""}, {"Go", "go1.26.8", ""}, {"Commit", "7e91e61", ""}}
	return p
}

var fixtureMasks = []string{"random 75 %", "centre 4×4", "centre 8×8"}

func fixtureSettings() []Setting {
	return []Setting{
		{"method", "ours", "Eq. 10"}, {"model", "mae_tiny", ""}, {"checkpoint", "tiny.safetensors", "sha256 4be2…91"},
		{"alpha", "0.25", ""}, {"noise", "N(0, I)", "normalised input space"}, {"loss norm", "mse", ""}, {"steps", "600", ""},
		{"batch", "32 retain + 32 forget", ""}, {"mask ratio", "0.75", ""}, {"lr", "1e-4", ""}, {"schedule", "cosine, 30 warm-up", ""},
		{"betas", "0.9, 0.95", ""}, {"weight decay", "0", "keeps the original's behaviour"}, {"clip", "3.0", ""}, {"seed", "7", ""},
		{"threads", "2", ""}, {"augment", "none", ""}, {"evaluation images", "200 each", ""}, {"output", "runs/ours", ""},
	}
}

// fixtureGrid draws discs and stripes, and blurs or noises them in the holes.
func fixtureGrid(rng *rand.Rand, set Set, mask int) Grid {
	labels := map[Set][]string{Retain: {"house", "tree", "boat", "brick wall"}, Forget: {"striped ball", "mushroom", "star", "star"}}[set]
	g := Grid{Set: set, Columns: []string{"input", "masked", "before", "after", "original"}}
	for r, label := range labels {
		truth := fixturePicture(r, set)
		removed := fixtureHoles(rng, mask)
		masked := fill(truth, removed, func(int, uint8) uint8 { return 128 })
		before := fill(truth, removed, func(_ int, v uint8) uint8 { return v/16*14 + 14 })
		after := before
		if set == Forget {
			after = fill(truth, removed, func(int, uint8) uint8 { return uint8(110 + rng.IntN(40)) })
		}
		g.Rows = append(g.Rows, GridRow{label, []Picture{truth, masked, before, after, truth}})
	}
	return g
}

func fixturePicture(kind int, set Set) Picture {
	p := Picture{W: 32, H: 32, Pix: make([]uint8, 32*32*3)}
	for i := range p.Pix {
		x, y, c := float64(i/3%32), float64(i/3/32), float64(i%3)
		v := 190 - 3*y + 12*c
		inside := math.Hypot(x-16, y-17) < 10
		if set == Retain {
			inside = math.Abs(x-16)+math.Abs(y-18) < 12
		}
		if inside {
			v = 60 + 50*math.Mod(c+float64(kind), 3) + 35*math.Sin(x*float64(kind+1)/3)
		}
		p.Pix[i] = uint8(max(0, min(255, v)))
	}
	return p
}

func fixtureHoles(rng *rand.Rand, mask int) [64]bool {
	var holes [64]bool
	switch mask {
	case 0:
		for _, i := range rng.Perm(64)[:48] {
			holes[i] = true
		}
	default:
		for i := range holes {
			lo := 2
			if mask == 2 {
				lo = 0
			}
			holes[i] = i%8 >= lo && i%8 < 8-lo && i/8 >= lo && i/8 < 8-lo
		}
	}
	return holes
}

func fill(p Picture, holes [64]bool, with func(i int, v uint8) uint8) Picture {
	out := Picture{W: p.W, H: p.H, Pix: append([]uint8(nil), p.Pix...)}
	for i, v := range p.Pix {
		if x, y := i/3%32, i/3/32; holes[y/4*8+x/4] {
			out.Pix[i] = with(i, v)
		}
	}
	return out
}

func fixtureCurves(rng *rand.Rand, n int) []Chart {
	x, retain, forget, norm, lr := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range n {
		t := float64(i) / float64(n)
		x[i] = float64(i)
		retain[i] = 0.02*math.Exp(-3*t)*(1-math.Exp(-20*t))*math.Exp(0.25*rng.NormFloat64()) + 0.001*t
		forget[i] = (0.9*math.Exp(-4*t) + 0.05) * math.Exp(0.12*rng.NormFloat64())
		norm[i] = (3*math.Exp(-5*t) + 0.4) * math.Exp(0.2*rng.NormFloat64())
		lr[i] = 1e-4 * min(float64(i+1)/30, (1+math.Cos(math.Pi*t))/2)
	}
	for _, y := range [][]float64{retain, forget, norm, lr} {
		for i := range y {
			y[i] = round(y[i], 4) // what math.Exp gives in its last bits depends on the CPU
		}
	}
	retain[0] = 0 // as it is at step 0: both encoders are equal
	return []Chart{
		{Title: "Loss", Log: true, Wide: true, Smooth: true, Series: []Series{{Name: "retain", Set: Retain, X: x, Y: retain}, {Name: "forget", Set: Forget, X: x, Y: forget}}},
		{Title: "Gradient norm", Smooth: true, Series: []Series{{Name: "norm", X: x, Y: norm}}},
		{Title: "Learning rate", Series: []Series{{Name: "lr", X: x, Y: lr}}},
	}
}

func fixtureMetrics() Metrics {
	m := Metrics{Measures: Measures()}
	base := map[string][2]float64{"random 75 %": {0.1812, 3.14}, "centre 4×4": {0.2210, 2.62}, "centre 8×8": {0.9030, 1.31}}
	for _, mask := range fixtureMasks {
		for i, set := range []Set{Retain, Forget, HeldOut} {
			b := base[mask]
			r := []float64{1.04, b[1], 1.07}[i]
			at := func(v, spread float64) metric.Summary {
				return metric.Summary{N: 200, Mean: v, Lo: v - spread, Hi: v + spread}
			}
			m.Rows = append(m.Rows, Row{Mask: mask, Set: set, N: 200, Cells: []Cell{
				{Before: at(b[0], 0.0061), After: at(b[0]*r, 0.0073*r), Change: Change{r, r * 0.96, r * 1.05, true}},
				{Before: at(22.41, 0.21), After: at(22.41-3.1*(r-1), 0.24)},
				{Before: at(0.7931, 0.011), After: at(0.7931-0.12*(r-1), 0.013)},
				{After: at(0.08*r*r, 0.002)},
				{After: at(0.11*r, 0.003)},
			}})
		}
	}
	return m
}

func fixtureStages() ([]stage.Stage, stage.Totals) {
	peak := stage.Peak{GFLOPPerSecond: 241.3, Threads: 2, ISA: "avx512"}
	total := stage.Totals{Seconds: 61.8, Untimed: 1.12, PeakRSSBytes: 512 << 20, Peak: peak}
	var stages []stage.Stage
	add := func(name string, seconds float64, calls int64, gflop float64) {
		rate := gflop / seconds
		total.GFLOPs += gflop
		stages = append(stages, stage.Stage{Name: name, Seconds: seconds, Calls: calls, GFLOPs: gflop, GFLOPPerSecond: rate,
			PercentPeak: 100 * rate / peak.GFLOPPerSecond, PercentTime: 100 * seconds / total.Seconds, RSSBytes: int64(200+10*calls%300) << 20})
	}
	add(stage.Decode, 0.82, 1, 0)
	add(stage.Batch, 0.61, 600, 0)
	add(stage.StudentForward, 12.4, 600, 1660)
	add(stage.OriginalForward, 11.9, 600, 1652)
	add(stage.Loss, 0.07, 600, 0)
	add(stage.Backward, 24.2, 600, 3310)
	add(stage.Optimizer, 1.3, 600, 0)
	add(stage.Checkpoint, 0.18, 3, 0)
	add(stage.Evaluation, 9.2, 18, 1204)
	return stages, total
}

func ExampleTimes() {
	fmt.Println(Times(1.04), Times(31.24), Times(412.3), Times(4.1e6))
	// Output: 1.04× 31.2× 412× 4.1·10⁶×
}

func fixtureScatter(rng *rand.Rand) Scatter {
	s := Scatter{Title: "t-SNE of the embeddings", Note: "Exact t-SNE, perplexity 20."}
	for i, c := range []Cloud{
		{Name: "retain, original", Set: Retain, Hollow: true}, {Name: "retain, unlearned", Set: Retain},
		{Name: "forget, original", Set: Forget, Hollow: true}, {Name: "forget, unlearned", Set: Forget},
	} {
		at := []Point{{-20, 5}, {-18, 4}, {15, -10}, {18, 22}}[i]
		for range 50 {
			c.Points = append(c.Points, Point{round(at.X+9*rng.NormFloat64(), 4), round(at.Y+7*rng.NormFloat64(), 4)})
		}
		s.Clouds = append(s.Clouds, c)
	}
	return s
}

func fixtureTradeOff() TradeOff {
	return TradeOff{
		Title: "Retain against forget error", Note: "Labels are alpha.", XName: "retain hole MSE, normalized pixels", YName: "forget hole MSE, normalized pixels",
		Lines: []TradeLine{
			{"ours", []TradePoint{{"0.05", 0.181, 0.31}, {"0.1", 0.183, 0.42}, {"0.25", 0.188, 0.57}, {"1", 0.214, 0.66}}},
			{"max-loss", []TradePoint{{"0.05", 0.19, 0.24}, {"0.1", 0.22, 0.35}, {"0.25", 0.27, 0.44}, {"1", 0.31, 0.62}}},
			{"noisy-label", []TradePoint{{"0.1", 0.2, 0.3}, {"0.25", 0.235, 0.45}, {"1", 0.28, 0.52}}},
		},
		Marks: []TradeMark{{"original", 0.18, 0.181}, {"oracle", 0.184, 0.4}},
	}
}

func fixtureAudits() []Audit {
	return []Audit{
		{Name: "Output shift, forget", Definition: "Mean squared difference in the holes.", Value: "0.4711", Interval: "95 % interval 0.45 to 0.49"},
		{Name: "Membership", Definition: "AUC of the hole error, forget against held-out.", Value: "0.52", Interval: "95 % interval 0.49 to 0.55", Verdict: "as the oracle's, 0.51", Outcome: Passed},
		{Name: "Relearning", Definition: "Steps until the forget error is the original's.", Value: "12", Verdict: "the oracle takes 80", Outcome: Failed, Warnings: []string{"One seed."}},
	}
}

func fixtureStudy() StudyPage {
	cell := func(v float64, bold bool) StudyCell {
		return StudyCell{Mean: v, SD: v / 20, N: 3, Digits: 3, Bold: bold}
	}
	return StudyPage{
		Kicker: "lethe study", Title: "Four methods, three seeds", Lead: "Ours forgets most for the least retain error.", When: "2026-03-14",
		Warnings: []string{"Two runs of max-loss were stopped."}, Settings: fixtureSettings(),
		Tables: []StudyTable{{
			Title: "Errors", Note: "Hole MSE in normalized pixels: mean and standard deviation of 3 seeds.", Columns: []string{"Method", "Retain", "Forget"},
			Rows: []StudyRow{
				{"original", []StudyCell{{Mean: 0.18, N: 1, Digits: 3}, {Mean: 0.181, N: 1, Digits: 3}}},
				{"ours", []StudyCell{cell(0.188, true), cell(0.57, true)}}, {"max-loss", []StudyCell{cell(0.27, false), {}}},
			},
		}},
		Trades: []TradeOff{fixtureTradeOff()}, Scatters: []Scatter{fixtureScatter(rand.New(rand.NewPCG(3, 4)))},
		Curves: fixtureCurves(rand.New(rand.NewPCG(5, 6)), 100), Command: "lethe study --config study.yaml", Notes: []string{"Invented for the layout."},
	}
}
