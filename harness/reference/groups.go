package reference

import "fmt"

// reduction returns the weight of each image's loss in the loss of its group.
// labels are +1 for retain images and -1 for forget images; group is which of
// the two is asked for.
type reduction func(labels []float32, group float32) []float32

// paperCode is what the authors' code does: a factor 2 on the images of the
// group and 0 on the others, then the mean over the whole batch. On a balanced
// batch it is groupMean.
func paperCode(labels []float32, group float32) []float32 {
	out := make([]float32, len(labels))
	for i, y := range labels {
		out[i] = (1 + group*y) / float32(len(labels))
	}
	return out
}

// groupMean is the mean over the images of the group, 0 when it has none.
func groupMean(labels []float32, group float32) []float32 {
	members := 0
	for _, y := range labels {
		if y == group {
			members++
		}
	}
	out := make([]float32, len(labels))
	for i, y := range labels {
		if y == group {
			out[i] = 1 / float32(members)
		}
	}
	return out
}

// reduction returns what loss_reduction names.
func (b *bundle) reduction() (reduction, error) {
	switch b.LossReduction {
	case "paper-code", "":
		return paperCode, nil
	case "group-mean":
		return groupMean, nil
	}
	return nil, b.refuse("loss_reduction is %q, want paper-code or group-mean", b.LossReduction)
}

// labels reads the input labels [steps,batch] and refuses all but +1 and -1.
func (b *bundle) labels(steps, batch int) (input, error) {
	in, err := b.input("labels", steps, batch)
	if err != nil {
		return in, err
	}
	for i, y := range in.data {
		if y != 1 && y != -1 {
			return in, &InputError{File: b.path(inputsFile), Tensor: "labels", Err: fmt.Errorf("element %d is %v, want 1 or -1", i, y)}
		}
	}
	return in, nil
}

// checkSteps holds the number of steps of an input against the description.
func (b *bundle) checkSteps(tensor string, steps int) error {
	if b.Steps != nil && *b.Steps != float64(steps) {
		return &InputError{File: b.path(inputsFile), Tensor: tensor,
			Err: fmt.Errorf("has %d steps, %s says %v", steps, descriptionFile, *b.Steps)}
	}
	return nil
}

// needOurs refuses a bundle of another method. Only model mae has to name one.
func (b *bundle) needOurs() error {
	if b.Method != "" && b.Method != "ours" {
		return b.refuse("method is %q, want \"ours\"", b.Method)
	}
	return nil
}
