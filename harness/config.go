package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

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
	values, err := readConfig(path, commandFlags(ctx))
	if err != nil {
		return err
	}
	ctx.AddResolver(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		return values[flag.Name], nil
	}))
	return nil
}

// commandFlags are the long names that a configuration of the selected command
// may use.
func commandFlags(ctx *kong.Context) []string {
	var names []string
	for _, f := range ctx.Flags() {
		if f.Name != "help" && f.Name != "config" && f.Name != "version" {
			names = append(names, f.Name)
		}
	}
	return names
}

// readConfig reads a flat YAML mapping and refuses what it does not know.
// Errors name file, line and column.
func readConfig(path string, known []string) (map[string]any, error) {
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
			if !slices.Contains(known, name) {
				return nil, fmt.Errorf("%s: unknown key %q%s", where, at.Value, suggestion(name, known))
			}
			if _, twice := values[name]; twice {
				return nil, fmt.Errorf("%s: key %q stands twice", where, at.Value)
			}
			v, err := configValue(pair.Value)
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

// configValue turns a YAML scalar or list into what kong's mappers take.
func configValue(n ast.Node) (any, error) {
	var v any
	if err := yaml.NodeToValue(n, &v); err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case map[string]any:
		return nil, fmt.Errorf("want a value or a list")
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = fmt.Sprint(item)
		}
		return items, nil
	case nil:
		return nil, nil
	case bool:
		return v, nil
	default:
		return fmt.Sprint(v), nil
	}
}

// suggestion names the known key that differs least, when it is close.
func suggestion(name string, known []string) string {
	best, distance := "", 4
	for _, k := range known {
		if d := editDistance(name, k); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return "; lethe COMMAND --help lists the keys (the long flags)"
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
	for _, f := range ctx.Flags() {
		if !slices.Contains(commandFlags(ctx), f.Name) || slices.Contains([]string{"resume", "force", "cpu-profile"}, f.Name) {
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
