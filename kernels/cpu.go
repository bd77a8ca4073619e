package kernels

import "github.com/klauspost/cpuid/v2"

// CPU is the processor's brand as it names itself, or "" where it does not.
func CPU() string { return cpuid.CPU.BrandName }
