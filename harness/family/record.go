package family

// Input is one input tensor of a reference bundle, for one step.
type Input struct {
	Name  string
	Shape []int // without the axis of the steps
	Data  []float32
}

// Recorder is a family whose draws can be written as the inputs of a reference
// bundle, from which another implementation computes the same step.
type Recorder interface {
	// RecordStep returns the inputs of the task unlearn for one step.
	RecordStep(d *Draw) []Input
	// RecordForward returns the inputs of the task forward for the samples of
	// the draw.
	RecordForward(d *Draw) []Input
}
