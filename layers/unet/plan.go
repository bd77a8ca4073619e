package unet

import (
	"fmt"
	"slices"

	"lethe/layers"
)

// Keys of the state dict.
const (
	netPrefix = "denoise_fn."
	condEmbed = netPrefix + "cond_embed"
	// UpEmbed is the up path's own copy of cond_embed after Untie. The
	// reference code has no such tensors.
	UpEmbed = netPrefix + "cond_embed_up"
	// teacherPrefix begins what the authors' code saves beside the model.
	teacherPrefix = "teacher_denoise_fn."
)

// module is one entry of the state dict below a block.
type module struct {
	prefix   string
	kind     moduleKind
	in, out  int
	resample resampling
}

type moduleKind uint8

const (
	firstConv moduleKind = iota
	residual
	attending
)

// plan is the modules of every block, in order.
type plan struct {
	input  [][]module
	middle []module
	output [][]module
	last   int // channels that the final normalization sees
}

// plan lays the network out as the reference constructor does.
func (c NetConfig) plan() plan {
	var p plan
	widths := c.widths()
	channels := widths[0]
	skips := []int{channels}
	p.input = [][]module{{{prefix: netPrefix + "input_blocks.0.0", kind: firstConv, in: c.InChannel, out: channels}}}
	add := func(in, out, factor int, r resampling) {
		at := fmt.Sprintf("%sinput_blocks.%d.", netPrefix, len(p.input))
		block := []module{{prefix: at + "0", kind: residual, in: in, out: out, resample: r}}
		if r == same && c.attends(factor) {
			block = append(block, module{prefix: at + "1", kind: attending, in: out, out: out})
		}
		p.input = append(p.input, block)
		skips = append(skips, out)
	}
	factor := 1
	for level, width := range widths {
		for range c.ResBlocks {
			add(channels, width, factor, same)
			channels = width
		}
		if level < len(widths)-1 {
			add(channels, channels, factor, halve)
			factor *= 2
		}
	}
	middle := netPrefix + "middle_block."
	p.middle = []module{
		{prefix: middle + "0", kind: residual, in: channels, out: channels},
		{prefix: middle + "1", kind: attending, in: channels, out: channels},
		{prefix: middle + "2", kind: residual, in: channels, out: channels},
	}
	for level, width := range slices.Backward(widths) {
		for i := range c.ResBlocks + 1 {
			skip := skips[len(skips)-1]
			skips = skips[:len(skips)-1]
			at := fmt.Sprintf("%soutput_blocks.%d.", netPrefix, len(p.output))
			block := []module{{prefix: at + "0", kind: residual, in: channels + skip, out: width}}
			channels = width
			if c.attends(factor) {
				block = append(block, module{prefix: at + "1", kind: attending, in: width, out: width})
			}
			if level > 0 && i == c.ResBlocks {
				block = append(block, module{prefix: fmt.Sprintf("%s%d", at, len(block)), kind: residual, in: width, out: width, resample: double})
				factor /= 2
			}
			p.output = append(p.output, block)
		}
	}
	p.last = channels
	return p
}

// specs describes the parameters of a module.
func (m module) specs(embedding int) []layers.Spec {
	switch m.kind {
	case firstConv:
		return layers.ConvSpecs(m.prefix, layers.ConvShape{In: m.in, Out: m.out, Kernel: 3})
	case residual:
		return resBlockSpecs(m.prefix, m.in, m.out, embedding)
	}
	return attentionSpecs(m.prefix, m.in)
}

// Shapes returns every entry of the state dict, in its order: the buffers of the
// schedule, then the network.
func (c Config) Shapes() []layers.Spec {
	n := c.UNet
	specs := scheduleSpecs(c.Schedule.NTimestep)
	specs = append(specs, embedSpecs(condEmbed, n)...)
	p := n.plan()
	for _, block := range slices.Concat(p.input, [][]module{p.middle}, p.output) {
		for _, m := range block {
			specs = append(specs, m.specs(n.embedding())...)
		}
	}
	specs = append(specs, layers.GroupNormSpecs(netPrefix+"out.0", p.last)...)
	return append(specs, layers.ConvSpecs(netPrefix+"out.2", layers.ConvShape{In: p.last, Out: n.OutChannel, Kernel: 3, Zero: true})...)
}

// embedSpecs describes the two layers that embed the noise level.
func embedSpecs(prefix string, n NetConfig) []layers.Spec {
	return append(fanIn(layers.LinearSpecs(prefix+".0", n.InnerChannel, n.embedding())),
		fanIn(layers.LinearSpecs(prefix+".2", n.embedding(), n.embedding()))...)
}
