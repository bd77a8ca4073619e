package kernels

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"
)

// TestMain prints the benchmark header where benchmarks were asked for, in the
// format that benchstat reads; tests print nothing. It reads KERNELS_ISA so
// that the result cache knows the run depends on it.
func TestMain(m *testing.M) {
	flag.Parse()
	_ = os.Getenv("KERNELS_ISA")
	if f := flag.Lookup("test.bench"); f != nil && f.Value.String() != "" {
		fmt.Println("isa:", ISA())
		fmt.Println("goversion:", runtime.Version())
		fmt.Println("gomaxprocs:", runtime.GOMAXPROCS(0))
		if commit := os.Getenv("LETHE_COMMIT"); commit != "" {
			fmt.Println("commit:", commit)
		}
		for _, unit := range []string{"GFLOP/s", "%peak", "GB/s", "%triad"} {
			fmt.Println("Unit", unit, "better=higher")
		}
	}
	os.Exit(m.Run())
}

// useLevel switches the instruction set for the rest of a test. A level that
// this processor or build lacks skips the test, unless KERNELS_ISA asked for a
// level: then choose has panicked at start already.
func useLevel(t testing.TB, l level) {
	if l > widest() {
		t.Skipf("no %s here", levels[l])
	}
	before := isa
	isa = l
	t.Cleanup(func() { isa = before })
}

// useWorkers sets how many workers a call has for the rest of a test.
func useWorkers(t testing.TB, n int) {
	before := runtime.GOMAXPROCS(n)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}
