package progress

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	dim   = "\x1b[2m"
	bold  = "\x1b[1m"
	reset = "\x1b[0m"
)

// part is one piece of the line. Of a line that is too long, the part with the
// largest drop goes first; 0 stays.
type part struct {
	text  string
	style string
	drop  int
}

// render is the line as it stands, cut to the width of a terminal.
func (l *Line) render(now time.Time) string {
	parts := l.parts(now)
	if !l.terminal {
		return join(parts, false)
	}
	// One column stays free: writing the last one makes some terminals wrap.
	room := max(l.o.Width(), narrowest) - 1
	for length(parts) > room {
		worst := 0
		for i, p := range parts {
			if p.drop >= parts[worst].drop {
				worst = i
			}
		}
		if parts[worst].drop == 0 {
			return string([]rune(join(parts, false))[:room])
		}
		parts = append(parts[:worst], parts[worst+1:]...)
	}
	return join(parts, l.color)
}

func (l *Line) parts(now time.Time) []part {
	count := fmt.Sprintf("%s %d", l.unit, l.done)
	if l.total > 0 {
		count += fmt.Sprintf("/%d", l.total)
	}
	parts := []part{{text: l.name, style: dim, drop: 1}, {text: count, style: bold}}
	if l.total > 0 {
		parts = append(parts, part{text: fmt.Sprintf("%d %%", 100*l.done/l.total), drop: 3})
	}
	for i, f := range l.fields {
		parts = append(parts, part{text: f.Label + " " + f.Value, drop: 5 + i})
	}
	perUnit, known := l.rate.secondsPerUnit()
	if !known {
		return parts
	}
	parts = append(parts, part{text: speed(perUnit, l.unit), style: dim, drop: 4})
	switch {
	case l.total > 0 && l.done < l.total:
		left := perUnit*float64(l.total-l.done) - now.Sub(l.rate.last).Seconds()
		parts = append(parts, part{text: "ETA " + Duration(seconds(max(0, left))), drop: 2})
	case l.ended || l.total > 0:
		parts = append(parts, part{text: "took " + Duration(now.Sub(l.rate.began)), drop: 2})
	}
	return parts
}

func length(parts []part) int {
	return utf8.RuneCountInString(join(parts, false))
}

func join(parts []part, color bool) string {
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			b.WriteString("  ")
		}
		if color && p.style != "" {
			b.WriteString(p.style + p.text + reset)
		} else {
			b.WriteString(p.text)
		}
	}
	return b.String()
}

// speed is "3.4 steps/s", or "2.5 s/step" for what takes longer than a second.
func speed(perUnit float64, unit string) string {
	if perUnit > 1 {
		return fmt.Sprintf("%s s/%s", three(perUnit), unit)
	}
	return fmt.Sprintf("%s %ss/s", three(1/perUnit), unit)
}

// three writes a number of at least 1 with two or three digits.
func three(v float64) string {
	if v >= 99.95 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.1f", v)
}

// Duration writes a time for people: "8.2s", "47s", "2m20s", "3h05m", "4d02h".
func Duration(d time.Duration) string {
	if d < 9950*time.Millisecond {
		return fmt.Sprintf("%.1fs", max(0, d).Seconds())
	}
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%02dm", s/3600, s%3600/60)
	}
	return fmt.Sprintf("%dd%02dh", s/86400, s%86400/3600)
}

func seconds(s float64) time.Duration {
	const most = 1000 * 86400 // beyond, nobody waits and int64 ends
	return time.Duration(math.Min(s, most) * float64(time.Second))
}
