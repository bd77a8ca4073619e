package main

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// ConfigFile is a YAML file of flag values: the keys are the long flags of the
// command, with "_" or "-". Flags on the command line override it.
type ConfigFile string

// BeforeResolve reads the file and offers its values to kong, for the flags
// that the command line leaves open.
func (c ConfigFile) BeforeResolve(_ *kong.Kong, ctx *kong.Context, trace *kong.Path) error {
	path := string(ctx.FlagValue(trace.Flag).(ConfigFile))
	values, err := readConfig(path, configFlags(ctx))
	if err != nil {
		return err
	}
	ctx.AddResolver(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		return values[flag.Name], nil
	}))
	return nil
}

// configFlags are the flags of the selected command that a configuration may
// set, by their long names.
func configFlags(ctx *kong.Context) map[string]*kong.Flag {
	flags := map[string]*kong.Flag{}
	for _, f := range ctx.Flags() {
		if f.Name != "help" && f.Name != "config" && f.Name != "version" {
			flags[f.Name] = f
		}
	}
	return flags
}

// readConfig reads a flat YAML mapping and refuses what it does not know.
// Errors name file, line and column.
func readConfig(path string, known map[string]*kong.Flag) (map[string]any, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	file, err := parser.ParseBytes(raw, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", path, yaml.FormatError(err, false, true))
	}
	values := map[string]any{}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		for _, pair := range pairs(doc.Body) {
			at := pair.Key.GetToken()
			where := fmt.Sprintf("%s:%d:%d", path, at.Position.Line, at.Position.Column)
			name := strings.ReplaceAll(at.Value, "_", "-")
			flag := known[name]
			if flag == nil {
				return nil, fmt.Errorf("%s: unknown key %q%s", where, at.Value, suggestion(name, sortedKeys(known)))
			}
			if _, twice := values[name]; twice {
				return nil, fmt.Errorf("%s: key %q stands twice", where, at.Value)
			}
			v, err := configValue(pair.Value, flag.Target.Type())
			if err != nil {
				return nil, fmt.Errorf("%s: key %q: %w", where, at.Value, err)
			}
			values[name] = v
		}
		if len(pairs(doc.Body)) == 0 {
			return nil, fmt.Errorf("%s: want a mapping of flag names to values", path)
		}
	}
	return values, nil
}

// pairs are the entries of a mapping; a mapping of one entry has a node of its
// own in the parser.
func pairs(n ast.Node) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	return nil
}

// configValue turns a YAML scalar or list into what kong's mappers take, for a
// flag of type t; nil leaves the flag open.
func configValue(n ast.Node, t reflect.Type) (any, error) {
	var v any
	if err := yaml.NodeToValue(n, &v); err != nil {
		return nil, err
	}
	if v == nil {
		return nil, nil
	}
	if t.Kind() != reflect.Slice {
		return configScalar(v, t)
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	items := make([]any, len(list))
	for i, item := range list {
		var err error
		if items[i], err = configScalar(item, t.Elem()); err != nil {
			return nil, fmt.Errorf("item %d: %w", i+1, err)
		}
	}
	return items, nil
}

// configScalar checks that a YAML scalar reads as a value of type t. It is handed on
// as text, as if it stood on the command line, but for booleans.
func configScalar(v any, t reflect.Type) (any, error) {
	switch v.(type) {
	case []any, map[string]any, nil:
		return nil, fmt.Errorf("want a single value")
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	text := fmt.Sprint(v)
	var err error
	switch {
	case t == reflect.TypeFor[time.Duration]():
		if _, err = time.ParseDuration(text); err != nil {
			return nil, fmt.Errorf("%q is no duration such as 20m or 90s", text)
		}
	case t.Kind() == reflect.Bool:
		if _, ok := v.(bool); !ok {
			return nil, fmt.Errorf("%q is neither true nor false", text)
		}
		return v, nil
	case t.Kind() == reflect.Int:
		if _, err = strconv.Atoi(text); err != nil {
			return nil, fmt.Errorf("%q is no whole number", text)
		}
	case t.Kind() == reflect.Uint64:
		if _, err = strconv.ParseUint(text, 10, 64); err != nil {
			return nil, fmt.Errorf("%q is no whole number from 0", text)
		}
	case t.Kind() == reflect.Float64:
		if _, err = strconv.ParseFloat(text, 64); err != nil {
			return nil, fmt.Errorf("%q is no number", text)
		}
	}
	return text, nil
}

// suggestion names the known key that differs least, when it is close.
func suggestion(name string, known []string) string {
	best, distance := "", min(4, 1+(len(name)+1)/2)
	for _, k := range known {
		if d := editDistance(name, k); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return ": want one of " + strings.Join(known, ", ")
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// editDistance is Levenshtein's, with a transposition counted as one.
func editDistance(a, b string) int {
	prev, cur := []int(nil), make([]int, len(b)+1)
	for j := range cur {
		cur[j] = j
	}
	for i := range len(a) {
		before := prev
		prev, cur = cur, make([]int, len(b)+1)
		cur[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			cur[j+1] = min(prev[j+1]+1, cur[j]+1, prev[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				cur[j+1] = min(cur[j+1], before[j-1]+1)
			}
		}
	}
	return cur[len(b)]
}

// resolvedConfig is the YAML of every flag's value, in the order of the help;
// feeding it back by --config repeats the run.
func resolvedConfig(ctx *kong.Context) ([]byte, error) {
	var out yaml.MapSlice
	known := configFlags(ctx)
	for _, f := range ctx.Flags() {
		if known[f.Name] == nil || slices.Contains([]string{"resume", "force", "cpu-profile", "budget"}, f.Name) {
			continue
		}
		v := f.Target.Interface()
		if f.Target.Kind().String() == "slice" && f.Target.Len() == 0 || fmt.Sprint(v) == "" {
			continue
		}
		out = append(out, yaml.MapItem{Key: strings.ReplaceAll(f.Name, "-", "_"), Value: v})
	}
	return yaml.Marshal(out)
}
