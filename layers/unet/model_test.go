package unet

import (
	"math"
	"slices"
	"strings"
	"testing"

	"lethe/autodiff"
	"lethe/layers"
)

// small is a model that tests can afford.
func small() Config {
	return Config{
		NetConfig{InChannel: 5, OutChannel: 2, InnerChannel: 16, ChannelMults: []float64{2, 4}, AttnRes: []int{2},
			NumHeads: 1, NumHeadChannels: 16, ResBlocks: 1, ImageSize: 8},
		ScheduleConfig{"linear", 10, 1e-4, 0.3},
	}
}

func drawn(t testing.TB, c Config, seed uint64) *Model {
	t.Helper()
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	m.Init(seed)
	for i, p := range m.Params() { // what starts as 0 would hide mistakes
		if !p.Fixed {
			for j := range p.Value.Data {
				if p.Value.Data[j] == 0 {
					p.Value.Data[j] = 0.05 * float32(math.Sin(float64(i*131+j*17)))
				}
			}
		}
	}
	return m
}

func wave(n int, phase float64) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(math.Sin(phase + 0.7*float64(i)))
	}
	return out
}

// TestCounts: parameters and tensors of the published model.
// Source: the project's specification, section 7.3.
func TestCounts(t *testing.T) {
	c, err := Preset("palette_inpainting_places2")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, s := range c.Shapes() {
		name, ok := strings.CutPrefix(s.Name, netPrefix)
		if !ok {
			count["buffers"]++
			continue
		}
		part, _, _ := strings.Cut(name, ".")
		if part == "out" {
			part = "output_blocks"
		}
		count[part] += s.Len()
		count["total"] += s.Len()
		count["tensors"]++
		if isEncoder(s.Name) {
			count["encoder tensors"]++
		}
	}
	for name, want := range map[string]int{
		"cond_embed": 82432, "input_blocks": 13940672, "middle_block": 11021312, "output_blocks": 37596931,
		"total": 62641347, "tensors": 326, "encoder tensors": 148, "buffers": 6,
	} {
		if count[name] != want {
			t.Errorf("%s: %d, want %d", name, count[name], want)
		}
	}
	// Feature elements of an image: every map's pixels times channels.
	size, elements := c.UNet.ImageSize, 0
	maps := 1
	for _, b := range c.UNet.plan().input {
		if b[0].resample == halve {
			size /= 2
		}
		elements += size * size * b[len(b)-1].out
		maps++
	}
	elements += size * size * c.UNet.plan().middle[2].out
	if maps != 13 || elements != 22282240 {
		t.Errorf("%d maps of %d elements, want 13 of 22282240", maps, elements)
	}
}

func TestSchedule(t *testing.T) {
	c, _ := Preset("palette_inpainting_places2")
	set := layers.Allocate(scheduleSpecs(c.Schedule.NTimestep))
	fillSchedule(set, c.Schedule)
	g := set.Tensor(keyGammas).Data
	for _, row := range []struct {
		t    int
		want float64
	}{{0, .999999}, {1000, .0813746}, {1999, 4.386e-5}} {
		if got := float64(g[row.t]); !(math.Abs(got-row.want) <= 2e-3*row.want) {
			t.Errorf("gamma %d is %g, want %g", row.t, got, row.want)
		}
	}
	if v := set.Tensor(keyPosteriorLogVar).Data[0]; float64(v) != float64(float32(math.Log(1e-20))) {
		t.Errorf("the first log variance is %g", v)
	}
}

func TestShapesOfMaps(t *testing.T) {
	m := drawn(t, small(), 1)
	tp := autodiff.NewTape()
	e := m.Encode(tp, autodiff.FromSlice(wave(2*8*8*5, 0), 2, 8, 8, 5), []float32{0.9, 0.2})
	want := [][]int{{2, 8, 8, 32}, {2, 8, 8, 32}, {2, 4, 4, 32}, {2, 4, 4, 64}, {2, 4, 4, 64}}
	if len(e.Maps) != len(want) {
		t.Fatalf("%d maps, want %d", len(e.Maps), len(want))
	}
	for i, x := range e.Maps {
		if !slices.Equal(x.Shape(), want[i]) {
			t.Errorf("map %d is %v, want %v", i, x.Shape(), want[i])
		}
	}
	if out := m.Decode(tp, e); !slices.Equal(out.Shape(), []int{2, 8, 8, 2}) {
		t.Errorf("the prediction is %v", out.Shape())
	}
}

// TestUntie: the up path of an untied model does not follow cond_embed.
func TestUntie(t *testing.T) {
	run := func(m *Model) []float32 {
		tp := autodiff.NewTape()
		e := m.Encode(tp, autodiff.FromSlice(wave(8*8*5, 0), 1, 8, 8, 5), []float32{0.5})
		return slices.Clone(m.Decode(tp, e).Data)
	}
	m := drawn(t, small(), 1)
	tied := run(m)
	params := len(m.Params())
	m.Untie()
	if m.UpDiffers() || len(m.Params()) != params+4 || !slices.Equal(run(m), tied) {
		t.Error("a fresh copy changes the model")
	}
	for _, p := range m.Params()[params:] {
		if !p.Fixed || !strings.HasPrefix(p.Name, UpEmbed+".") {
			t.Errorf("%s: fixed is %v", p.Name, p.Fixed)
		}
	}
	m.set.Tensor(condEmbed + ".2.bias").Data[3] += 1
	untied := run(m)
	if !m.UpDiffers() {
		t.Error("the difference is not seen")
	}
	m.Tie()
	if slices.Equal(run(m), untied) {
		t.Error("the up path does not read its own copy")
	}
}

func TestLoad(t *testing.T) {
	m := drawn(t, small(), 1)
	m.Untie()
	m.up.Params()[0].Value.Data[0] = 7
	var src []layers.Named
	for _, p := range m.Params() {
		src = append(src, layers.Named{Name: p.Name, Shape: p.Shape, Data: slices.Clone(p.Export())})
	}
	teacher := layers.Named{Name: teacherPrefix + "out.0.weight", Shape: []int{1}, Data: []float32{1}}
	same := func(a, b *Model) bool {
		return slices.EqualFunc(a.Params(), b.Params(), func(p, q *layers.Param) bool { return slices.Equal(p.Value.Data, q.Value.Data) })
	}
	to := drawn(t, small(), 2)
	if err := to.Load(append(src, teacher)); err != nil || !same(m, to) || !to.UpDiffers() {
		t.Errorf("an untied checkpoint with a teacher: %v", err)
	}
	bare := slices.DeleteFunc(slices.Clone(src), func(n layers.Named) bool {
		return slices.Contains(scheduleKeys(), n.Name) || strings.HasPrefix(n.Name, UpEmbed)
	})
	before := slices.Clone(to.Gammas())
	if err := to.Load(bare); err != nil || to.UpDiffers() || !slices.Equal(to.Gammas(), before) {
		t.Errorf("a checkpoint without schedule and copy: %v", err)
	}
	to = drawn(t, small(), 3)
	old := slices.Clone(to.Params()[20].Value.Data)
	err := to.Load(src[1:])
	if err == nil || !strings.Contains(err.Error(), "1 of 68 keys missing (gammas)") && !strings.Contains(err.Error(), "keys missing (gammas)") {
		t.Errorf("a schedule without gammas: %v", err)
	}
	if !slices.Equal(old, to.Params()[20].Value.Data) || to.up != nil {
		t.Error("a refused checkpoint changed the model")
	}
	c, _ := Preset("palette_tiny")
	tiny, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := tiny.Load(src); err == nil || !strings.Contains(err.Error(), "of no preset's size (32 channels first)") {
		t.Errorf("another size: %v", err)
	}
	shapes := map[string][]int{}
	for _, s := range c.Shapes() {
		shapes[s.Name] = s.Shape
	}
	if id := Identify(shapes); id.Preset != "palette_tiny" {
		t.Errorf("identified as %s", id)
	}
}

func TestValidate(t *testing.T) {
	for want, edit := range map[string]func(*Config){
		"image_size 9 cannot be halved": func(c *Config) { c.UNet.ImageSize = 9 },
		"want a multiple of 32":         func(c *Config) { c.UNet.InnerChannel = 10 },
		"do not divide":                 func(c *Config) { c.UNet.NumHeadChannels = 24 },
		"in_channel is 2":               func(c *Config) { c.UNet.InChannel = 2 },
		"res_blocks is 0":               func(c *Config) { c.UNet.ResBlocks = 0 },
		`schedule is "cosine"`:          func(c *Config) { c.Schedule.Schedule = "cosine" },
		"linear_end is 2":               func(c *Config) { c.Schedule.LinearEnd = 2 },
		"levels in channel_mults is 0":  func(c *Config) { c.UNet.ChannelMults = nil },
		"a model of":                    func(c *Config) { c.UNet.ChannelMults = []float64{1e5, 2e5} },
	} {
		c := small()
		edit(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

// TestSamplers: known pixels come out exactly, a hole is filled, and both
// samplers of as many steps as there are agree on the last step's image where no
// noise is drawn.
func TestSamplers(t *testing.T) {
	m := drawn(t, small(), 1)
	pixels := 2 * 8 * 8
	h := Hole{N: 2, H: 8, W: 8, Truth: wave(pixels*2, 1), Cond: wave(pixels*3, 2), Start: wave(pixels*2, 3), Mask: make([]float32, pixels)}
	for p := 20; p < 60; p++ {
		h.Mask[p] = 1
	}
	asked := 0
	none := func(ts int, dst []float32) { asked++; clear(dst) }
	full := m.Sample(autodiff.NewTape(), h, none)
	few := m.SampleStrided(autodiff.NewTape(), h, 3)
	if asked != 9 {
		t.Errorf("noise was asked for %d times, want 9", asked)
	}
	for name, y := range map[string][]float32{"all steps": full, "three steps": few} {
		for i, v := range y {
			if known := h.Mask[i/2] == 0; known != (v == h.Truth[i]) {
				t.Fatalf("%s: element %d is %g, the truth %g, known: %v", name, i, v, h.Truth[i], known)
			}
			if !(math.Abs(float64(v)) <= 1+1e-6) {
				t.Fatalf("%s: element %d is %g", name, i, v)
			}
		}
	}
	if !slices.Equal(few, m.SampleStrided(autodiff.NewTape(), h, 3)) {
		t.Error("a second run differs")
	}
}

// TestStridedFromNoNoise: a schedule whose first level rounds to 1 gives numbers.
func TestStridedFromNoNoise(t *testing.T) {
	c := small()
	c.Schedule.LinearStart = 1e-9
	m := drawn(t, c, 1)
	if m.Gammas()[0] != 1 {
		t.Fatalf("the first level is %g, want one that rounds to 1", m.Gammas()[0])
	}
	pixels := 8 * 8
	h := Hole{N: 1, H: 8, W: 8, Truth: wave(pixels*2, 1), Cond: wave(pixels*3, 2), Start: wave(pixels*2, 3), Mask: make([]float32, pixels)}
	for p := range h.Mask {
		h.Mask[p] = 1
	}
	for i, v := range m.SampleStrided(autodiff.NewTape(), h, 3) {
		if !(math.Abs(float64(v)) <= 1+1e-6) {
			t.Fatalf("element %d is %g", i, v)
		}
	}
}
