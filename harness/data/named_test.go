package data

import (
	"slices"
	"strings"
	"testing"
)

func TestPaperSplits(t *testing.T) {
	for name, lists := range map[string][2]string{"imagenet-paper": {imagenetRetain, imagenetForget}, "places-paper": {placesRetain, placesForget}} {
		all := append(strings.Fields(lists[0]), strings.Fields(lists[1])...)
		want := map[string]int{"imagenet-paper": 100, "places-paper": 50}[name]
		dashed := []string{"other"}
		for _, c := range all {
			dashed = append(dashed, strings.ReplaceAll(c, "/", "-"))
		}
		retain, forget, err := NamedSplit(name, dashed)
		if err != nil || len(retain) != want || len(forget) != want {
			t.Fatalf("%s: %d and %d classes: %v", name, len(retain), len(forget), err)
		}
		for _, c := range retain {
			if slices.Contains(forget, c) {
				t.Errorf("%s: %s on both sides", name, c)
			}
		}
		if _, _, err := NamedSplit(name, dashed[:len(dashed)-1]); err == nil || !strings.Contains(err.Error(), all[len(all)-1]) {
			t.Errorf("%s without %s: %v", name, all[len(all)-1], err)
		}
	}
	if f := strings.Fields(imagenetForget); f[0] != "n01443537" || f[99] != "n02423022" || !slices.IsSorted(f) {
		t.Error("the list of ImageNet's classes to forget is not that of the appendix")
	}
}

func TestRandomSplits(t *testing.T) {
	classes := []string{"a", "b", "c", "d", "e", "f", "g"}
	r, f, err := NamedSplit("random:7:2:3", classes)
	if err != nil || len(f) != 2 || len(r) != 3 || !slices.IsSorted(r) {
		t.Fatalf("%v %v %v", r, f, err)
	}
	_, same, err := SplitClasses(classes, 2, 7)
	if err != nil || !slices.Equal(same, f) {
		t.Errorf("forgets %v, SplitClasses %v: %v", f, same, err)
	}
	if r, f, err := NamedSplit("random:7", classes); err != nil || len(f) != 3 || len(r) != 4 {
		t.Errorf("%v %v %v", r, f, err)
	}
	for _, bad := range []string{"random", "random:x", "random:1:7", "random:1:2:6", "random:1:0", "random:1:2:3:4", "paper", ""} {
		if _, _, err := NamedSplit(bad, classes); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
