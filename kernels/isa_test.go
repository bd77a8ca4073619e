package kernels

import (
	"strings"
	"testing"
)

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		request string
		widest  level
		usual   level
		want    level
	}{
		{"", isaGeneric, isaGeneric, isaGeneric},
		{"", isaAVX512, isaAVX512, isaAVX512},
		{"", isaAVX512BF16, isaAVX512, isaAVX512},
		{"generic", isaAVX512, isaAVX512, isaGeneric},
		{"avx2", isaAVX512, isaAVX512, isaAVX2},
		{"avx2", isaAVX2, isaAVX2, isaAVX2},
		{"avx512", isaAVX512, isaAVX512, isaAVX512},
		{"avx512", isaAMX, isaAMX, isaAVX512},
		{"avx512bf16", isaAVX512BF16, isaAVX512, isaAVX512BF16},
		{"avx512bf16", isaAMX, isaAMX, isaAVX512BF16},
		{"amx", isaAMX, isaAMX, isaAMX},
	} {
		if got := choose(c.request, c.widest, c.usual); got != c.want {
			t.Errorf("choose(%q, %s) is %s, want %s", c.request, levels[c.widest], levels[got], levels[c.want])
		}
	}
}

// TestChooseRefuses: an absent or unknown level panics with both names.
func TestChooseRefuses(t *testing.T) {
	for _, c := range []struct {
		request string
		widest  level
	}{
		{"avx512", isaAVX2}, {"avx2", isaGeneric}, {"amx", isaAVX512}, {"avx512bf16", isaAVX512}, {"AVX2", isaAVX512}, {"sse", isaGeneric},
	} {
		got := panicText(func() { choose(c.request, c.widest, c.widest) })
		if !strings.Contains(got, "KERNELS_ISA asks for "+c.request) || !strings.Contains(got, "have at most "+levels[c.widest]) {
			t.Errorf("choose(%q, %s) panicked with %q", c.request, levels[c.widest], got)
		}
	}
}

func TestISAIsWhatRuns(t *testing.T) {
	if ISA() != levels[isa] || isa > widest() {
		t.Errorf("ISA is %s, the level %s, the widest %s", ISA(), levels[isa], levels[widest()])
	}
}

func TestPeaksCount(t *testing.T) {
	for name, peak := range map[string]func(int) int64{"FMAPeak": FMAPeak, "PairPeak": PairPeak} {
		one := peak(1)
		if one <= 0 {
			t.Fatalf("%s: one iteration is %d operations", name, one)
		}
		if got := peak(10000); got != 10000*one {
			t.Errorf("%s: 10000 iterations are %d operations, want %d", name, got, 10000*one)
		}
		if got := peak(0); got != 0 {
			t.Errorf("%s: no iteration is %d operations", name, got)
		}
	}
}
