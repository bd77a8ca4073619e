package progress

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// scene is a writer, a clock and a terminal that the test moves.
type scene struct {
	strings.Builder
	at      time.Time
	columns int
}

func newScene() *scene { return &scene{at: time.Unix(1000, 0), columns: 80} }

func (s *scene) pass(d time.Duration) { s.at = s.at.Add(d) }

func (s *scene) options(terminal, color bool) Options {
	return Options{
		Now:      func() time.Time { return s.at },
		Terminal: func() bool { return terminal },
		Width:    func() int { return s.columns },
		Color:    func() bool { return color },
	}
}

func (s *scene) take() string {
	text := s.String()
	s.Reset()
	return text
}

func TestPipedLines(t *testing.T) {
	s := newScene()
	l := New(s, "unlearn", 600, s.options(false, true))
	for i := 1; i <= 600; i++ {
		s.pass(100 * time.Millisecond)
		l.Step(i, Field{"loss", "0.0123"})
	}
	l.End()
	l.End()
	const want = `unlearn  step 1/600  0 %  loss 0.0123  10.0 steps/s  ETA 1m00s
unlearn  step 101/600  16 %  loss 0.0123  10.0 steps/s  ETA 50s
unlearn  step 201/600  33 %  loss 0.0123  10.0 steps/s  ETA 40s
unlearn  step 301/600  50 %  loss 0.0123  10.0 steps/s  ETA 30s
unlearn  step 401/600  66 %  loss 0.0123  10.0 steps/s  ETA 20s
unlearn  step 501/600  83 %  loss 0.0123  10.0 steps/s  ETA 9.9s
unlearn  step 600/600  100 %  loss 0.0123  10.0 steps/s  took 1m00s
`
	if got := s.take(); got != want {
		t.Errorf("lines are\n%s\nwant\n%s", got, want)
	}
}

func TestPipedEndRepeatsNothing(t *testing.T) {
	s := newScene()
	l := New(s, "decode", 1, s.options(false, false))
	s.pass(time.Second)
	l.Step(1)
	l.End()
	if got, want := s.take(), "decode  step 1/1  100 %  1.0 steps/s  took 1.0s\n"; got != want {
		t.Errorf("lines are %q, want %q", got, want)
	}
	New(s, "decode", 9, s.options(false, false)).End()
	if got := s.take(); got != "" {
		t.Errorf("a line that never stepped wrote %q", got)
	}
}

func TestTerminalRedrawsInPlace(t *testing.T) {
	s := newScene()
	l := New(s, "unlearn", 100, s.options(true, false))
	s.pass(time.Second)
	l.Step(1)
	if got, want := s.take(), "\runlearn  step 1/100  1 %  1.0 steps/s  ETA 1m39s\x1b[K"; got != want {
		t.Errorf("first draw is %q, want %q", got, want)
	}
	s.pass(99 * time.Millisecond)
	l.Step(2)
	if got := s.take(); got != "" {
		t.Errorf("drawn again after 99 ms: %q", got)
	}
	s.pass(time.Millisecond)
	l.Step(2)
	if got := s.take(); !strings.HasPrefix(got, "\runlearn  step 2/100") || strings.Contains(got, "\n") {
		t.Errorf("redraw is %q", got)
	}
	l.Print("a warning")
	if got := s.take(); !strings.HasPrefix(got, "\r\x1b[Ka warning\nunlearn  step 2/100") {
		t.Errorf("print above the line is %q", got)
	}
	l.Clear()
	if got, want := s.take(), "\r\x1b[K"; got != want {
		t.Errorf("clear is %q, want %q", got, want)
	}
	l.Print("plain")
	if got, want := s.take(), "plain\n"; got != want {
		t.Errorf("print without a line is %q, want %q", got, want)
	}
	l.Step(3)
	if got := s.take(); !strings.HasPrefix(got, "\runlearn  step 3/100") {
		t.Errorf("the line did not come back after Clear: %q", got)
	}
	l.Step(100)
	if got := s.take(); !strings.Contains(got, "step 100/100  100 %") {
		t.Errorf("the last step is not drawn: %q", got)
	}
	l.End()
	if got := s.take(); !strings.HasPrefix(got, "\r") || !strings.HasSuffix(got, "\x1b[K\n") {
		t.Errorf("the end does not leave the cursor on a new line: %q", got)
	}
	l.Step(100)
	if got := s.take(); got != "" {
		t.Errorf("a step after the end wrote %q", got)
	}
}

func TestTerminalWidth(t *testing.T) {
	s := newScene()
	l := New(s, "unlearn", 600, s.options(true, false))
	s.pass(time.Second)
	fields := []Field{{"loss", "0.0123"}, {"norm", "1.5"}}
	for _, c := range []struct {
		columns int
		want    string
	}{
		{90, "unlearn  step 1/600  0 %  loss 0.0123  norm 1.5  1.0 steps/s  ETA 9m59s"},
		{66, "unlearn  step 1/600  0 %  loss 0.0123  1.0 steps/s  ETA 9m59s"},
		{50, "unlearn  step 1/600  0 %  1.0 steps/s  ETA 9m59s"},
		{40, "unlearn  step 1/600  0 %  ETA 9m59s"},
		{34, "unlearn  step 1/600  ETA 9m59s"},
		{21, "unlearn  step 1/600"},
		{20, "unlearn  step 1/600"}, // 19 columns exactly
		{5, "unlearn  step 1/600"},  // narrower than any terminal: the floor
	} {
		s.columns = c.columns
		s.pass(0)
		l.shown = time.Time{}
		l.Step(1, fields...)
		got := strings.TrimSuffix(strings.TrimPrefix(s.take(), "\r"), "\x1b[K")
		if got != c.want {
			t.Errorf("at %d columns the line is %q, want %q", c.columns, got, c.want)
		}
	}
	long := New(s, "pretrain", 123456789, s.options(true, false))
	s.columns = 20
	long.Step(12345678)
	if got := s.take(); got != "\rstep 12345678/12345\x1b[K" {
		t.Errorf("a count that does not fit is %q", got)
	}
}

func TestColor(t *testing.T) {
	for _, color := range []bool{true, false} {
		s := newScene()
		l := New(s, "unlearn", 10, s.options(true, color))
		l.Step(1)
		if got := strings.Contains(s.take(), "\x1b[1mstep 1/10\x1b[0m"); got != color {
			t.Errorf("colour is %v, want %v", got, color)
		}
	}
	for _, c := range []struct {
		value string
		want  bool
	}{{"", true}, {"1", false}, {"false", false}} { // any value but the empty one switches it off
		t.Setenv("NO_COLOR", c.value)
		if l := New(newScene(), "x", 1, Options{Terminal: func() bool { return true }}); l.color != c.want {
			t.Errorf("colour with NO_COLOR=%q is %v, want %v", c.value, l.color, c.want)
		}
	}
	if l := New(newScene(), "x", 1, Options{}); l.terminal || l.color {
		t.Error("a writer that is no file was taken for a terminal")
	}
}

// A resumed run must not be credited with the steps before it.
func TestResumedRun(t *testing.T) {
	s := newScene()
	o := s.options(false, false)
	o.Start = 500
	l := New(s, "unlearn", 600, o)
	s.pass(2 * time.Second)
	l.Step(501)
	if got, want := s.take(), "unlearn  step 501/600  83 %  2.0 s/step  ETA 3m18s\n"; got != want {
		t.Errorf("line is %q, want %q", got, want)
	}
}

// Half a minute after a run has slowed down, the estimate follows the new speed.
func TestETAFollowsTheSpeed(t *testing.T) {
	var r rate
	at := time.Unix(0, 0)
	r.start(at, 0)
	done := 0
	run := func(steps int, each time.Duration) float64 {
		for range steps {
			at = at.Add(each)
			done++
			r.reach(at, done)
		}
		per, known := r.secondsPerUnit()
		if !known {
			t.Fatal("the speed is unknown after steps")
		}
		return per
	}
	if got := run(1000, 10*time.Millisecond); !(got > 0.0099 && got < 0.0101) {
		t.Errorf("seconds per step are %v, want 0.01", got)
	}
	// Of time, 1-exp(-3) is new; the old 30 s weigh 0.05*memory at most, but of
	// steps the old ones are a hundred times denser, so the mean is well below 1.
	if got := run(90, time.Second); !(got > 0.3 && got <= 1) {
		t.Errorf("seconds per step are %v after slowing to 1 for 90 s", got)
	}
	if got := run(150, time.Second); !(got > 0.95 && got <= 1) {
		t.Errorf("seconds per step are %v after slowing to 1 for 240 s", got)
	}
	r.reach(at, done)
	r.reach(at.Add(-time.Hour), done+1)
	if per, _ := r.secondsPerUnit(); !(per > 0.95 && per <= 1) {
		t.Errorf("a clock that went back changed the speed to %v", per)
	}
}

func TestUnknownTotal(t *testing.T) {
	s := newScene()
	o := s.options(false, false)
	o.Unit = "image"
	l := New(s, "decode", 0, o)
	s.pass(time.Second)
	l.Step(250)
	if got, want := s.take(), "decode  image 250  250 images/s\n"; got != want {
		t.Errorf("line is %q, want %q", got, want)
	}
}

func TestDuration(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		want string
	}{
		{-time.Second, "0.0s"}, {0, "0.0s"}, {8240 * time.Millisecond, "8.2s"}, {9949 * time.Millisecond, "9.9s"}, {9951 * time.Millisecond, "10s"},
		{59 * time.Second, "59s"}, {59600 * time.Millisecond, "1m00s"}, {140 * time.Second, "2m20s"}, {time.Hour - time.Second, "59m59s"},
		{3*time.Hour + 5*time.Minute, "3h05m"}, {98 * time.Hour, "4d02h"},
	} {
		if got := Duration(c.d); got != c.want {
			t.Errorf("Duration(%v) is %q, want %q", c.d, got, c.want)
		}
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestBrokenWriterIsIgnored(t *testing.T) {
	l := New(broken{}, "x", 2, Options{})
	l.Step(1)
	l.Print("y")
	l.End()
}

// TestDrop takes the line off a terminal and tells a file how it ended.
func TestDrop(t *testing.T) {
	for terminal, want := range map[bool]string{true: "\r\x1b[K", false: "decode  image 3/3  100 %"} {
		s := newScene()
		o := s.options(terminal, false)
		o.Unit = "image"
		l := New(s, "decode", 3, o)
		l.Step(1)
		s.pass(time.Millisecond)
		if !terminal {
			l.Step(3)
		}
		s.take()
		l.Drop()
		if got := s.take(); !strings.HasPrefix(got, want) {
			t.Errorf("terminal %v: dropped with %q, want %q", terminal, got, want)
		}
		l.Drop()
		l.Step(3)
		if got := s.take(); got != "" {
			t.Errorf("terminal %v: %q after the end", terminal, got)
		}
	}
}
