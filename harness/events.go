package main

import (
	"time"

	"lethe/harness/report"
	"lethe/harness/tensorboard"
	"lethe/harness/train"
)

// openEvents starts the event file of a run that asked for one, and takes from
// earlier ones what the run will do again; nil when nobody asked.
func (j *job) openEvents(first int) error {
	if !j.flags.TensorBoard {
		return nil
	}
	if err := tensorboard.Trim(string(j.dir), first); err != nil {
		return err
	}
	var err error
	j.events, err = tensorboard.Create(string(j.dir), time.Now)
	return err
}

// logEvents adds a step to the event file.
func (j *job) logEvents(r train.Record) error {
	if j.events == nil {
		return nil
	}
	values := []tensorboard.Scalar{
		{Tag: "loss/total", Value: r.Loss}, {Tag: "loss/retain", Value: r.Retain},
		{Tag: "train/grad_norm", Value: r.GradNorm}, {Tag: "train/lr", Value: r.LearningRate},
	}
	if j.forgets {
		values = append(values, tensorboard.Scalar{Tag: "loss/forget", Value: r.Forget})
	}
	if r.Seconds > 0 {
		values = append(values, tensorboard.Scalar{Tag: "train/steps_per_second", Value: 1 / r.Seconds})
	}
	return j.events.Scalars(r.Step, values...)
}

// closeEvents adds the sample grids after the last step and closes the file.
func (j *job) closeEvents(steps int, shown []report.Panel) error {
	if j.events == nil {
		return nil
	}
	for _, panel := range shown {
		for _, g := range panel.Grids {
			png, err := g.PNG(0)
			if err != nil {
				return err
			}
			if err := j.events.Image(steps, panel.Mask+"/"+g.Title, png); err != nil {
				return err
			}
		}
	}
	return j.events.Close()
}
