// Package progress shows how far a run is: one line that is redrawn in place
// on a terminal, and plain lines, seldom enough for a log, anywhere else.
//
//	unlearn  step 120/600  20 %  loss 0.0123  3.4 steps/s  ETA 2m20s
//
// On a terminal the line is rewritten in one write and at most ten times a
// second, is cut to the width by dropping what matters least, and stays as the
// last line when it is done. Piped, there is the first line, one about every ten
// seconds, and the last. Colour (a dim label, a bold count) is used on a terminal
// unless NO_COLOR is set (https://no-color.org) or TERM is "dumb".
//
// The time left comes from an exponentially weighted mean of the seconds per
// step over the last half minute or so, so that it follows a run that slows
// down, and that a resumed run is not credited with the steps of the one before.
package progress
