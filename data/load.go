package data

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/fenchel-ml/fenchel/internal/words"
)

// noteValues returns d with a note of how many of its pairs have a value of 0 or
// less, which is often the publisher's word for no: they count like all others.
func (d *Dataset) noteValues() *Dataset {
	zeros, least := 0, math.Inf(1) // least: the smallest value above 0
	for _, part := range d.Parts() {
		for _, v := range part.Value() {
			if v <= 0 {
				zeros++
			} else {
				least = min(least, float64(v))
			}
		}
	}
	if zeros == 0 {
		return d
	}
	e := *d
	drop := "and no value is above 0"
	if !math.IsInf(least, 1) {
		text := strconv.FormatFloat(least, 'g', -1, 32)
		drop = fmt.Sprintf("and a minimum rating of %s drops them (--min-rating %s)", text, text)
	}
	note := fmt.Sprintf("interactions of value 0 or less: %d; they count as positives, %s", zeros, drop)
	e.Notes = append(slices.Clone(d.Notes), note)
	return &e
}

// Open reads a source as it is: everything in Train, or, for a directory of
// splits, each file in its set. format is "" to recognise it by content.
func Open(source, format string) (*Dataset, error) {
	p, err := (Config{Source: source, Format: format}).Plan()
	if err != nil {
		return nil, err
	}
	return p.open()
}

// Open reads the source as it is: everything in Train, or, for a directory of splits, each
// file in its set.
func (p *Plan) Open() (*Dataset, error) {
	if p == nil {
		return nil, errors.New("data: the plan is nil")
	}
	if p.err != nil {
		return nil, p.err
	}
	return p.open()
}

// open is Open of a plan without faults.
func (p *Plan) open() (*Dataset, error) {
	if p.demo != nil {
		d, err := p.demo.Generate()
		if err != nil {
			return nil, err
		}
		return p.withFeatures(d, folder{})
	}
	source := p.Config.Source
	files, given, err := p.files()
	if err != nil {
		return nil, err
	}
	d, err := openFiles(files, p.format, p.layout)
	if err != nil {
		return nil, err
	}
	if files[0] == source { // it is the file
		d.Name = EscapeID(baseName(source))
		return p.withFeatures(d, folder{})
	}
	beside, err := readFolder(source)
	if err != nil {
		return nil, err
	}
	if d, err = p.withFeatures(d, beside); err != nil {
		return nil, err
	}
	d.Given = given
	if abs, err := filepath.Abs(source); err == nil { // names "." too
		source = abs
	}
	d.Name = EscapeID(filepath.Base(source))
	for part := range partNames {
		switch {
		case !given:
		case files[part] == "":
			d.Notes = append(d.Notes, d.noFile(part))
		case part > 0 && !d.has(part):
			d.Notes = append(d.Notes, fmt.Sprintf("%s holds nothing: there is no %s set", filepath.ToSlash(files[part]), partNames[part]))
		}
	}
	return d, nil
}

// noFile is the note of a directory of splits that lacks one.
func (d *Dataset) noFile(part int) string {
	note := "no " + partNames[part] + " file"
	switch {
	case part != 1 || d.Text:
	case d.Points != nil:
		note += "; the split given:points=0.1 carves one out of train"
	default:
		note += "; the splits given:valid=0.1 and given:hold=0.1 carve one out of train"
	}
	return note
}

// files returns the files of the source: it alone, or, of a directory, its splits or the
// one file of a whole set. given says that they are splits.
func (p *Plan) files() (files [3]string, given bool, err error) {
	source := p.Config.Source
	if source == MemorySource {
		return files, false, errors.New("data: the set was in a program's memory: that program makes it again; a file of this name is ./" + MemorySource)
	}
	info, err := os.Stat(source)
	if err != nil {
		return files, false, fmt.Errorf("data: %w", err)
	}
	if !info.IsDir() {
		if side, format := featuresOf(baseFile(source)); format != nil {
			return files, false, fmt.Errorf("data: %s has features of %ss, and no interactions: name the folder that has both, or the file of interactions, with --%s-features beside it", source, side, side)
		}
		if what := notRead(baseFile(source)); what != "" {
			return files, false, fmt.Errorf("data: %s is %s of RecBole, which is neither interactions nor features", source, what)
		}
		return [3]string{source}, false, nil
	}
	return findFiles(source)
}

// baseName returns the name of a file without its extensions.
func baseName(path string) string {
	name := trimCompression(filepath.Base(path))
	if stem := strings.TrimSuffix(name, filepath.Ext(name)); stem != "" {
		name = stem
	}
	return name
}

var partNames = [3]string{"train", "valid", "test"}

// partWords are the words of a file name, between dots, that tell its part:
// train.txt.gz, ml-100k.valid.inter.
var partWords = [3][]string{{"train"}, {"valid", "validation", "val", "dev"}, {"test"}}

// wholeNames are the files that hold a whole set, as their publishers name them.
var wholeNames = []string{"ratings.dat", "ratings.csv", "u.data", "*.inter"}

// findFiles returns the files of a directory: its splits, or the one file of a
// whole set, which is known by its name or has no other beside it.
func findFiles(dir string) (files [3]string, given bool, err error) {
	in, err := readFolder(dir)
	if err != nil {
		return files, false, err
	}
	names := in.others
	for _, name := range names {
		words := strings.Split(name, ".")
		for p := range files {
			if !slices.ContainsFunc(words, func(w string) bool { return slices.Contains(partWords[p], w) }) {
				continue
			}
			if files[p] != "" {
				return files, false, fmt.Errorf("data: %s: both %s and %s are %s files", dir, filepath.Base(files[p]), name, partNames[p])
			}
			files[p] = filepath.Join(dir, name)
		}
	}
	if files[0] != "" {
		return files, true, nil
	}
	var whole []string
	for _, name := range names {
		plain := trimCompression(name)
		if slices.ContainsFunc(wholeNames, func(pattern string) bool {
			ok, _ := filepath.Match(pattern, plain) // the patterns are well formed
			return ok
		}) {
			whole = append(whole, name)
		}
	}
	if len(whole) == 0 { // there is nothing to choose where one file is all that there is
		whole = slices.DeleteFunc(slices.Clone(names), isAbout)
	}
	if len(whole) == 1 {
		return [3]string{filepath.Join(dir, whole[0])}, false, nil
	}
	return files, false, fmt.Errorf("data: %s holds neither a train file nor exactly one of %s, nor one file alone; it holds %s",
		dir, strings.Join(wholeNames, ", "), shortList(names))
}

// isAbout reports whether a file says something of the others, by its name.
func isAbout(name string) bool {
	stem, _, _ := strings.Cut(strings.ToUpper(name), ".")
	return stem == "README" || stem == "LICENSE" || stem == "LICENCE"
}

func shortList(names []string) string {
	switch {
	case len(names) == 0:
		return "nothing"
	case len(names) > 8:
		return strings.Join(names[:8], ", ") + fmt.Sprintf(" and %d more", len(names)-8)
	}
	return strings.Join(names, ", ")
}

// openFiles reads up to three files into one dataset of three sets.
func openFiles(paths [3]string, named readAs, columns layout) (d *Dataset, err error) {
	err = openInputs(paths, named, columns, func(inputs [3]*Input, format readAs) error {
		ids := newIDTables()
		var parts [3]*Collector
		for p, in := range inputs {
			parts[p] = &Collector{ids: ids, part: uint8(p), in: in}
			if in != nil && format.Spec != nil {
				if err := format.Spec.Read(format.Values, in, parts[p]); err != nil {
					return err
				}
			}
			ids.endFile()
			if p == 0 && len(parts[p].item) == 0 {
				return fmt.Errorf("data: %s holds no interactions", paths[p])
			}
		}
		if err := ids.noGaps(parts); err != nil {
			return err
		}
		if d, err = build(ids, parts); err != nil {
			return fmt.Errorf("data: %s: %w", paths[0], err)
		}
		d.Format = format.String()
		return nil
	})
	return d, err
}

// openInputs calls f with the texts of up to three files and their format, which is
// of nothing where all of them are blank.
func openInputs(paths [3]string, named readAs, columns layout, f func(inputs [3]*Input, format readAs) error) error {
	var inputs [3]*Input
	var present []*Input
	for p, path := range paths {
		if path == "" {
			continue
		}
		f, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("data: %w", err)
		}
		defer f.Close() // read only: nothing is lost with an error
		if inputs[p], err = newInput(filepath.ToSlash(path), f); err != nil {
			return err
		}
		inputs[p].layout = columns
		present = append(present, inputs[p])
	}
	format, err := recognise(present, named, columns)
	if err != nil {
		return err
	}
	return f(inputs, format)
}

// build numbers the ids and makes the sets.
func build(ids *idTables, parts [3]*Collector) (*Dataset, error) {
	if ids.points != nil {
		if ids.indexed || ids.named {
			return nil, errors.New("the format mixes points and interactions")
		}
		return buildPoints(ids.points, parts)
	}
	if ids.text {
		return buildText(ids, parts)
	}
	if ids.indexed && ids.named {
		return nil, errors.New("the format mixes row numbers and ids")
	}
	var err error
	d := &Dataset{}
	if d.Users, err = ids.user.size("user", ids.lines); err != nil {
		return nil, err
	}
	if d.Items, err = ids.item.size("item", ids.lines); err != nil {
		return nil, err
	}
	var userRank, itemRank []int32
	if ids.named {
		userRank, d.UserIDs = ids.user.order()
		itemRank, d.ItemIDs = ids.item.order()
		d.noteNumbers("user", d.UserIDs, &ids.user, parts)
		d.noteNumbers("item", d.ItemIDs, &ids.item, parts)
	} else {
		ids.endUser()
		userRank, d.UserIDs = occurring(d.Users, ids.alone, parts[0].user, parts[1].user, parts[2].user)
		itemRank, d.ItemIDs = occurring(d.Items, parts[0].item, parts[1].item, parts[2].item)
		if d.UserIDs != nil {
			d.Users = len(d.UserIDs)
		}
		if d.ItemIDs != nil {
			d.Items = len(d.ItemIDs)
		}
	}
	d.dropTimes(parts)
	if err := d.alignTimes(parts); err != nil {
		return nil, err
	}
	if n := parts[0].unordered; n > 0 {
		parts[0].Note("the order of items within a line is dropped, and items do not rise in %s; "+
			"where the order is that of time, read it as --format sequence (--from of data convert and data split), or give each pair a timestamp, as csv has it", words.Count(n, "line"))
	}
	for _, c := range parts {
		ranks(c.user, userRank)
		ranks(c.item, itemRank)
	}
	if d.Places = ids.places; d.Places {
		places(d.Users, parts)
	}
	kept := ""
	if timed(parts) {
		d.Histories = newHistories(d.Users, d.Items, parts)
		kept = "; histories keep them"
	}
	var sets [3]*Interactions
	for p, c := range parts {
		for _, note := range c.notes {
			d.Notes = append(d.Notes, partNames[p]+": "+note)
		}
		x, dups, err := FromPairs(d.Users, d.Items, c.user, c.item, c.value, c.time)
		if err != nil {
			return nil, err
		}
		if dups > 0 {
			d.Notes = append(d.Notes, fmt.Sprintf("dropped %s in %s%s", words.Count(dups, "duplicate"), partNames[p], kept))
		}
		// The sets are disjoint: a pair that was seen in training cannot be
		// ranked in a test that masks what was seen.
		for q := range p {
			before := x.Len()
			x = x.minus(sets[q])
			if n := before - x.Len(); n > 0 {
				d.Notes = append(d.Notes, fmt.Sprintf("dropped %s of %s that %s has too%s", words.Count(n, "pair"), partNames[p], partNames[q], kept))
			}
		}
		sets[p] = x
	}
	d.Train, d.Valid, d.Test = sets[0], sets[1], sets[2]
	return d, nil
}

// timed reports whether every file that has interactions has their times.
func timed(parts [3]*Collector) bool {
	for _, c := range parts {
		if len(c.time) != len(c.item) {
			return false
		}
	}
	return true
}

// noteNumbers notes ids that are one number in several spellings.
func (d *Dataset) noteNumbers(what string, ids []string, of *idTable, parts [3]*Collector) {
	n, one, other := sameNumbers(ids)
	if n == 0 {
		return
	}
	name := func(id string) string {
		if at := of.place(id, parts); at != "" {
			return fmt.Sprintf("%q (%s)", id, at)
		}
		return strconv.Quote(id)
	}
	d.Notes = append(d.Notes, fmt.Sprintf("%s ids that are the number of another: %d; %s and %s are two %ss; "+
		"where they are one, write them alike (a column of whole numbers with an empty cell becomes one of 1.0 and 2.0 in pandas)", what, n, name(one), name(other), what))
}

// dropTimes takes the times out of all files where those of one are not understood, and keeps
// why.
func (d *Dataset) dropTimes(parts [3]*Collector) {
	for p, c := range parts {
		if c.odd == 0 {
			continue
		}
		why := fmt.Sprintf("times in %s that are not understood: %d of %d, the first at %v", partNames[p], c.odd, c.times, &c.oddTime)
		d.leaveTimes(parts, why)
	}
}

// leaveTimes takes the times out of all files, for this reason.
func (d *Dataset) leaveTimes(parts [3]*Collector, why string) {
	d.timeless, d.TimeDecimals = cmp.Or(d.timeless, why), 0
	d.Notes = append(d.Notes, why+"; the set is read without times (--columns time=none leaves the column out)")
	for _, c := range parts {
		c.time, c.decimals, c.cut = nil, 0, false
	}
}

// withoutTimes says that the set has no times, and why, where a file has a column of them.
func (d *Dataset) withoutTimes() string {
	if d.timeless != "" {
		return d.timeless + "; without them there are no timestamps"
	}
	return "there are no timestamps"
}

// alignTimes puts the times of all files into the finest unit of any.
func (d *Dataset) alignTimes(parts [3]*Collector) error {
	for _, c := range parts {
		d.TimeDecimals = max(d.TimeDecimals, c.decimals)
	}
	least, most := math.Inf(1), math.Inf(-1)
	for p, c := range parts {
		if !rescale(c.time, c.decimals, d.TimeDecimals) {
			err := fmt.Errorf("times of %s are out of range with the %d decimals of another file", partNames[p], d.TimeDecimals)
			if c.in == nil {
				return err
			}
			d.leaveTimes(parts, err.Error())
			return nil
		}
		if c.cut {
			c.Note("times are cut to %d decimals", maxDecimals)
		}
		for _, n := range c.time {
			x := float64(n) / math.Pow10(d.TimeDecimals)
			least, most = min(least, x), max(most, x)
		}
	}
	// Of any one unit all times since 1973 lie within a factor of a hundred.
	if least >= leastTime && most > 100*least {
		d.Notes = append(d.Notes, fmt.Sprintf("times run from %.0f to %.0f: they seem to be of several units, such as seconds and milliseconds, and out of order", least, most))
	}
	return nil
}
