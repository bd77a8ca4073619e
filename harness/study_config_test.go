package main

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"lethe/harness/unlearn"
)

// TestStudyRefusals: what a study cannot say, with the line and the way out.
func TestStudyRefusals(t *testing.T) {
	for _, c := range []struct {
		name, more string
		replace    []string
		says       []string
	}{
		{"unknown key", "mask: [random:0.5]\n", nil, []string{"mask", "lethe study --example", "[20:1]"}},
		{"no YAML", "a: [b\n", nil, []string{"lethe study --example"}},
		{"wrong type", "", []string{"seeds: [1, 2]", "seeds: [one]"}, []string{"[15:9]"}},
		{"unknown method", "", []string{"[ours, max-loss]", "[ours, our]"}, []string{"study.yaml:13:17: methods[1]: unknown method \"our\": want one of ours"}},
		{"unknown setting", "", []string{"{steps: 16", "{stps: 16"}, []string{":17:", `unknown setting "stps"`, `did you mean "steps"?`}},
		{"setting out of range", "", []string{"lr: 1e-3}\nevaluation", "lr: -1}\nevaluation"}, []string{":17:", "--lr=-1"}},
		{"setting of a method that is not there", "method_settings: {noisy-label: {lr: 1}}\n", nil, []string{"noisy-label is not among the methods"}},
		{"no seeds", "", []string{"seeds: [1, 2]", "seeds: []"}, []string{"seeds: none"}},
		{"a seed twice", "", []string{"seeds: [1, 2]", "seeds: [1, 1]"}, []string{":15:", "stands twice"}},
		{"no model", "", []string{"checkpoint: ", "model: "}, []string{"models[0]: give either checkpoint, or pretrain"}},
		{"a file that is not there", "", []string{"checkpoint: " + shared.weights, "checkpoint: nothing.safetensors"}, []string{":3:", "nothing.safetensors"}},
		{"a mask that does not fit", "", []string{"centre:2]", "centre:4]"}, []string{":16:", "masks[1]", "centre:4"}},
		{"both divisions", "", []string{"  forget:", "  split: random:1\n  forget:"}, []string{"give either forget, a list of classes, or split"}},
		{"an unknown class", "", []string{"[face, fish]", "[face, fsh]"}, []string{":7:", `no class "fsh"`}},
		{"a class on both sides", "", []string{"[brick, car]", "[brick, face]"}, []string{"face is to be forgotten and to be kept"}},
		{"an unknown split", "", []string{"  forget: [face, fish]\n  retain: [brick, car]", "  split: paper"}, []string{":7:", "imagenet-paper"}},
		{"classes of another data set", "", []string{"  forget: [face, fish]\n  retain: [brick, car]", "  split: places-paper"}, []string{":7:", "100 of the split's classes are not there"}},
		{"a retain set of nothing", "", []string{"real: true", "real: false"}, []string{"real has no images"}},
		{"measured and trained", "", []string{"eval: world:test?per-class=3", "eval: world:train?per-class=3"}, []string{"forget and images to measure on (forget) share 6 images by content", "allow_overlap"}},
		{"kept and forgotten", "", []string{`classes: ["*"]`, "classes: [face]"}, []string{"retain set proxy", "share 6 pictures by content"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			lethe(t, "study", tinyStudy(t, dir, c.more, c.replace...)).refused(t, 2, c.says...)
			if got := files(t, dir); len(got) != 1 {
				t.Errorf("something was written: %v", got)
			}
		})
	}
	lethe(t, "study").refused(t, 2, "lethe study --example")
	for _, bad := range []string{"0/2", "3/2", "1", "a/b", "1/0"} {
		lethe(t, "study", tinyStudy(t, t.TempDir(), ""), "--shard="+bad).refused(t, 2, "--shard")
	}
}

func TestStudyAllowsOverlap(t *testing.T) {
	dir := t.TempDir()
	path := tinyStudy(t, dir, "allow_overlap: true\n", "eval: world:test?per-class=3", "eval: world:train?per-class=3", "alphas: [0.1, 1]", "alphas: [1]", "[ours, max-loss]", "[ours]", "seeds: [1, 2]", "seeds: [1]")
	r := lethe(t, "study", path).ok(t)
	const says = "forget and images to measure on (forget) share 6 images by content"
	if !strings.Contains(r.err, "warning: "+says) || !strings.Contains(string(read(t, dir, "study-results", "study", "tables.md")), says) {
		t.Errorf("no warning, or none in the tables: %s", r.err)
	}
}

// TestStudyPlan: alpha makes cells only of methods that it has a part in, and shards
// divide all measurements.
func TestStudyPlan(t *testing.T) {
	alphas := []float64{0.1, 1}
	if got := alphasOf(unlearn.Method{}, alphas); len(got) != 2 || *got[1] != 1 {
		t.Errorf("alphas %v", got)
	}
	if got := alphasOf(unlearn.Method{IgnoresAlpha: true}, alphas); len(got) != 1 || got[0] != nil {
		t.Errorf("a method without alpha has %v", got)
	}
	path := tinyStudy(t, t.TempDir(), "", "forget: [face, fish]\n  retain: [brick, car]", "split: random:1:2:2")
	lines := map[string]int{}
	for _, shard := range []string{"1/3", "2/3", "3/3"} {
		r := lethe(t, "study", path, "--dry-run", "--shard="+shard).ok(t)
		for line := range strings.Lines(r.out) {
			if strings.HasPrefix(line, "to do") && !strings.Contains(line, "pretrain") {
				lines[line]++
			}
		}
	}
	if len(lines) != 2+2+16+32 {
		t.Errorf("%d cells in all shards", len(lines))
	}
	for line, n := range lines {
		if n != 1 {
			t.Errorf("in %d shards: %s", n, line)
		}
	}
}

// stub is a folder with a program named lethe that prints its arguments.
func stub(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "lethe"), []byte("#!/bin/sh\necho \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// shell runs a script with the stub as lethe.
func shell(t *testing.T, script string, env ...string) string {
	t.Helper()
	c := exec.Command("/bin/sh", "-c", script)
	c.Env = append(append(os.Environ(), "PATH="+stub(t)+":"+os.Getenv("PATH")), env...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestStudyOnSlurm(t *testing.T) {
	script := lethe(t, "study", "--example-slurm").ok(t).out
	if !strings.Contains(script, "\n#SBATCH --array=1-8\n") {
		t.Error("the array does not begin at 1, as --shard does")
	}
	if got, want := shell(t, script, "SLURM_ARRAY_TASK_ID=3", "SLURM_ARRAY_TASK_COUNT=8", "SLURM_CPUS_PER_TASK=4", "STUDY=my study.yaml"), "study my study.yaml --threads 4 --shard 3/8"; got != want {
		t.Errorf("the script runs %q, want %q", got, want)
	}
	if got := shell(t, script, "SLURM_ARRAY_TASK_ID=3", "SLURM_ARRAY_TASK_COUNT=1", "SHARDS=8"); !strings.HasSuffix(got, "--shard 3/8") {
		t.Errorf("a task submitted alone runs %q", got)
	}
}

func TestStudyOnKubernetes(t *testing.T) {
	var job struct {
		APIVersion, Kind string
		Spec             struct {
			CompletionMode           string `yaml:"completionMode"`
			Completions, Parallelism int
			Template                 struct {
				Spec struct {
					RestartPolicy string `yaml:"restartPolicy"`
					Containers    []struct{ Command, Args []string }
				}
			}
		}
	}
	if err := yaml.Unmarshal([]byte(lethe(t, "study", "--example-kubernetes").ok(t).out), &job); err != nil {
		t.Fatal(err)
	}
	if job.Kind != "Job" || job.Spec.CompletionMode != "Indexed" || job.Spec.Completions != 8 || len(job.Spec.Template.Spec.Containers) != 1 {
		t.Fatalf("%+v", job)
	}
	c := job.Spec.Template.Spec.Containers[0]
	if len(c.Command) != 2 || c.Command[0] != "/bin/sh" || len(c.Args) != 1 {
		t.Fatalf("%+v", c)
	}
	for index, want := range map[string]string{"0": "1/8", "7": "8/8"} {
		if got := shell(t, c.Args[0], "JOB_COMPLETION_INDEX="+index); got != "study /study/study.yaml --shard "+want {
			t.Errorf("index %s runs %q", index, got)
		}
	}
}

// TestStudyExamples: the examples are studies; the plan of the first is made.
func TestStudyExamples(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "study.yaml")
	if err := os.WriteFile(path, []byte(lethe(t, "study", "--example").ok(t).out), 0o644); err != nil {
		t.Fatal(err)
	}
	if r := lethe(t, "study", "check", path).ok(t); !strings.Contains(r.out, "185 cells, 0 done") {
		t.Errorf("the example has other cells: %s", r.out)
	}
	raw := read(t, "builtin", "study-cifar10.yaml")
	if _, err := parseStudy("study-cifar10.yaml", raw); err != nil {
		t.Error(err)
	}
}

// TestStudyTable: means and deviations by hand, and what is best on either side.
func TestStudyTable(t *testing.T) {
	one, two := 0.1, 1.0
	metrics := func(retain, forget float64) map[string]map[string]float64 {
		return map[string]map[string]float64{"retain": {"psnr": retain, "ssim": retain / 40, "odd": 1}, "forget": {"psnr": forget, "ssim": forget / 40, "FID": 2}}
	}
	tb := &studyTable{Model: "m", Mask: "k", Images: map[string]int{"retain": 3, "forget": 2}}
	tb.row(studyRow{Method: rowOriginal}).values = append(tb.row(studyRow{Method: rowOriginal}).values, metrics(30, 30))
	tb.row(studyRow{Method: rowOracle}).values = append(tb.row(studyRow{Method: rowOracle}).values, metrics(29, 20))
	a, b := tb.row(studyRow{"ours", "real", &one}), tb.row(studyRow{"ours", "real", &two})
	a.values = append(a.values, metrics(28, 16), metrics(30, 20))
	b.values = append(b.values, metrics(20, 10))
	tb.columns()
	tb.fill()
	var heads []string
	for _, c := range tb.Columns {
		heads = append(heads, c.head())
	}
	if got := strings.Join(heads, ", "); got != "forget FID, retain PSNR dB, forget PSNR dB, retain SSIM, forget SSIM, retain odd" {
		t.Fatalf("columns %s", got)
	}
	if s := a.Stats[1]; s.N != 2 || s.Mean != 29 || s.text() != "29 ± 1.4" {
		t.Errorf("%+v is %s", s, s.text())
	}
	if s := a.Delta[2]; s.Mean != -2 || b.Delta[2].Mean != -10 || b.Stats[2].text() != "10" {
		t.Errorf("differences %+v and %+v", s, b.Delta[2])
	}
	if !a.Best[1] || b.Best[1] || a.Best[2] || !b.Best[2] || a.Best[5] || !a.Near[2] || b.Near[2] {
		t.Errorf("best: %v %v, nearest: %v %v", a.Best, b.Best, a.Near, b.Near)
	}
	md := string(studyMarkdown("s", []*studyTable{tb}, nil))
	if !strings.Contains(md, "| ours, α 0.1 | 2 | **2 ± 0** | **29 ± 1.4** | 18 ± 2.8 | **0.725 ± 0.035** | 0.45 ± 0.071 | 1 ± 0 |") {
		t.Errorf("Markdown:\n%s", md)
	}
	f, ok := tb.figure()
	if !ok || f.XName != "1 − SSIM on retain images" || len(f.Lines) != 1 || len(f.Lines[0].Points) != 1 || len(f.Marks) != 2 || !strings.Contains(f.Note, "Left out, with an error on retain images beyond 0.40: ours, α 1.") ||
		math.Abs(f.Lines[0].Points[0].Retain-0.275) > 1e-12 || f.Lines[0].Points[0].Label != "0.1" || f.Marks[1].Name != rowOracle {
		t.Errorf("figure %+v", f)
	}
}

// TestStudyETA: the time of a cell is that of its like, and two processes that did as
// much each share what is left.
func TestStudyETA(t *testing.T) {
	e := &studyETA{map[string]float64{}, map[string]int{}}
	of := func(kind, method string) *cell {
		return &cell{spec: cellSpec{Kind: kind}, row: studyRow{Method: method}}
	}
	e.learn(of(kindMeasure, "ours"), 10)
	e.learn(of(kindMeasure, "ours"), 30)
	e.learn(of(kindMeasure, "max-loss"), 50)
	left := []*cell{of(kindMeasure, "ours"), of(kindMeasure, "max-loss"), of(kindMeasure, "retain-label")}
	for _, c := range []struct {
		share float64
		want  string
	}{{1, "3 left, about 1m40s"}, {portion(60, 60), "3 left, about 50s"}, {portion(0, 60), "3 left, about 1m40s"}, {portion(60, 0), "3 left, about 1m40s"}} {
		if got := e.text(left, c.share); got != c.want {
			t.Errorf("share %g: %q, want %q", c.share, got, c.want)
		}
	}
	if got := e.text(append(left, of(kindPretrain, "")), 1); got != "4 left, about 1m40s and 1 of kinds not measured yet" {
		t.Error(got)
	}
	if got := e.text(nil, 1); got != "nothing left" {
		t.Error(got)
	}
}
