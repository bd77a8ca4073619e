package resnet

import "fmt"

// Config tells one network from another.
type Config struct {
	Small   bool  // for 32x32 images: basic blocks, three stages of 16, 32, 64 channels
	Blocks  []int // of each stage
	Classes int
	Head    string // prefix of the classifier: fc or linear
	// Project is the prefix, within a block, of a shortcut's convolution and
	// norm (.0 and .1); empty: pixels are dropped and zero channels added.
	Project string
}

// places is the number of classes of Places365.
const places = 365

// Depth is the number of layers with weights, by which the networks are named.
func (c Config) Depth() int {
	n, each := 0, 3
	if c.Small {
		each = 2
	}
	for _, b := range c.Blocks {
		n += each * b
	}
	return n + 2
}

// Places reports whether the network tells scenes.
func (c Config) Places() bool { return !c.Small && c.Classes == places }

// Name is ResNet-50, ResNet-50-Places365, ResNet-20, ....
func (c Config) Name() string {
	name := fmt.Sprintf("ResNet-%d", c.Depth())
	if c.Places() {
		name += "-Places365"
	}
	return name
}

// Identify judges a checkpoint by its keys and shapes.
func Identify(shapes map[string][]int) (Config, bool) {
	c := Config{Head: "fc"}
	if shapes["fc.weight"] == nil {
		c.Head = "linear"
	}
	stem, head := shapes["conv1.weight"], shapes[c.Head+".weight"]
	if len(stem) != 4 || len(head) != 2 || shapes["layer1.0.conv1.weight"] == nil {
		return Config{}, false
	}
	c.Classes, c.Small = head[0], stem[0] == 16
	if !c.Small && shapes["layer1.0.conv3.weight"] == nil {
		return Config{}, false // basic blocks of ResNet-18 and 34
	}
	for stage := 1; shapes[fmt.Sprintf("layer%d.0.conv1.weight", stage)] != nil; stage++ {
		n := 0
		for shapes[fmt.Sprintf("layer%d.%d.conv1.weight", stage, n)] != nil {
			n++
		}
		c.Blocks = append(c.Blocks, n)
	}
	for _, p := range []string{"downsample", "shortcut"} {
		if shapes["layer2.0."+p+".0.weight"] != nil {
			c.Project = p
		}
	}
	if c.Small != (len(c.Blocks) == 3) || !c.Small && (len(c.Blocks) != 4 || c.Project == "") {
		return Config{}, false
	}
	return c, true
}
