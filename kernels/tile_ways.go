package kernels

import (
	"sync/atomic"
	"time"
)

// tileWay is one of two ways through the same product of panels, with the same bits. Which
// is the faster depends on whether the core's caches are shared with somebody just now
// (asmgen/tiles_ask.go), and changes within seconds on a rented machine: a quarter of the
// time either way. So every item tries both, once in a while, and goes on with the faster.
type tileWay uint32

const (
	tilePast tileWay = iota // a past the first-level cache
	tileAsk                 // with requests for a
)

// tileTrial is how many products there are from one trial to the next; the trial takes
// two of them.
const tileTrial = 32

// lastTileWay is what the last trial of any item chose, for the items to begin with.
var lastTileWay atomic.Uint32

// tileWays chooses for one item.
type tileWays struct {
	way   tileWay
	calls int
	began time.Time
	took  [2]time.Duration
}

func newTileWays() tileWays { return tileWays{way: tileWay(lastTileWay.Load())} }

// start begins a product. The first one of an item also waits for its operands, and is no
// trial.
func (w *tileWays) start() {
	if trial := w.calls%tileTrial - 1; trial == 0 || trial == 1 {
		w.way = tileWay(trial)
		w.began = time.Now()
	}
}

// end ends it.
func (w *tileWays) end() {
	if trial := w.calls%tileTrial - 1; trial == 0 || trial == 1 {
		w.took[trial] = time.Since(w.began)
		if trial == 1 {
			w.way = tilePast
			if w.took[tileAsk] < w.took[tilePast] {
				w.way = tileAsk
			}
			lastTileWay.Store(uint32(w.way))
		}
	}
	w.calls++
}
