//go:build !purego

package kernels

import (
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// stormTime is how long the storm lasts: minutes, to prove something of a machine.
var stormTime = flag.Duration("storm", 2*time.Second, "how long TestTileStorm runs")

// stormGoroutines multiply at the same time, and every thread is shot at
// sweepsInARow times before they have a turn.
const (
	stormGoroutines = 1000
	sweepsInARow    = 50
)

// TestTileStorm multiplies on tiles from a thousand goroutines (fewer where tiles
// are emulated) while memory is
// collected in a loop and every thread is shot at with the runtime's preemption
// signal. Each result is compared, bit for bit, with that of the Go kernels.
func TestTileStorm(t *testing.T) {
	if !tilesFound {
		t.Skip("SKIPPED: no tiles here, so nothing is known of them under preemption")
	}
	useTiles(t)
	problems := make([]*stormProblem, 8)
	for i := range problems {
		problems[i] = newStormProblem(uint64(i))
	}
	var stop atomic.Bool
	var wrong, done atomic.Int64
	var all sync.WaitGroup
	goroutines := stormGoroutines
	if emulatedTiles() {
		goroutines /= 20 // a product takes some thousand times as long
	}
	for i := range goroutines {
		all.Go(func() {
			for n := i; !stop.Load(); n++ {
				if !problems[n%len(problems)].right() {
					wrong.Add(1)
				}
				done.Add(1)
			}
		})
	}
	all.Go(func() {
		for !stop.Load() {
			runtime.GC()
		}
	})
	signals := shoot(*stormTime)
	stop.Store(true)
	all.Wait()
	t.Logf("%d products, %d signals", done.Load(), signals)
	if wrong.Load() != 0 || done.Load() == 0 || signals == 0 {
		t.Errorf("%d of %d products are wrong, after %d signals", wrong.Load(), done.Load(), signals)
	}
}

// shoot sends the preemption signal to every thread of the process in turn, for a
// while, and returns how many it sent.
func shoot(length time.Duration) (signals int) {
	start := time.Now()
	for sweep := 1; time.Since(start) < length || sweep <= sweepsInARow; sweep++ {
		threads, _ := os.ReadDir("/proc/self/task")
		for _, thread := range threads {
			id, err := strconv.Atoi(thread.Name())
			if err != nil {
				continue
			}
			_, _, errno := syscall.RawSyscall(syscall.SYS_TGKILL, uintptr(os.Getpid()), uintptr(id), uintptr(syscall.SIGURG))
			if errno == 0 {
				signals++
			}
		}
		if sweep%sweepsInARow == 0 {
			runtime.Gosched()
		}
	}
	return signals
}

// stormProblem is one product, or a gradient of filters, and its result.
type stormProblem struct {
	a, b Mat
	o    GemmOptions
	conv ConvShape // of a gradient of a by b
	want []float32
}

func newStormProblem(seed uint64) *stormProblem {
	rng := rand.New(rand.NewPCG(seed, 3))
	m, n, k := 20+rng.IntN(60), 20+rng.IntN(60), 40+rng.IntN(100)
	p := &stormProblem{a: MatOf(make([]float32, m*k), m, k), b: MatOf(make([]float32, n*k), n, k).T()}
	for _, x := range [][]float32{p.a.Data, p.b.Data} {
		for i := range x {
			x[i] = rng.Float32()*2 - 1
		}
	}
	p.o.Precision = []Precision{BF16, BF16x3}[seed%2]
	if seed/2%2 == 1 {
		p.conv = ConvShape{N: 1, H: 1, W: k, Ci: n, Co: m, KH: 1, KW: 3, PadW: 1}
	}
	p.want = p.multiply()
	return p
}

func (p *stormProblem) multiply() []float32 {
	if p.conv.N > 0 {
		dw := make([]float32, p.conv.Co*3*p.conv.Ci)
		Conv2DGradWeight(dw, p.a.Data, p.b.Data, p.conv, ConvOptions{Precision: p.o.Precision})
		return dw
	}
	c := make([]float32, p.a.Rows*p.b.Cols) // garbage, for the collector
	Gemm(MatOf(c, p.a.Rows, p.b.Cols), p.a, p.b, p.o)
	return c
}

func (p *stormProblem) right() bool {
	for i, x := range p.multiply() {
		if math.Float32bits(x) != math.Float32bits(p.want[i]) {
			return false
		}
	}
	return true
}
