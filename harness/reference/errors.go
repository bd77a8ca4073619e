package reference

import "fmt"

// InputError says that a bundle, or a file of it, cannot be used.
type InputError struct {
	File   string // what was being read
	Tensor string // the tensor that is missing or wrong, or ""
	Err    error
}

// Error names the file and, if there is one, the tensor.
func (e *InputError) Error() string {
	if e.Tensor == "" {
		return fmt.Sprintf("%s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("%s: tensor %s: %v", e.File, e.Tensor, e.Err)
}

// Unwrap returns the cause.
func (e *InputError) Unwrap() error { return e.Err }

// refuse returns an InputError about a file.
func refuse(file, format string, args ...any) error {
	return &InputError{File: file, Err: fmt.Errorf(format, args...)}
}

// MismatchError says that two sets of tensors are not the same.
type MismatchError struct {
	Failed, Tensors int    // no tensors at all prove nothing and are a mismatch too
	First           string // the first tensor that failed and why
}

// Error counts the tensors that failed and names the first.
func (e *MismatchError) Error() string {
	if e.Tensors == 0 {
		return "there are no tensors to compare"
	}
	return fmt.Sprintf("%d of %d tensors do not match, the first is %s", e.Failed, e.Tensors, e.First)
}
