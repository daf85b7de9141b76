package data

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A folder is the names of the files in one, sorted.
type folder struct {
	path     string
	features [2][]string // of users and of items
	unread   []string    // of kinds that no part of this package reads
	others   []string    // interactions, and what says something of them
}

// readFolder returns the files of a folder, without hidden ones.
func readFolder(path string) (f folder, err error) {
	entries, err := os.ReadDir(path) // sorted by name
	if err != nil {
		return f, fmt.Errorf("data: %w", err)
	}
	f.path = path
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() || strings.HasPrefix(name, ".") {
			continue
		}
		switch side, format := featuresOf(name); {
		case format != nil && side == UserSide:
			f.features[0] = append(f.features[0], name)
		case format != nil:
			f.features[1] = append(f.features[1], name)
		case notRead(name) != "":
			f.unread = append(f.unread, name)
		default:
			f.others = append(f.others, name)
		}
	}
	return f, nil
}

// featuresOf returns whose features a file has, by its name, and in which format; nil of
// a file that has none by its name.
func featuresOf(name string) (side string, format *FeatureFormat) {
	name = trimCompression(name)
	is := func(pattern string) bool {
		ok, _ := filepath.Match(pattern, name) // the patterns are well formed
		return ok && pattern != ""
	}
	for _, f := range FeatureFormats() {
		switch {
		case is(f.Users):
			return UserSide, f
		case is(f.Items):
			return ItemSide, f
		}
	}
	return "", nil
}

// notRead says what a file of RecBole is that is neither interactions nor features, by
// its name; "" of others.
func notRead(name string) string {
	switch filepath.Ext(trimCompression(name)) {
	case ".kg":
		return "a knowledge graph"
	case ".link":
		return "a link from items to a knowledge graph"
	case ".net":
		return "a social network"
	}
	return ""
}

// baseFile returns the name of a file without its folder.
func baseFile(path string) string { return filepath.Base(filepath.FromSlash(path)) }

// openInput opens a file, which done closes.
func openInput(path string) (in *Input, done func(), err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("data: %w", err)
	}
	if in, err = newInput(filepath.ToSlash(path), f); err != nil {
		f.Close() // read only: nothing is lost
		return nil, nil, err
	}
	return in, func() { f.Close() }, nil
}

// A featureFile is a file of features of one side.
type featureFile struct {
	side, path string
	format     *FeatureFormat // nil: it is recognised
	setting    string         // that names it, "" of one that lies beside the interactions
}

// fault is err of the setting that names the file.
func (f featureFile) fault(err error) error {
	if f.setting == "" {
		return err
	}
	return &SettingError{f.setting, err}
}

// featureFiles returns the files of features: those that the configuration names, and those
// in a folder beside the interactions where it names none.
func (p *Plan) featureFiles(in folder) (all []featureFile, err error) {
	for i, side := range []string{UserSide, ItemSide} {
		named := []string{p.Config.UserFeatures, p.Config.ItemFeatures}[i]
		beside := in.features[i]
		switch {
		case named != "":
			all = append(all, featureFile{side: side, path: named, setting: side + "_features"})
		case len(beside) > 1:
			return nil, fmt.Errorf("data: %s: both %s and %s have features of %ss; name one of them by --%s-features", in.path, beside[0], beside[1], side, side)
		case len(beside) == 1:
			_, format := featuresOf(beside[0])
			all = append(all, featureFile{side: side, path: filepath.Join(in.path, beside[0]), format: format})
		}
	}
	return all, nil
}

// withFeatures returns d with the features of its users and items.
func (p *Plan) withFeatures(d *Dataset, in folder) (*Dataset, error) {
	files, err := p.featureFiles(in)
	if err != nil {
		return nil, err
	}
	e := *d
	e.Notes = slices.Clone(d.Notes)
	for _, f := range files {
		fields, notes, err := d.readFeatures(f.path, f.side, f.format)
		if err != nil {
			return nil, f.fault(err)
		}
		to := &e.UserFields
		if f.side == ItemSide {
			to = &e.ItemFields
		}
		for _, x := range *to { // of points, whose features are in the file itself
			if slices.ContainsFunc(fields, func(y Field) bool { return x.Name == y.Name }) {
				return nil, f.fault(fmt.Errorf("data: %s: a column is called %q, as a field is that the points have; rename it", f.path, x.Name))
			}
		}
		*to = append(slices.Clone(*to), fields...)
		e.Notes = append(e.Notes, notes...)
	}
	for i, names := range in.features {
		if named := []string{p.Config.UserFeatures, p.Config.ItemFeatures}[i]; named != "" && len(names) > 0 {
			e.Notes = append(e.Notes, fmt.Sprintf("%s beside the interactions is not read: %s is named in its place", strings.Join(names, ", "), named))
		}
	}
	for _, name := range in.unread {
		e.Notes = append(e.Notes, fmt.Sprintf("%s is not read: it is %s", name, notRead(name)))
	}
	return &e, nil
}
