package kernels

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/klauspost/cpuid/v2"
)

// TestMain prints the benchmark header where benchmarks were asked for; tests
// print nothing. It reads KERNELS_ISA so that the result cache knows the run
// depends on it.
func TestMain(m *testing.M) {
	flag.Parse()
	_ = os.Getenv("KERNELS_ISA")
	if f := flag.Lookup("test.bench"); f != nil && f.Value.String() != "" {
		printHeader()
	}
	os.Exit(m.Run())
}

// printHeader says where and with what the benchmarks ran, in the format that
// benchstat reads. The rates of the machine are those of this moment, of one
// core and of GOMAXPROCS cores; every row measures them anew for its share.
func printHeader() {
	fmt.Println("isa:", ISA())
	fmt.Println("goversion:", runtime.Version())
	fmt.Println("gomaxprocs:", runtime.GOMAXPROCS(0))
	fmt.Println("l2:", cpuid.CPU.Cache.L2)
	for _, p := range Precisions() {
		fmt.Printf("path-%s: %s\n", p, p.Path())
	}
	fmt.Printf("fma-peak: %.1f GFLOP/s\n", measuredPeak())
	fmt.Printf("triad: %.1f GB/s\n", measuredTriad())
	if commit := os.Getenv("LETHE_COMMIT"); commit != "" {
		fmt.Println("commit:", commit)
	}
	for _, unit := range []string{"GFLOP/s", "%peak", "GB/s", "%triad"} {
		fmt.Println("Unit", unit, "better=higher")
	}
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
