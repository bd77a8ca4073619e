package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"

	"lethe/autodiff"
	"lethe/harness/family"
	"lethe/harness/train"
	"lethe/layers"
)

// stopped explains why a loop ended early and what of it is kept.
func stopped(err error, dir runDir, loop *train.Loop, next int) error {
	var diverged *train.NotFiniteError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &interruptedError{dir, next}
	case !errors.As(err, &diverged):
		return err
	}
	good := true
	for _, p := range loop.Params {
		good = good && finite32(p.Data)
	}
	if good {
		if saveErr := loop.Save(next); saveErr != nil {
			return errors.Join(err, saveErr)
		}
		return fmt.Errorf("%w; the last good weights are in %s", err, dir.path(stateFile))
	}
	if _, statErr := os.Stat(dir.path(stateFile)); statErr == nil {
		return fmt.Errorf("%w; the weights are no longer finite: the last good ones are in %s, of an earlier step", err, dir.path(stateFile))
	}
	return fmt.Errorf("%w; the weights are no longer finite and no checkpoint was written before (--checkpoint-every writes one now and then)", err)
}

// weightsHash identifies a model's weights.
func weightsHash(m family.Model) string {
	h := sha256.New()
	for _, t := range modelTensors(m) {
		fmt.Fprintf(h, "%s%v", t.Name, t.Shape)
		h.Write(t.Data)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// valuesOf are the tensors of parameters.
func valuesOf(params []*layers.Param) []*autodiff.Tensor {
	out := make([]*autodiff.Tensor, len(params))
	for i, p := range params {
		out[i] = p.Value
	}
	return out
}
