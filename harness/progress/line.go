package progress

import (
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// Field is one number to show, such as {"loss", "0.0123"}.
type Field struct{ Label, Value string }

// Options are what a caller or a test may set. The zero value looks at the
// writer, the environment and the real clock.
type Options struct {
	Unit     string           // singular, "step" when empty
	Start    int              // units already done by an earlier run
	Now      func() time.Time // nil means time.Now
	Terminal func() bool      // nil means: the writer is a terminal and TERM is not "dumb"
	Width    func() int       // columns; nil asks the terminal
	Color    func() bool      // nil means: NO_COLOR is not set
}

const (
	redrawEvery = 100 * time.Millisecond
	printEvery  = 10 * time.Second
	narrowest   = 20
)

// Line is the progress of one thing. Its methods may be called by many
// goroutines. Errors of the writer are ignored: progress must not stop a run.
type Line struct {
	mu    sync.Mutex
	w     io.Writer
	name  string
	unit  string
	total int
	o     Options

	terminal bool
	color    bool
	rate     rate
	done     int
	fields   []Field
	shown    time.Time
	drawn    bool // the line is on the screen and the cursor stands at its end
	printed  int  // the count that the last plain line told, -1 for none
	ended    bool
}

// New starts a progress line of total units; 0 means the total is unknown.
// Nothing is shown before the first Step.
func New(w io.Writer, name string, total int, o Options) *Line {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Unit == "" {
		o.Unit = "step"
	}
	if o.Terminal == nil {
		o.Terminal = func() bool { return isTerminal(w) }
	}
	if o.Width == nil {
		o.Width = func() int { return width(w) }
	}
	if o.Color == nil {
		o.Color = func() bool { return os.Getenv("NO_COLOR") == "" }
	}
	l := &Line{w: w, name: name, unit: o.Unit, total: total, o: o, done: o.Start, printed: -1}
	l.terminal = o.Terminal()
	l.color = l.terminal && o.Color()
	l.rate.start(o.Now(), o.Start)
	return l
}

// Step says that done units are finished, with the numbers to show beside.
// It is cheap: most calls only remember.
func (l *Line) Step(done int, fields ...Field) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	now := l.o.Now()
	l.done, l.fields = done, append(l.fields[:0], fields...)
	l.rate.reach(now, done)
	every := printEvery
	if l.terminal {
		every = redrawEvery
	}
	if !l.shown.IsZero() && now.Sub(l.shown) < every && !(l.terminal && done == l.total) {
		return
	}
	l.show(now)
}

// Print writes a line of text above the progress line.
func (l *Line) Print(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.drawn {
		io.WriteString(l.w, text+"\n")
		return
	}
	io.WriteString(l.w, "\r\x1b[K"+text+"\n"+l.render(l.o.Now()))
}

// End shows the last state, leaves it on the screen, and ends the line. Calls
// after the first do nothing.
func (l *Line) End() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	l.ended = true
	if l.shown.IsZero() { // never stepped: there is nothing to tell
		return
	}
	if l.terminal {
		io.WriteString(l.w, "\r"+l.render(l.o.Now())+"\x1b[K\n")
		l.drawn = false
		return
	}
	if l.printed != l.done {
		l.show(l.o.Now())
	}
}

// Clear takes the line off the screen, for a caller that is about to write
// something long; the next Step draws it again.
func (l *Line) Clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.drawn {
		io.WriteString(l.w, "\r\x1b[K")
		l.drawn, l.shown = false, l.shown.Add(-redrawEvery)
	}
}

// Drop ends the line without leaving it on a terminal; elsewhere the last state
// is told, as by End.
func (l *Line) Drop() {
	l.Clear()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended && !l.terminal && !l.shown.IsZero() && l.printed != l.done {
		l.show(l.o.Now())
	}
	l.ended = true
}

// show writes the line now. On a terminal the text comes first and what is left
// of the old one is erased behind it, so that nothing blinks.
func (l *Line) show(now time.Time) {
	l.shown = now
	if l.terminal {
		io.WriteString(l.w, "\r"+l.render(now)+"\x1b[K")
		l.drawn = true
		return
	}
	l.printed = l.done
	io.WriteString(l.w, l.render(now)+"\n")
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
}

func width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
			return columns
		}
	}
	return 80
}
