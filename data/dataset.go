package data

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"math"
	"slices"
	"strconv"
)

// A Dataset is three disjoint sets of interactions over one numbering of users
// and items.
//
// Train, Valid and Test are never nil; a set that the source or the split does
// not have has Len() 0, as [Empty] makes one. The fields are read only, and the methods
// are those of a dataset that Validate passes, as all that this package returns do.
type Dataset struct {
	Name         string // base name of the path, by EscapeID, or the demo's text
	Format       string // canonical text of a registered format, or "demo"
	Users, Items int    // how many there are of each

	// UserIDs and ItemIDs are the source's own ids by index; nil where the ids
	// are the indices. Each occurs in the source: a row number that no line has is
	// neither a user nor an item.
	UserIDs, ItemIDs []string

	Train, Valid, Test *Interactions

	// Histories are the events of all three sets in order, repeats kept; nil where the
	// source has no times. Places says that times are places in a user's own sequence,
	// which say nothing across users.
	Histories *Histories
	Places    bool

	timeless string // why there are no times, where a file has a column of them

	// Text says that the source is running text: users are documents, each in one part
	// alone, and items are words. Histories are the text; the sets have each word of a
	// document once. Contexts are places in the text, which every word but the first of a
	// document follows: see [Dataset.Positives]. The vocabulary of one that was not split yet
	// is all its words.
	Text       bool
	vocabulary int // how many words a split is to keep, 0 all; −1: it has

	// Known is what is known of the users who are held out of training, as [Held] says,
	// and is in none of the three sets: their histories before valid and test. Nil where
	// there are none.
	Known *Interactions

	// Points is the part of each user where users are points: 0 of train, 1 of
	// valid, 2 of test, and all its labels, the items, are there. Points are known by the
	// field "features" of UserFields, and may have no label. Nil where users are not.
	Points []uint8

	// TimeDecimals says that times count units of 10^−TimeDecimals of the source's
	// unit: as many decimals, at most nine, as the finest of its times has.
	TimeDecimals int

	// UserFields and ItemFields are features: fields of Contexts and Classes beside
	// those that the interactions give, a row for each user and item.
	UserFields, ItemFields []Field

	// Made is what Load was given to make the set, its texts canonical; of one that no file holds its Source is
	// MemorySource. It is zero where the set was made by hand.
	Made Config

	Filter string   // canonical text of the filters applied, "" without
	Split  string   // canonical text of the split, "" before one is applied
	Given  bool     // the source came with splits of its own
	Notes  []string // what a reader should know: pairs dropped, files missing

	// Truth is the distribution the interactions were drawn from; nil unless the
	// set is generated.
	Truth *Truth
}

// UserName returns the source's id of user u.
func (d *Dataset) UserName(u int) string { return nameOf(d.UserIDs, u) }

// ItemName returns the source's id of item i.
func (d *Dataset) ItemName(i int) string { return nameOf(d.ItemIDs, i) }

func nameOf(ids []string, i int) string {
	if ids == nil {
		return strconv.Itoa(i)
	}
	return ids[i]
}

// UserIndex returns the user whose source id is id, in constant time after the
// first call. It is safe for concurrent use.
func (d *Dataset) UserIndex(id string) (int, error) { return indexOf("user", d.UserIDs, d.Users, id) }

// ItemIndex is UserIndex of items.
func (d *Dataset) ItemIndex(id string) (int, error) { return indexOf("item", d.ItemIDs, d.Items, id) }

func indexOf(what string, ids []string, n int, id string) (int, error) {
	if len(ids) > 0 {
		if i, ok := indexOfIDs(ids)[id]; ok {
			return i, nil
		}
		return 0, fmt.Errorf("data: no %s %q; ids run from %q to %q", what, shorten([]byte(id)), shorten([]byte(ids[0])), shorten([]byte(ids[len(ids)-1])))
	}
	i, err := strconv.Atoi(id)
	if err != nil || i < 0 || i >= n || strconv.Itoa(i) != id { // one spelling each
		return 0, fmt.Errorf("data: no %s %q; ids run from 0 to %d", what, shorten([]byte(id)), n-1)
	}
	return i, nil
}

// Parts returns the three sets with their names, in order.
func (d *Dataset) Parts() [3]Part {
	return [3]Part{{"train", d.Train}, {"valid", d.Valid}, {"test", d.Test}}
}

// A Part is one of a dataset's three sets.
type Part struct {
	Name string // "train", "valid" or "test"
	*Interactions
}

// All returns every pair of the three sets.
func (d *Dataset) All() (*Interactions, error) {
	if err := d.Validate(); err != nil {
		return nil, err
	}
	return union(d.Train, d.Valid, d.Test)
}

// Hash returns the split hash: SHA-256, in hex, of the numbers of users and
// items, of the three sets' row pointers and items, and, where there are any, of features,
// of histories with their order and parts, and of users held out. Two datasets of one
// hash train and evaluate alike, whatever files they came from; names, values and times
// beyond their order are no part of it.
func (d *Dataset) Hash() string {
	h := sha256.New()
	// A version tag: a change of this encoding must not pass for a change of data.
	h.Write([]byte("fenchel split 1\n"))
	w := hashWriter{h: h}
	w.put(uint64(d.Users))
	w.put(uint64(d.Items))
	for _, part := range d.Parts() {
		w.put(uint64(part.Len()))
		for u := range part.users {
			w.put(uint64(len(part.ItemsOf(u))))
			for _, i := range part.ItemsOf(u) {
				w.put(uint64(i))
			}
		}
	}
	for _, f := range slices.Concat(d.UserFields, d.ItemFields) {
		w.field(&f)
	}
	if e := d.Histories; e != nil {
		w.text("histories")
		for u := range d.Users {
			w.put(uint64(len(e.Of(u))))
		}
		for p, i := range e.item {
			w.put(uint64(i)<<2 | uint64(e.part(p)))
		}
	}
	if d.Points != nil {
		w.text("points")
		for _, part := range d.Points {
			w.put(uint64(part))
		}
	}
	if d.Text {
		w.text("text")
	}
	if d.Known != nil {
		w.text("known")
		for u := range d.Users {
			w.put(uint64(len(d.Known.ItemsOf(u))))
		}
		for _, i := range d.Known.item {
			w.put(uint64(i))
		}
	}
	h.Write(w.buf)
	return hex.EncodeToString(h.Sum(nil))
}

// hashWriter feeds varints to a hash in blocks.
type hashWriter struct {
	h   hash.Hash
	buf []byte
}

func (w *hashWriter) text(s string) {
	w.put(uint64(len(s)))
	w.buf = append(w.buf, s...)
}

func (w *hashWriter) field(f *Field) {
	w.text(f.Name)
	for _, n := range []int{f.Size, len(f.Lo), len(f.ID), len(f.Value)} {
		w.put(uint64(n))
	}
	for i := range f.Lo {
		w.put(uint64(f.Lo[i]))
		w.put(uint64(f.Hi[i]))
	}
	for _, id := range f.ID {
		w.put(uint64(id))
	}
	for _, v := range f.Value {
		w.put(uint64(math.Float32bits(v)))
	}
}

func (w *hashWriter) put(x uint64) {
	w.buf = binary.AppendUvarint(w.buf, x)
	if len(w.buf) >= 1<<15 {
		w.h.Write(w.buf) // a hash's Write never fails
		w.buf = w.buf[:0]
	}
}
