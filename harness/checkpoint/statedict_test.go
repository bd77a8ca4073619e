package checkpoint

import (
	"archive/zip"
	"fmt"
	"strings"
	"testing"
)

func TestStateDictNames(t *testing.T) {
	tensor := func(key string) string { return "U" + string(rune(len(key))) + key + scalarRef + "s" }
	record := [2]string{"a/data/0", "\x00\x00\x80\x3f"}
	for program, want := range map[string]string{
		"}" + tensor("w"): "[w] []",
		"}U\x05model}" + tensor("w") + "sU\x01eK\x05s":                                "[w] [e (int 5)]",
		"}U\x05modelK\x03s" + tensor("w"):                                             "[w] [model (int 3)]",
		"}U\x05model}U\x01eK\x05ss" + tensor("w"):                                     "[w] [model (dict of 1)]",
		"}U\x0astate_dict}" + tensor("w") + "s":                                       "[w] []",
		"}U\x03net}" + tensor("w") + "U\x01eNss":                                      "[net.w] [net.e (None)]",
		"}U\x03net]" + scalarRef + "aK\x05as":                                         "[net.0] []",
		"}K\x07" + scalarRef + "s":                                                    "[7] []",
		"}N" + scalarRef + "s" + tensor("w"):                                          "[w] [[None] (tensor)]",
		"}U\x03opt}U\x05state}" + tensor("m") + "sU\x0cparam_groups]ss" + tensor("w"): "[w] [opt (optimizer state)]",
		scalarRef:             "[tensor] []",
		"]" + scalarRef + "a": "[tensor.0] []",
	} {
		f, err := parse(zipOf(t, zip.Store, [2]string{"a/data.pkl", "\x80\x02" + program + "."}, record))
		if err != nil {
			t.Errorf("%q: %v", program, err)
			continue
		}
		var names []string
		for _, x := range f.Tensors {
			names = append(names, x.Name)
		}
		if got := fmt.Sprintf("%v %v", names, f.Skipped); got != want {
			t.Errorf("%q: got %s, want %s", program, got, want)
		}
	}
	for program, want := range map[string]string{
		"}":             "holds no tensors, only: dict of 0",
		"}U\x01eK\x05s": "holds no tensors",
		"K\x05":         "holds no tensors, only: int 5",
		"}U\x01a}" + tensor("b") + "s" + tensor("a.b"): `"a.b" occurs twice`,
		"}" + tensor(""):     "no name",
		"}" + tensor("\xff"): "UTF-8",
	} {
		_, err := parse(zipOf(t, zip.Store, [2]string{"a/data.pkl", "\x80\x02" + program + "."}, record))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", program, err, want)
		}
	}
}
