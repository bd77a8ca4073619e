package data

import (
	"fmt"
	"hash/fnv"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"lethe/layers/rng"
)

// Item is one picture of a Set.
type Item struct {
	// Path names the picture within its set: slash-separated, below the
	// folder or inside the tar; "face/17" in the procedural world.
	Path string
	// Class is the name of the folder that holds the picture; empty for
	// pictures directly in the opened folder.
	Class string
	// Hash is the SHA-256 of the file's bytes; for the procedural world, of
	// the picture's seed, class and index.
	Hash [32]byte

	source source
	pixels []uint8 // [size,size,3] after Load
}

// source fetches a picture; one implementation per kind of Set.
type source interface {
	picture() (Image, string, error)
}

// Set is an ordered list of pictures. Items are sorted by Path, whatever the
// order on disk; Classes are the sorted classes that occur.
type Set struct {
	Name    string // as it was opened, for messages and reports
	Items   []Item
	Classes []string
	// SideFiles counts files that are clearly no pictures (txt, tsv, json, ...).
	SideFiles int

	skipBad  bool
	size     int // of the cache, 0 before Load
	warnings []warning
}

// Options choose what Open takes.
type Options struct {
	// Classes are the classes to take; none means all. One that the source
	// lacks is an error.
	Classes []string
	// PerClass is the number of pictures of each class, 0 for all: a random
	// choice by Seed from a folder or a tar, the first ones of the world.
	PerClass int
	Seed     uint64
	// SkipBad drops files that are not JPEG or PNG, or damaged, with a
	// warning each, where otherwise the first one is an error.
	SkipBad bool
}

// Open lists the pictures of one of
//
//   - one JPEG or PNG file, which has no class,
//   - a folder of JPEG and PNG files, or of class folders at any depth
//     (train/cat/1.jpg has class cat),
//   - a .tar, .tar.gz or .tgz with the same inside,
//   - a folder inside a tar: images.tar/train,
//   - world:train or world:test, the procedural world; world:train?seed=3&per-class=200&classes=fish,face
//     chooses the seed (1), the number of pictures of each class (1000 and
//     100) and the classes (all). The two share no picture.
//
// Names that begin with a dot are ignored, other files than pictures counted
// in SideFiles or refused.
//
// Errors: nothing there, no picture, an unknown class, or a file that is
// neither a picture nor known to be something else; each names the file.
func Open(name string, o Options) (*Set, error) {
	s := &Set{Name: name, skipBad: o.SkipBad}
	if o.PerClass < 0 {
		return nil, fmt.Errorf("open %s: %d pictures a class: want 0 (all) or more", name, o.PerClass)
	}
	var err error
	if spec, ok := strings.CutPrefix(name, "world:"); ok {
		err = s.openWorld(spec, o)
	} else {
		err = s.openFiles(name, o)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	s.listClasses()
	return s, nil
}

// openFiles fills the set from a folder or a tar.
func (s *Set) openFiles(name string, o Options) error {
	base, inner, err := splitArchive(name)
	if err != nil {
		return err
	}
	var found []candidate
	if info, statErr := os.Stat(base); statErr == nil && info.Mode().IsRegular() && !isArchive(base) {
		found = []candidate{fileCandidate(base, filepath.Base(base))}
	} else if inner == "" && !isArchive(base) {
		found, err = s.walkFolder(base)
	} else {
		found, err = s.walkTar(base, inner)
	}
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fmt.Errorf("no JPEG or PNG file in it (%d other files)", s.SideFiles)
	}
	sort.SliceStable(found, func(i, j int) bool { return found[i].path < found[j].path })
	if found, err = s.choose(found, o); err != nil {
		return err
	}
	for _, c := range found {
		item, err := c.load()
		if err != nil {
			if !o.SkipBad {
				return fmt.Errorf("%s: %w; remove the file, or skip such files with --skip-bad", c.path, err)
			}
			s.warn(c.path, "skipped: "+err.Error())
			continue
		}
		s.Items = append(s.Items, item)
	}
	if len(s.Items) == 0 {
		return fmt.Errorf("none of its %d files is a readable JPEG or PNG", len(found))
	}
	return nil
}

// candidate is a file that may be a picture, before its bytes were looked at.
type candidate struct {
	path, class string
	load        func() (Item, error)
}

// choose keeps the classes and the number of pictures that the options ask for.
func (s *Set) choose(found []candidate, o Options) ([]candidate, error) {
	byClass := map[string][]candidate{}
	for _, c := range found {
		byClass[c.class] = append(byClass[c.class], c)
	}
	if err := needClasses(sortedKeys(byClass), o.Classes); err != nil {
		return nil, err
	}
	var out []candidate
	for class, members := range byClass {
		if len(o.Classes) > 0 && !slices.Contains(o.Classes, class) {
			continue
		}
		if o.PerClass > len(members) {
			s.warn("class "+class, fmt.Sprintf("has %d pictures, %d were asked for", len(members), o.PerClass))
		}
		if o.PerClass > 0 && o.PerClass < len(members) {
			h := fnv.New64a()
			h.Write([]byte(class))
			pick := rng.New(o.Seed, rng.Split, h.Sum64(), 1).Perm(len(members))[:o.PerClass]
			for _, i := range pick {
				out = append(out, members[i])
			}
			continue
		}
		out = append(out, members...)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].path < out[j].path })
	return out, nil
}

// needClasses checks that every wanted class is present.
func needClasses(present, wanted []string) error {
	for _, w := range wanted {
		if !slices.Contains(present, w) {
			return fmt.Errorf("no class %q; it has %s", w, listed(present))
		}
	}
	return nil
}

// listed quotes the first few names of a list.
func listed(names []string) string {
	const most = 12
	if len(names) == 1 && names[0] == "" {
		return "no class folders"
	}
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// listClasses derives Classes from Items.
func (s *Set) listClasses() {
	seen := map[string]bool{}
	for _, it := range s.Items {
		seen[it.Class] = true
	}
	s.Classes = sortedKeys(seen)
}

// Image decodes picture i at its own size.
//
// Errors: the file is damaged or has gone; the error names it.
// Panics: i is outside Items.
func (s *Set) Image(i int) (Image, error) {
	im, _, err := s.Items[i].source.picture()
	if err != nil {
		return Image{}, fmt.Errorf("%s in %s: %w", s.Items[i].Path, s.Name, err)
	}
	return im, nil
}

// classOf is the folder that holds the file at the slash-separated path.
func classOf(p string) string {
	dir := path.Dir(p)
	if dir == "." || dir == "/" {
		return ""
	}
	return path.Base(dir)
}

// isHidden tells names that are ignored: any part begins with a dot, or it is
// the resource-fork folder of a Mac's zip.
func isHidden(p string) bool {
	for part := range strings.SplitSeq(p, "/") {
		if strings.HasPrefix(part, ".") && part != "." || part == "__MACOSX" {
			return true
		}
	}
	return false
}

// sideFile tells names that are clearly no pictures.
func sideFile(p string) bool {
	switch strings.ToLower(path.Ext(p)) {
	case ".txt", ".tsv", ".csv", ".json", ".jsonl", ".md", ".yaml", ".yml", ".toml", ".xml", ".html", ".py", ".sha256", ".md5":
		return true
	}
	switch path.Base(p) {
	case "README", "LICENSE", "COPYING", "SHA256SUMS", "MD5SUMS", "Thumbs.db", "desktop.ini":
		return true
	}
	return false
}

func isArchive(name string) bool {
	lower := strings.ToLower(name)
	return strings.HasSuffix(lower, ".tar") || strings.HasSuffix(lower, ".tar.gz") || strings.HasSuffix(lower, ".tgz")
}

// splitArchive divides dir/images.tar/train into dir/images.tar and train. The
// inner part is empty for a plain folder or a whole tar.
func splitArchive(name string) (base, inner string, err error) {
	info, err := os.Stat(name)
	if err == nil {
		if !info.IsDir() && !isArchive(name) && sideFile(name) {
			return "", "", fmt.Errorf("want a JPEG or PNG file, a folder, a .tar, a .tar.gz or world:train")
		}
		return name, "", nil
	}
	for dir, rest := filepath.Split(filepath.Clean(name)); dir != ""; {
		dir = filepath.Clean(dir)
		if info, e := os.Stat(dir); e == nil {
			if !info.IsDir() && isArchive(dir) {
				return dir, filepath.ToSlash(rest), nil
			}
			break
		}
		up, last := filepath.Split(dir)
		if up == dir {
			break
		}
		dir, rest = up, filepath.Join(last, rest)
	}
	return "", "", err
}
