//go:build amd64 && !purego

package kernels

import (
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/cpuid/v2"

	"lethe/kernels/internal/amx"
	"lethe/kernels/internal/avx2"
	"lethe/kernels/internal/avx512"
	"lethe/kernels/internal/avx512bf16"
)

// uncovered returns the features of a list that needs lacks, unknown names
// included.
func uncovered(features string, needs []cpuid.FeatureID) (missing []string) {
	have := map[cpuid.FeatureID]bool{}
	for _, f := range needs {
		have[f] = true
	}
	for _, name := range strings.Fields(features) {
		if id := cpuid.ParseFeature(name); id == cpuid.UNKNOWN || !have[id] {
			missing = append(missing, name)
		}
	}
	return missing
}

// TestDispatcherDemandsEveryFeature compares what the generated code may use
// with what the dispatcher asks of the processor.
func TestDispatcherDemandsEveryFeature(t *testing.T) {
	for _, c := range []struct {
		name, features string
		needs          []cpuid.FeatureID
	}{
		{"avx2", avx2.Features, avx2Needs},
		{"avx512", avx512.Features, avx512Needs},
		{"avx512bf16", avx512bf16.Features, slices.Concat(avx512Needs, bf16Needs)},
		{"amx", amx.Features, slices.Concat(avx512Needs, bf16Needs, tileNeeds)},
	} {
		if len(strings.Fields(c.features)) == 0 {
			t.Errorf("%s lists no features", c.name)
		}
		if missing := uncovered(c.features, c.needs); missing != nil {
			t.Errorf("%s needs %v, which the dispatcher does not check", c.name, missing)
		}
	}
}

// TestUsualLevel: pairs are chosen where they are quicker, by the maker of the processor.
func TestUsualLevel(t *testing.T) {
	for _, c := range []struct {
		widest, want level
		amd          bool
	}{
		{isaAVX512BF16, isaAVX512BF16, true}, {isaAVX512BF16, isaAVX512, false}, {isaAMX, isaAMX, false},
		{isaAVX512, isaAVX512, true}, {isaAVX2, isaAVX2, true},
	} {
		if got := usualLevel(c.widest, c.amd); got != c.want {
			t.Errorf("of at most %s, AMD %t, %s is chosen, want %s", levels[c.widest], c.amd, levels[got], levels[c.want])
		}
	}
}

func TestUncoveredFindsGaps(t *testing.T) {
	for _, features := range []string{"AVX AVX2", "AVX2 NOSUCHFEATURE"} {
		if got := uncovered(features, []cpuid.FeatureID{cpuid.AVX2}); len(got) != 1 {
			t.Errorf("%q leaves %v uncovered, want one name", features, got)
		}
	}
}
