package kernels

import "github.com/klauspost/cpuid/v2"

// CPU is the processor's brand as it names itself, or "" where it does not.
func CPU() string { return cpuid.CPU.BrandName }

// ISAs lists what KERNELS_ISA may name on this machine and in this build,
// widest first.
func ISAs() []string {
	var out []string
	for l := widest(); l >= 0; l-- {
		out = append(out, levels[l])
	}
	return out
}
