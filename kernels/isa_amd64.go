//go:build amd64 && !purego

package kernels

import "github.com/klauspost/cpuid/v2"

// The features that the dispatcher demands before it runs a level. They must
// cover the Features constant of the level's package; a test compares them.
var (
	avx2Needs   = []cpuid.FeatureID{cpuid.AVX, cpuid.AVX2, cpuid.FMA3}
	avx512Needs = []cpuid.FeatureID{cpuid.AVX, cpuid.AVX2, cpuid.FMA3, cpuid.AVX512F, cpuid.AVX512VL, cpuid.AVX512BW, cpuid.AVX512DQ}
)

// widest is the best level of this processor. cpuid reports a feature only
// where the operating system also saves its registers.
func widest() level {
	switch {
	case tilesFound:
		return isaAMX
	case bf16Found:
		return isaAVX512BF16
	case cpuid.CPU.Supports(avx512Needs...):
		return isaAVX512
	case cpuid.CPU.Supports(avx2Needs...):
		return isaAVX2
	}
	return isaGeneric
}

// usual is the level that is chosen where nobody asks for one: the widest, but products of
// pairs only where they are quicker. On Intel's processors the unit for them has half the
// rate of multiply-adds (Emerald Rapids: 116 GFLOP/s against 229), which is no gain; on
// AMD's it has the same rate, so twice the operations (Zen 4; BenchmarkGemm with prec=bf16).
func usual() level { return usualLevel(widest(), cpuid.CPU.IsVendor(cpuid.AMD)) }

func usualLevel(widest level, amd bool) level {
	if widest == isaAVX512BF16 && !amd {
		return isaAVX512
	}
	return widest
}

// cacheL2 is the size of the second-level cache in bytes, 0 or less if unknown.
func cacheL2() int { return cpuid.CPU.Cache.L2 }
