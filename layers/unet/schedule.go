package unet

import (
	"fmt"
	"math"

	"lethe/layers"
)

// The buffers of the noise schedule, as they stand in a checkpoint. Index t
// counts from the least noise.
const (
	keyGammas          = "gammas"                         // level of the signal, a cumulative product
	keySqrtRecip       = "sqrt_recip_gammas"              // sqrt(1/gamma)
	keySqrtRecipM1     = "sqrt_recipm1_gammas"            // sqrt(1/gamma - 1)
	keyPosteriorLogVar = "posterior_log_variance_clipped" // log of the variance of a reverse step
	keyPosteriorMean1  = "posterior_mean_coef1"           // of the predicted image
	keyPosteriorMean2  = "posterior_mean_coef2"           // of the noisy image
)

func scheduleKeys() []string {
	return []string{keyGammas, keySqrtRecip, keySqrtRecipM1, keyPosteriorLogVar, keyPosteriorMean1, keyPosteriorMean2}
}

// scheduleSpecs describes the buffers.
func scheduleSpecs(steps int) []layers.Spec {
	var specs []layers.Spec
	for _, key := range scheduleKeys() {
		specs = append(specs, layers.Spec{Name: key, Shape: []int{steps}, Fixed: true, Start: layers.StartKept})
	}
	return specs
}

func (s ScheduleConfig) validate() error {
	if s.Schedule != "linear" && s.Schedule != "quad" {
		return fmt.Errorf("unet: schedule is %q, want linear or quad", s.Schedule)
	}
	for name, v := range map[string]float64{"linear_start": s.LinearStart, "linear_end": s.LinearEnd} {
		if !(v > 0 && v < 1) {
			return fmt.Errorf("unet: %s is %v, want a number between 0 and 1", name, v)
		}
	}
	return nil
}

// betas are the noise variances of the steps.
func (s ScheduleConfig) betas() []float64 {
	start, end := s.LinearStart, s.LinearEnd
	if s.Schedule == "quad" {
		start, end = math.Sqrt(start), math.Sqrt(end)
	}
	out := make([]float64, s.NTimestep)
	for i := range out {
		out[i] = start
		if i > 0 {
			out[i] = start + float64(i)*((end-start)/float64(s.NTimestep-1))
		}
		if s.Schedule == "quad" {
			out[i] *= out[i]
		}
	}
	return out
}

// varianceFloor keeps the logarithm of the first step's variance, which is 0,
// finite.
// Source: the reference code.
const varianceFloor = 1e-20

// fillSchedule computes the buffers, in float64 until they are rounded.
func fillSchedule(set *layers.Set, s ScheduleConfig) {
	gamma := 1.0
	for t, beta := range s.betas() {
		before := gamma
		gamma *= 1 - beta
		for key, v := range map[string]float64{
			keyGammas:          gamma,
			keySqrtRecip:       math.Sqrt(1 / gamma),
			keySqrtRecipM1:     math.Sqrt(1/gamma - 1),
			keyPosteriorLogVar: math.Log(max(beta*(1-before)/(1-gamma), varianceFloor)),
			keyPosteriorMean1:  beta * math.Sqrt(before) / (1 - gamma),
			keyPosteriorMean2:  (1 - before) * math.Sqrt(1-beta) / (1 - gamma),
		} {
			set.Tensor(key).Data[t] = float32(v)
		}
	}
}
