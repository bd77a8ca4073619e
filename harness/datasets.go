package main

import (
	"fmt"
	"slices"
	"strings"

	"lethe/harness/data"
	"lethe/harness/stage"
)

// DataFlags say which images are kept, forgotten and measured.
type DataFlags struct {
	Retain         []string `help:"Images to keep: folders, folders of classes, .tar, .tar.gz, or world:train." placeholder:"PATH" sep:"none"`
	Forget         []string `help:"Images to forget, likewise." placeholder:"PATH" sep:"none"`
	ProxyRetain    []string `help:"Images that stand in for retain images, with or without --retain." placeholder:"PATH" sep:"none"`
	ProxyClasses   []string `help:"Classes of --proxy-retain to take. Default: all." placeholder:"CLASS"`
	Data           string   `help:"One set whose classes are divided by --forget-classes, --forget-random or --split, instead of --retain and --forget." placeholder:"PATH"`
	ForgetClasses  []string `help:"Classes of --data (or of --forget) to forget." placeholder:"CLASS"`
	ForgetRandom   int      `help:"Forget so many classes of --data, drawn by --split-seed." placeholder:"N"`
	RetainClasses  []string `help:"Classes of --data (or of --retain) to keep. Default: the others." placeholder:"CLASS"`
	Split          string   `help:"Divide --data by a named split: imagenet-paper, places-paper (the class lists of the authors' code) or random:SEED[:FORGET[:RETAIN]]." placeholder:"NAME"`
	SplitSeed      uint64   `help:"Seed of --forget-random, --images-per-class and --hold-out." default:"1"`
	ImagesPerClass int      `help:"Images a class to use, drawn by --split-seed; 0 takes all." default:"0"`
	EvalData       string   `help:"Images to measure on, divided like --data." placeholder:"PATH"`
	EvalRetain     []string `help:"Retain images to measure on." placeholder:"PATH" sep:"none"`
	EvalForget     []string `help:"Forget images to measure on." placeholder:"PATH" sep:"none"`
	HeldOut        []string `help:"Images of classes in neither set, to measure side effects on." placeholder:"PATH" sep:"none"`
	HeldOutClasses []string `help:"Classes of --eval-data (or --data) in neither set, likewise." placeholder:"CLASS"`
	HoldOut        float64  `help:"Without images to measure on: the part of each side that is set aside for it." default:"0.1"`
	SkipBad        bool     `help:"Leave out damaged files with a warning, instead of stopping."`
	Squash         bool     `help:"Scale images to the model's square, ignoring the aspect, instead of cropping the centre."`
}

// imageGroups are the images of one run: the two sides that are trained on, and
// the groups that are measured, in the order of groupOrder.
type imageGroups struct {
	retain, forget *data.Set
	measured       []measuredSet
	evalImages     int
	evalSeed       uint64
}

type measuredSet struct {
	name string
	set  *data.Set
}

// loader opens, divides, decodes and resizes. A source that is named twice is
// read once.
type loader struct {
	*session
	flags  DataFlags
	size   int
	opened map[string]*data.Set
}

// open loads everything that a run needs.
func (f DataFlags) open(s *session, size int, e EvaluateFlags) (*imageGroups, error) {
	l := &loader{session: s, flags: f, size: size, opened: map[string]*data.Set{}}
	g := &imageGroups{evalImages: e.EvalImages, evalSeed: e.EvalSeed}
	var err error
	if g.retain, g.forget, err = l.sides(); err != nil {
		return nil, err
	}
	if err := data.NeedDisjoint(g.retain, g.forget); err != nil {
		return nil, err
	}
	return g, l.measured(g)
}

// load opens a source and decodes its images.
func (l *loader) load(path string) (*data.Set, error) {
	if s := l.opened[path]; s != nil {
		return s, nil
	}
	stop := l.clock.Start(stage.Decode)
	defer func() { stop(0) }()
	s, err := data.Open(path, data.Options{PerClass: l.flags.ImagesPerClass, Seed: l.flags.SplitSeed, SkipBad: l.flags.SkipBad})
	if err != nil {
		return nil, err
	}
	line := l.line("decode "+path, len(s.Items), 0, "image")
	defer line.Drop()
	err = s.Load(l.size, data.LoadOptions{Squash: l.flags.Squash, Progress: func(done, _ int) { line.Step(done) }})
	if err != nil {
		return nil, err
	}
	for _, w := range s.Warnings() {
		l.warn("%s", w)
	}
	l.opened[path] = s
	return s, nil
}

// join loads sources and puts them behind one another.
func (l *loader) join(paths, classes []string) (*data.Set, error) {
	var sets []*data.Set
	for _, p := range paths {
		s, err := l.load(p)
		if err != nil {
			return nil, err
		}
		sets = append(sets, s)
	}
	s, err := data.Join(sets...)
	if err != nil || len(classes) == 0 {
		return s, err
	}
	return s.Subset(classes)
}

// sides loads the retain and the forget images.
func (l *loader) sides() (retain, forget *data.Set, err error) {
	f := l.flags
	if f.Data != "" {
		if len(f.Retain)+len(f.Forget) > 0 {
			return nil, nil, usage("--data divides one set; --retain and --forget name two: give the one or the others")
		}
		return l.divide()
	}
	if len(f.Retain)+len(f.ProxyRetain) == 0 || len(f.Forget) == 0 {
		return nil, nil, usage("give --retain (or --proxy-retain) and --forget, or --data with --forget-classes, --forget-random or --split")
	}
	if len(f.Retain) > 0 {
		if retain, err = l.join(f.Retain, f.RetainClasses); err != nil {
			return nil, nil, fmt.Errorf("retain images: %w", err)
		}
	}
	if retain, err = l.withProxies(retain); err != nil {
		return nil, nil, err
	}
	if forget, err = l.join(f.Forget, f.ForgetClasses); err != nil {
		return nil, nil, fmt.Errorf("forget images: %w", err)
	}
	return retain, forget, nil
}

// withProxies adds the proxy images to the retain side.
func (l *loader) withProxies(retain *data.Set) (*data.Set, error) {
	if len(l.flags.ProxyRetain) == 0 {
		return retain, nil
	}
	proxy, err := l.join(l.flags.ProxyRetain, l.flags.ProxyClasses)
	if err != nil {
		return nil, fmt.Errorf("proxy retain images: %w", err)
	}
	if retain == nil {
		return proxy, nil
	}
	return data.Join(retain, proxy)
}

// divide splits the classes of --data.
func (l *loader) divide() (retain, forget *data.Set, err error) {
	f := l.flags
	all, err := l.load(f.Data)
	if err != nil {
		return nil, nil, err
	}
	gone, kept := f.ForgetClasses, f.RetainClasses
	switch {
	case f.Split != "":
		if len(gone)+f.ForgetRandom+len(kept) > 0 {
			return nil, nil, usage("--split says which classes are kept and forgotten; --forget-classes, --forget-random and --retain-classes say it too: give the one or the others")
		}
		if kept, gone, err = data.NamedSplit(f.Split, all.Classes); err != nil {
			return nil, nil, usage("--split: %s: %w", f.Data, err)
		}
		kept = slices.DeleteFunc(kept, func(c string) bool { return slices.Contains(f.HeldOutClasses, c) })
	case len(gone) > 0 && f.ForgetRandom > 0:
		return nil, nil, usage("--forget-classes and --forget-random exclude each other")
	case f.ForgetRandom > 0:
		if _, gone, err = data.SplitClasses(all.Classes, f.ForgetRandom, f.SplitSeed); err != nil {
			return nil, nil, usage("--forget-random: %v", err)
		}
	case len(gone) == 0:
		return nil, nil, usage("--data needs --forget-classes, --forget-random or --split; %s has the classes %s", f.Data, strings.Join(all.Classes, ", "))
	}
	if len(kept) == 0 && f.Split == "" {
		kept = slices.DeleteFunc(slices.Clone(all.Classes), func(c string) bool {
			return slices.Contains(gone, c) || slices.Contains(f.HeldOutClasses, c)
		})
	}
	for _, c := range gone {
		if slices.Contains(kept, c) || slices.Contains(f.HeldOutClasses, c) {
			return nil, nil, usage("class %s is to be forgotten and to be kept or held out", c)
		}
	}
	if len(kept) == 0 {
		return nil, nil, usage("no class of %s is left to keep", f.Data)
	}
	if forget, err = all.Subset(gone); err != nil {
		return nil, nil, err
	}
	if retain, err = all.Subset(kept); err != nil {
		return nil, nil, err
	}
	retain, err = l.withProxies(retain)
	return retain, forget, err
}

// measured loads or sets aside what the run is measured on.
func (l *loader) measured(g *imageGroups) error {
	f := l.flags
	var retain, forget *data.Set
	var err error
	switch {
	case f.EvalData != "":
		retain, forget, err = l.divideLike(g)
	case len(f.EvalRetain) > 0 && len(f.EvalForget) > 0:
		if retain, err = l.join(f.EvalRetain, f.RetainClasses); err == nil {
			forget, err = l.join(f.EvalForget, f.ForgetClasses)
		}
	case len(f.EvalRetain)+len(f.EvalForget) > 0:
		return usage("--eval-retain and --eval-forget go together")
	default:
		g.retain, retain = l.holdOut("retain", g.retain, 0)
		g.forget, forget = l.holdOut("forget", g.forget, 1)
	}
	if err != nil {
		return fmt.Errorf("images to measure on: %w", err)
	}
	l.cautionOverlap("retain", g.retain, retain)
	l.cautionOverlap("forget", g.forget, forget)
	g.measured = []measuredSet{{"retain", retain}, {"forget", forget}}
	held, err := l.heldOut()
	if err != nil {
		return err
	}
	if held != nil {
		l.cautionOverlap("held-out", g.retain, held)
		l.cautionOverlap("held-out", g.forget, held)
		g.measured = append(g.measured, measuredSet{"heldout", held})
	}
	g.measured = append(g.measured, measuredSet{"retain_seen", g.retain}, measuredSet{"forget_seen", g.forget})
	return nil
}

// divideLike divides --eval-data by the classes of the two sides. With proxy
// images alone on the retain side, every class that is neither forgotten nor
// held out is a retain class.
func (l *loader) divideLike(g *imageGroups) (retain, forget *data.Set, err error) {
	all, err := l.load(l.flags.EvalData)
	if err != nil {
		return nil, nil, err
	}
	real := len(l.flags.Retain) > 0 || l.flags.Data != ""
	kept := slices.DeleteFunc(slices.Clone(all.Classes), func(c string) bool {
		return slices.Contains(g.forget.Classes, c) || slices.Contains(l.flags.HeldOutClasses, c) ||
			real && !slices.Contains(g.retain.Classes, c)
	})
	if len(kept) == 0 {
		return nil, nil, fmt.Errorf("%s has none of the retain classes %s", l.flags.EvalData, classNames(g.retain))
	}
	if retain, err = all.Subset(kept); err != nil {
		return nil, nil, err
	}
	forget, err = all.Subset(g.forget.Classes)
	return retain, forget, err
}

// cautionOverlap warns when images that are measured are trained on too.
func (l *loader) cautionOverlap(name string, trained, measured *data.Set) {
	if n := len(data.Overlap(trained, measured)); n > 0 && trained != measured {
		l.warn("%s: %d of the images to measure on are trained on too", name, n)
	}
}

// holdOut sets a part of a side aside; it is not trained on. A side too small
// for it is measured on its own images, with a warning.
func (l *loader) holdOut(name string, s *data.Set, stream uint64) (train, measure *data.Set) {
	rest, aside := s.HoldOut(l.flags.HoldOut, l.flags.SplitSeed, stream)
	if aside == nil {
		l.warn("%s: no image is set aside to measure on (%d images, --hold-out %g): the measured images are those that are trained on", name, len(s.Items), l.flags.HoldOut)
		return s, s
	}
	return rest, aside
}

// heldOut loads the images of classes in neither side; nil when none are named.
func (l *loader) heldOut() (*data.Set, error) {
	f := l.flags
	paths := f.HeldOut
	if len(f.HeldOutClasses) > 0 && len(paths) == 0 {
		switch {
		case f.EvalData != "":
			paths = []string{f.EvalData}
		case f.Data != "":
			paths = []string{f.Data}
		default:
			return nil, usage("--held-out-classes needs --held-out, --eval-data or --data")
		}
	}
	if len(paths) == 0 {
		return nil, nil
	}
	s, err := l.join(paths, f.HeldOutClasses)
	if err != nil {
		return nil, fmt.Errorf("held-out images: %w", err)
	}
	return s, nil
}

// usage is an error about the arguments, exit status 2.
func usage(format string, args ...any) error {
	return &exitError{2, fmt.Errorf(format, args...)}
}
