package progress

import (
	"math"
	"time"
)

// memory is the time constant of the running mean of the speed.
const memory = 30 * time.Second

// rate follows how long a unit takes. Intervals are weighted by their age,
// exp(-age/memory), so that many fast steps and few slow ones count by the time
// they took and not by their number:
//
//	secondsPerUnit = sum w_i dt_i / sum w_i n_i
type rate struct {
	began time.Time
	last  time.Time
	done  int
	spent float64 // sum w dt, seconds
	units float64 // sum w n
}

func (r *rate) start(now time.Time, done int) {
	*r = rate{began: now, last: now, done: done}
}

// reach enters that done units are finished at now.
func (r *rate) reach(now time.Time, done int) {
	dt := now.Sub(r.last).Seconds()
	if done <= r.done || dt <= 0 {
		return // the same step again, or a clock that stands: counted with the next
	}
	keep := math.Exp(-dt / memory.Seconds())
	r.spent = r.spent*keep + dt
	r.units = r.units*keep + float64(done-r.done)
	r.last, r.done = now, done
}

// secondsPerUnit is unknown before the first unit.
func (r *rate) secondsPerUnit() (float64, bool) {
	if r.units <= 0 {
		return 0, false
	}
	return r.spent / r.units, true
}
