package data

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/bits"
	"os"
	"path/filepath"
)

// A Need is the memory that loading a set takes at its fullest, garbage apart, asked
// for before it is loaded.
type Need struct {
	Bytes int64 // at the fullest moment

	// How that is known: the sizes of a generated set; what was counted in the files; or
	// how large they are, which bounds it.
	Basis string
}

// Need returns what loading p takes, without reading the source: of a generated set
// about, and of files at most. A file of n bytes has n/[Format.Least] interactions at the
// most, each perhaps of a user and an item of its own, which take some 560 bytes, and n
// bytes of ids; compressed files are decompressed to be measured. Honest files take a
// tenth of that as a rule: where the bound does not fit, ask [Plan.Count]. What is no
// regular file, such as a pipe, can be read but once, and has no known need. Files of
// features are bounded by their size too.
func (p *Plan) Need() (Need, error) {
	if p.err != nil {
		return Need{}, p.err
	}
	return p.withFeatureNeed(p.needOfPairs())
}

func (p *Plan) needOfPairs() (Need, error) {
	if p.demo != nil {
		return p.demo.need(), nil
	}
	if once, err := p.readOnce(); once || err != nil {
		return unknown, err
	}
	c := counts{value: true, time: true, named: true, odd: true, filtered: true, rows: 2 * denseIDs}
	size := int64(0)
	text := int64(0)
	err := p.eachInput(func(in *Input, f readAs) error {
		n, err := in.size()
		size += n
		if f.Spec.extent != nil && err == nil {
			pairs, ids, err := f.Spec.extent(in)
			c.pairs, text = c.pairs+pairs, text+ids
			return err
		}
		c.pairs += n/int64(f.Spec.Least) + 1 // the last line may have no end
		text += n
		return err
	})
	c.users, c.items, c.text, c.line = c.pairs, c.pairs, text, size
	return Need{c.bytes(), fmt.Sprintf("at most, by %d bytes of text", size)}, err
}

// unknown is the need of what can be read but once.
var unknown = Need{Basis: "not known before they are read"}

// readOnce reports whether a file of the source is no regular one.
func (p *Plan) readOnce() (bool, error) {
	paths, _, err := p.files()
	if err != nil {
		return false, err
	}
	for _, path := range paths {
		if path == "" {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return false, fmt.Errorf("data: %w", err)
		}
		if !info.Mode().IsRegular() {
			return true, nil
		}
	}
	return false, nil
}

// Count returns what loading p takes, having read the files once without keeping
// anything: their interactions are counted, and their users and items to one or two
// parts in a hundred.
func (p *Plan) Count() (Need, error) {
	if p.err != nil || p.demo != nil {
		return p.Need()
	}
	if once, err := p.readOnce(); once || err != nil {
		return unknown, err
	}
	t := &tally{}
	longest := 0
	err := p.eachInput(func(in *Input, f readAs) error {
		err := f.Spec.Read(f.Values, in, &Collector{tally: t, in: in})
		longest = max(longest, in.most)
		return err
	})
	if err != nil {
		return Need{}, err
	}
	c := t.counts()
	c.line = int64(longest)
	c.filtered = p.filter() != Filter{}
	return p.withFeatureNeed(Need{c.bytes(), fmt.Sprintf("%d interactions of about %d users and %d items", c.pairs, c.users, c.items)}, nil)
}

// featureBytes is what reading a byte of a file of features takes at the most: a cell of one
// byte and a separator is an id, perhaps of a name of its own, which is in a map that is half
// full, an object of its own, and in lists; or a row's bounds, in each column.
const featureBytes = 40

// withFeatureNeed adds to n what reading features takes.
func (p *Plan) withFeatureNeed(n Need, err error) (Need, error) {
	if err != nil || n.Bytes == 0 { // what is not known stays so
		return n, err
	}
	var in folder
	if info, err := os.Stat(p.Config.Source); err == nil && info.IsDir() && p.demo == nil {
		if in, err = readFolder(p.Config.Source); err != nil {
			return n, err
		}
	}
	files, err := p.featureFiles(in)
	if err != nil {
		return n, err
	}
	size := int64(0)
	for _, f := range files {
		info, err := os.Stat(f.path)
		if err != nil {
			return unknown, f.fault(fmt.Errorf("data: %w", err))
		}
		if !info.Mode().IsRegular() {
			return unknown, nil
		}
		in := Input{file: filepath.ToSlash(f.path)}
		bytes, err := in.size()
		if err != nil {
			return n, f.fault(err)
		}
		size += bytes
	}
	if size > 0 {
		n.Bytes += featureBytes * size
		n.Basis += fmt.Sprintf("; features at most, by %d bytes of text", size)
	}
	return n, nil
}

// counts are what the memory of loading depends on.
type counts struct {
	pairs, users, items int64
	value, time         bool
	filtered            bool
	stream              bool // running text, of which pairs are the tokens, and users the documents

	// Of ids that are tokens: the bytes of their texts, and whether some are numbers in
	// odd spellings, which are looked for by another map.
	named, odd bool
	text       int64

	rows             int64 // of tables over row numbers
	points, features int64 // points, and features of all of them
	featureValues    bool  // some are not 1
	line             int64 // bytes of the longest line
}

// bytes returns the memory at its fullest: while the pairs that were read are sorted into
// sets, while the sets are filtered, or while they are split.
func (c *counts) bytes() int64 {
	if c.stream {
		return c.textBytes()
	}
	n, pair := c.pairs, int64(4)
	if c.value {
		pair += 4
	}
	if c.time {
		pair += 8
	}
	kept, ids := n*pair+24*c.users, 2*c.line
	history := int64(0) // what putting the events in order takes beside themselves
	if c.time {
		kept += 5*n + 8*c.users
		history = 8*n + 8*c.users
	}
	if all := c.users + c.items; c.rows > 0 && !c.named {
		// Tables over row numbers; where some of these are missing, the others as texts.
		ids += 5*c.rows + 20*all
		kept += all * (stringHeader + 8)
	} else if c.named {
		// A token is in a map that is half full, an object of its own, and in a list; for
		// the order there are permutation, number and rank, and the list in order.
		ids += all * (57 + 8 + 24 + 16)
		kept += all*stringHeader + c.text
		if c.odd {
			ids += all * 90
		}
	}
	// What was read is in slices that grow by a quarter, the user beside the rest of the
	// pair; then there is the order of the pairs, and where users begin.
	reading := (n+n/4)*(pair+4) + ids + max(4*n+16*c.users, history) + kept
	// A split has the parts of pairs beside the new sets and the old, and by time the
	// times in order; histories have marks of their own, and events where a moment is
	// divided.
	splitting := 2*kept + 2*n
	if c.time {
		splitting += 16 * n
	}
	peak := max(reading, splitting)
	if c.filtered { // the old sets, those of the last round and of this one
		peak = max(peak, 3*kept+n+4*(c.users+c.items))
	}
	// Features of points stay where they are, in slices that are there twice as they grow.
	each := int64(4)
	if c.featureValues {
		each = 8
	}
	grown := c.features*each + 9*c.points
	return peak + 2*grown
}

// textBytes is bytes of running text: of n tokens, that of one while it is read, in slices
// that grow by a quarter, and of what a split makes of it, whose words are numbered anew.
func (c *counts) textBytes() int64 {
	n := c.pairs
	ids := c.users*(stringHeader+32) + c.items*(57+stringHeader+8+stringHeader+4) + c.text + 2*c.line
	sets := 4*min(n, c.users*c.items) + 24*c.users
	opened := 5*n + sets
	return ids + max(9*n+5*n/4, opened+5*n+sets)
}

// A tally counts what a Collector would keep.
type tally struct {
	pairs       int64
	user, item  idTally
	value, time bool
	indexed     bool
	odd         bool
	text        bool // running text

	points, features int64
	featureValues    bool
}

// addPoint takes a point.
func (t *tally) addPoint(labels, features []int32, values []float32) {
	t.points++
	t.pairs += int64(len(labels))
	t.features += int64(len(features))
	for _, y := range labels {
		t.item.rows = max(t.item.rows, int64(y)+1)
	}
	for _, v := range values {
		t.featureValues = t.featureValues || v != 1
	}
}

// idTally counts the ids of one side.
type idTally struct {
	sketch sketch
	text   int64 // bytes of the ids of all pairs
	rows   int64 // above the largest row number
}

func (t *idTally) add(id []byte) {
	t.sketch.add(id)
	t.text += int64(len(id))
}

func (t *idTally) addRow(row int32) {
	t.sketch.add(binary.LittleEndian.AppendUint32(nil, uint32(row)))
	t.rows = max(t.rows, int64(row)+1)
}

// oddAmong is among how many pairs odd spellings of numbers are looked for: a file has
// one spelling.
const oddAmong = 1000

// add takes a pair of tokens.
func (t *tally) add(user, item []byte) {
	t.user.add(user)
	t.item.add(item)
	if t.pairs++; t.pairs <= oddAmong && !t.odd {
		for _, id := range [][]byte{user, item} {
			short, ok := shortNumber(string(id))
			t.odd = t.odd || ok && short != string(id)
		}
	}
}

// counts returns what was counted.
func (t *tally) counts() counts {
	c := counts{
		pairs: t.pairs, users: t.user.sketch.distinct(), items: t.item.sketch.distinct(),
		value: t.value, time: t.time, named: !t.indexed, stream: t.text, odd: t.odd, rows: t.user.rows + t.item.rows,
	}
	if t.text { // names of documents are read once each
		c.text = t.user.text
		if t.pairs > 0 {
			c.text += int64(float64(c.items) * float64(t.item.text) / float64(t.pairs))
		}
		return c
	}
	if t.points > 0 { // numbered without a gap, and labels as they are
		c.users, c.items, c.rows, c.named = t.points, t.item.rows, 0, false
		c.points, c.features, c.featureValues = t.points, t.features, t.featureValues
		return c
	}
	if c.named && t.pairs > 0 { // ids are about as long as they are in pairs
		c.text = int64(float64(c.users)*float64(t.user.text)/float64(t.pairs) + float64(c.items)*float64(t.item.text)/float64(t.pairs))
	}
	return c
}

// A sketch counts distinct things in 16 KiB, to some 0.8 %: HyperLogLog of 2¹⁴ registers.
// Source: Flajolet, Fusy, Gandouet, Meunier 2007, fig. 3.
type sketch struct{ most [1 << sketchBits]uint8 }

const sketchBits = 14

func (s *sketch) add(x []byte) {
	h := uint64(14695981039346656037) // FNV-1a, whose low bits are then spread
	for _, b := range x {
		h = (h ^ uint64(b)) * 1099511628211
	}
	h = mix(h)
	at := h >> (64 - sketchBits)
	s.most[at] = max(s.most[at], uint8(1+bits.LeadingZeros64(h<<sketchBits|1<<(sketchBits-1))))
}

// distinct returns how many different things were added.
func (s *sketch) distinct() int64 {
	const m = float64(len(s.most))
	sum, empty := 0.0, 0.0
	for _, r := range s.most {
		sum += math.Ldexp(1, -int(r))
		if r == 0 {
			empty++
		}
	}
	n := 0.7213 / (1 + 1.079/m) * m * m / sum
	if n <= 2.5*m && empty > 0 {
		n = m * math.Log(m/empty)
	}
	return int64(math.Round(n))
}

// need is what generating and splitting the set takes.
func (d Demo) need() Need {
	d = d.withDefaults()
	users, items := int64(d.Users), int64(d.Items)
	// Numbers of items are uniform between half the mean and one and a half of it: their
	// sum is within four standard deviations as good as always.
	mean := float64(d.PerUser)
	n := int64(mean*float64(users) + 4*mean/math.Sqrt(12)*math.Sqrt(float64(users)))
	truth := 4 * (users*int64(d.Rank) + items*int64(d.Rank+1))
	generating := 4*n + 32*users + 22*items
	splitting := 10*n + 40*users
	if d.Features > 0 {
		of := d.features()
		own := float64(of.PerUser)
		fields := int64(own*float64(users)+4*own/math.Sqrt(12)*math.Sqrt(float64(users)))*4 + 17*users
		generating += fields + 22*int64(of.Items) + 4*(users+int64(of.Items)+1)*int64(of.Rank) // vectors of another set
		splitting += fields
	}
	if d.Order { // times, events and marks, and the parts of these
		generating += 13*n + 8*users
		splitting += 23*n + 8*users
	}
	return Need{
		truth + max(generating, splitting),
		fmt.Sprintf("about %d interactions of %d users and %d items", n, users, items),
	}
}

// eachInput calls f with every file of the source and its format.
func (p *Plan) eachInput(f func(in *Input, format readAs) error) error {
	paths, _, err := p.files()
	if err != nil {
		return err
	}
	return openInputs(paths, p.format, p.layout, func(inputs [3]*Input, format readAs) error {
		for _, in := range inputs {
			if in != nil && format.Spec != nil {
				if err := f(in, format); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// size returns how many bytes of text there are: of a plain file what the system says,
// of a compressed one what comes out of it.
func (in *Input) size() (int64, error) {
	f, err := os.Open(filepath.FromSlash(in.file))
	if err != nil {
		return 0, fmt.Errorf("data: %w", err)
	}
	defer f.Close() // read only: nothing is lost with an error
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("data: %w", err)
	}
	b, packed, err := decompress(in.file, f)
	if err != nil {
		return 0, err
	}
	if !packed {
		return info.Size(), nil
	}
	n, err := io.Copy(io.Discard, b)
	if err != nil {
		return 0, in.fault(1, err)
	}
	return n, nil
}
