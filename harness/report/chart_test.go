package report

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	nan = math.NaN()
	inf = math.Inf(1)
)

func counting(n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = float64(i)
	}
	return x
}

// paths are the d attributes of the curves of a chart.
func paths(svg string) []string {
	var out []string
	for _, m := range regexp.MustCompile(`<path class="line [^"]*" d="([^"]*)"`).FindAllStringSubmatch(svg, -1) {
		out = append(out, m[1])
	}
	return out
}

var coordinate = regexp.MustCompile(`[ML](-?[0-9.]+) (-?[0-9.]+)`)

// Every chart, however odd its values, has finite coordinates inside its frame.
func TestChartsStayInTheirFrame(t *testing.T) {
	for name, c := range map[string]struct {
		y      []float64
		pieces int // M commands: unbroken stretches
		none   bool
	}{
		"nothing":           {nil, 0, true},
		"only NaN":          {[]float64{nan, nan}, 0, true},
		"only infinities":   {[]float64{inf, -inf}, 0, true},
		"one point":         {[]float64{3}, 1, false},
		"one zero":          {[]float64{0}, 1, false},
		"constant":          {[]float64{5, 5, 5, 5}, 1, false},
		"constant zero":     {[]float64{0, 0, 0}, 1, false},
		"constant negative": {[]float64{-2, -2}, 1, false},
		"NaN in the middle": {[]float64{1, 2, nan, 2, 1}, 2, false},
		"lone points":       {[]float64{1, nan, 2, inf, 3}, 3, false},
		"zero at first":     {[]float64{0, 1e-3, 1e-2}, 1, false},
		"tiny":              {[]float64{1e-300, 2e-300, 1.5e-300}, 1, false},
		"subnormal":         {[]float64{5e-324, 1e-323}, 1, false},
		"huge":              {[]float64{-1e300, 1e300, 1e299}, 1, false},
		"beyond huge":       {[]float64{1, 1.7e308, 2}, 2, false},
		"hardly different":  {[]float64{1, 1 + 1e-15, 1}, 1, false},
		"wide range":        {[]float64{1e-12, 1, 1e12}, 1, false},
	} {
		for _, log := range []bool{false, true} {
			chart := Chart{Title: name, Log: log, Series: []Series{{Name: "y", X: counting(len(c.y)), Y: c.y}}}
			svg := string(chart.SVG())
			if got := strings.Contains(svg, "no finite value</text>"); got != c.none {
				t.Errorf("%s, log %v: it says that there is no value: %v, want %v", name, log, got, c.none)
			}
			for _, word := range []string{"NaN", "Inf"} {
				if strings.Contains(strings.ReplaceAll(svg, name, ""), word) {
					t.Errorf("%s, log %v: %s in\n%s", name, log, word, svg)
				}
			}
			f := chart.frame()
			for _, d := range paths(svg) {
				for _, p := range coordinate.FindAllStringSubmatch(d, -1) {
					x, _ := strconv.ParseFloat(p[1], 64)
					y, _ := strconv.ParseFloat(p[2], 64)
					if !(x >= f.left-0.1 && x <= f.width-f.right+0.1 && y >= f.top-0.1 && y <= f.height-f.bottom+0.1) {
						t.Errorf("%s, log %v: point %v is outside the frame", name, log, p[0])
					}
				}
				if pieces := strings.Count(d, "M"); !log && pieces != c.pieces {
					t.Errorf("%s: %d pieces of curve, want %d", name, pieces, c.pieces)
				}
			}
		}
	}
}

func TestLogAxisLeavesGapsAtZero(t *testing.T) {
	y := []float64{0, 1, 2, 0, 2, 1, -1}
	d := paths(string(Chart{Log: true, Series: []Series{{X: counting(len(y)), Y: y}}}.SVG()))
	if len(d) != 1 || strings.Count(d[0], "M") != 2 {
		t.Errorf("curve is %q, want two pieces", d)
	}
	// Nothing above zero: the axis falls back to a linear one, and shows it.
	y = []float64{-3, 0, -1}
	d = paths(string(Chart{Log: true, Series: []Series{{X: counting(len(y)), Y: y}}}.SVG()))
	if len(d) != 1 || strings.Count(d[0], "L") != 2 {
		t.Errorf("curve is %q, want one piece of three points", d)
	}
}

func TestLonePointIsADot(t *testing.T) {
	d := paths(string(Chart{Series: []Series{{X: []float64{4}, Y: []float64{2}}}}.SVG()))
	if len(d) != 1 || !strings.HasSuffix(d[0], "h0") {
		t.Errorf("curve of one point is %q, want a line of no length", d)
	}
}

// A long curve is thinned, and its spikes stay: they are what one looks for.
func TestLongCurvesKeepTheirSpikes(t *testing.T) {
	const n = 200_000
	y := make([]float64, n)
	for i := range y {
		y[i] = 1 + 0.1*math.Sin(float64(i)/7)
	}
	y[123_456], y[77_777] = 9, -5
	chart := Chart{Series: []Series{{X: counting(n), Y: y}}}
	d := paths(string(chart.SVG()))[0]
	points := coordinate.FindAllStringSubmatch(d, -1)
	if f := chart.frame(); len(points) > 4*int(f.plotWidth()+2) || len(points) < 200 {
		t.Errorf("%d points are left of %d, want about %v", len(points), n, 4*f.plotWidth())
	}
	top, bottom := inf, -inf
	for _, p := range points {
		v, _ := strconv.ParseFloat(p[2], 64)
		top, bottom = min(top, v), max(bottom, v)
	}
	_, axis, _ := chart.axes()
	f := chart.frame()
	for _, c := range []struct{ got, value float64 }{{top, 9}, {bottom, -5}} {
		if want := f.top + (1-axis.at(c.value))*f.plotHeight(); !(math.Abs(c.got-want) <= 0.06) {
			t.Errorf("the spike to %v is drawn at %v, want %v", c.value, c.got, want)
		}
	}
}

func TestRunningMean(t *testing.T) {
	got := runningMean([]float64{1, 2, 6, nan, 4, inf, 8}, 3)
	want := []float64{1.5, 3, 4, nan, 4, inf, 8}
	for i := range want {
		if !(got[i] == want[i] || math.IsNaN(got[i]) && math.IsNaN(want[i])) {
			t.Errorf("mean %d is %v, want %v", i, got[i], want[i])
		}
	}
	noisy := Chart{Smooth: true, Series: []Series{{X: counting(300), Y: counting(300)}, {X: counting(59), Y: counting(59)}}}
	if n := len(paths(string(noisy.SVG()))); n != 3 {
		t.Errorf("%d curves, want thin and thick of the long one and one of the short one", n)
	}
	if got := noisy.windowNote(); got != "Thin: every step. Thick: running mean over 11." {
		t.Errorf("note is %q", got)
	}
}

func TestAxes(t *testing.T) {
	texts := func(a axis) string {
		var out []string
		for _, v := range a.ticks {
			out = append(out, tickText(v))
		}
		return strings.Join(out, " ")
	}
	for _, c := range []struct {
		axis axis
		want string
	}{
		{linearAxis(span{0, 599, true}, 6, false), "0 100 200 300 400 500"},
		{linearAxis(span{0, 1e-4, true}, 4, true), "0 5·10⁻⁵ 10⁻⁴"},
		{linearAxis(span{0.4, 4.1, true}, 4, true), "0 1 2 3 4 5"},
		{linearAxis(span{-1, 1, true}, 4, true), "−1 −0.5 0 0.5 1"},
		{linearAxis(span{0, 0, true}, 4, true), "0 0.5 1"},
		{linearAxis(span{7, 7, true}, 4, true), "2 4 6 8 10 12"},
		{linearAxis(span{0, 2_500_000, true}, 4, true), "0 10⁶ 2·10⁶ 3·10⁶"},
		{logAxis(span{1e-4, 1, true}), "10⁻⁴ 0.001 0.01 0.1 1"},
		{logAxis(span{0.18, 1.2, true}), "0.2 0.5 1"},
		{logAxis(span{1e-12, 1e12, true}), "10⁻¹² 10⁻⁸ 10⁻⁴ 1 10⁴ 10⁸ 10¹²"},
	} {
		if got := strings.Replace(texts(c.axis), "10000 ", "10⁴ ", 1); got != c.want {
			t.Errorf("ticks of %v to %v are %q, want %q", c.axis.lo, c.axis.hi, got, c.want)
		}
	}
	for _, s := range []span{{1, 1.001, true}, {3, 3, true}, {2.2, 2.9, true}, {1e-9, 1e-9, true}} {
		if a := logAxis(s); len(a.ticks) < 2 {
			t.Errorf("the axis of %v to %v has %d ticks, want at least 2", s.lo, s.hi, len(a.ticks))
		}
	}
}

func TestSeriesCSV(t *testing.T) {
	var b strings.Builder
	err := WriteSeriesCSV(&b, "step", []Series{
		{Name: "retain", X: []float64{0, 1, 2}, Y: []float64{0, 0.25, nan}},
		{Name: "lr, base", X: []float64{2, 1, 5}, Y: []float64{1e-4, inf, 3}},
	})
	const want = "step,retain,\"lr, base\"\n0,0,\n1,0.25,+Inf\n2,NaN,0.0001\n5,,3\n"
	if err != nil || b.String() != want {
		t.Errorf("error %v, CSV is\n%s\nwant\n%s", err, b.String(), want)
	}
	if err := WriteSeriesCSV(&b, "step", []Series{{X: []float64{nan}, Y: []float64{1}}}); err == nil {
		t.Error("a NaN step gave no error")
	}
}

// A named axis spans every name, and always names the last.
func TestChartNames(t *testing.T) {
	for n := 1; n < 40; n++ {
		names := make([]string, n)
		for i := range names {
			names[i] = "<" + strconv.Itoa(i)
		}
		c := Chart{XNames: names, Series: []Series{{Name: "y", X: []float64{0}, Y: []float64{1}}}}
		svg := string(c.SVG())
		if !strings.Contains(svg, "&lt;"+strconv.Itoa(n-1)+"</text>") {
			t.Errorf("%d names: the last is not there", n)
		}
		if got := strings.Count(svg, "&lt;"); got < 1 || got > 5 {
			t.Errorf("%d names: %d are shown", n, got)
		}
	}
}

func TestChartFromZero(t *testing.T) {
	c := Chart{FromZero: true, Series: []Series{{Name: "y", X: []float64{0, 1}, Y: []float64{90, 100}}}}
	if svg := string(c.SVG()); !strings.Contains(svg, ">0</text>") || !strings.Contains(svg, ">100</text>") {
		t.Error("the axis does not go from 0 to 100:", svg)
	}
}
