package data

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/internal/words"
)

// A document is where the tokens of one begin among those of its file.
type document struct {
	name string
	at   int
}

// BeginDocument begins a document of running text, whose words are what AddToken adds until
// the next one begins. Names are the users' ids: none is empty, and none comes twice among the
// files of a set. A document without a word is none.
func (c *Collector) BeginDocument(name string) error {
	if name == "" || strings.ContainsAny(name, "\r\n") {
		return fmt.Errorf("a document named %q: want a text without line breaks", name)
	}
	if c.tally != nil {
		c.tally.text = true
		c.tally.user.add([]byte(name))
		return nil
	}
	if !c.ids.text && (c.ids.named || c.ids.indexed) {
		return errors.New("the format mixes running text and interactions")
	}
	c.ids.text = true
	c.documents = append(c.documents, document{strings.Clone(name), len(c.item)})
	return nil
}

// AddToken adds the next word of the document. It copies word.
func (c *Collector) AddToken(word []byte) error {
	if c.tally != nil {
		c.tally.pairs++
		c.tally.item.add(word)
		return nil
	}
	switch {
	case len(c.documents) == 0:
		return errors.New("a word before BeginDocument")
	case c.ids.named || c.ids.indexed:
		return errors.New("the format mixes running text and interactions")
	case len(c.item) == math.MaxInt32:
		return fmt.Errorf("more than %d words", math.MaxInt32)
	}
	i, err := c.ids.item.number("word", word, 0)
	if err != nil {
		return err
	}
	c.item = append(c.item, i)
	return nil
}

// Vocabulary says that the n commonest words of the train part are classes, 0 that all are;
// the last to say it decides. See [Dataset.Text].
func (c *Collector) Vocabulary(n int) {
	if c.tally == nil {
		c.ids.vocabulary = n
	}
}

// buildText makes the set of documents, of all words: its vocabulary is that of the train
// part of a split, which is to come.
func buildText(ids *idTables, parts [3]*Collector) (*Dataset, error) {
	d := &Dataset{Text: true, Places: true, vocabulary: ids.vocabulary}
	n := 0
	for _, c := range parts {
		n += len(c.item)
	}
	if n > math.MaxInt32 {
		return nil, fmt.Errorf("more than %d words", math.MaxInt32)
	}
	h := &Histories{ptr: []int{0}, mark: make([]uint8, 0, n)}
	for part, c := range parts {
		for k, doc := range c.documents {
			end := len(c.item)
			if k+1 < len(c.documents) {
				end = c.documents[k+1].at
			}
			if end == doc.at {
				continue
			}
			d.UserIDs = append(d.UserIDs, doc.name)
			for range end - doc.at {
				h.mark = append(h.mark, uint8(part))
			}
			h.ptr = append(h.ptr, len(h.mark))
		}
		if len(h.item) == 0 {
			h.item = c.item // of a single file it is all
		} else {
			h.item = append(slices.Grow(h.item, n-len(h.item)), c.item...)
		}
		c.item = nil
	}
	if err := checkIDs(d.UserIDs); err != nil {
		return nil, fmt.Errorf("documents: %w", err)
	}
	d.ItemIDs = ids.item.tokens
	order := make([]int32, len(d.ItemIDs))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(d.ItemIDs[a], d.ItemIDs[b]) })
	rank, sorted := make([]int32, len(order)), make([]string, len(order))
	for r, i := range order {
		rank[i], sorted[r] = int32(r), d.ItemIDs[i]
	}
	ranks(h.item, rank)
	d.ItemIDs, d.Users, d.Items = sorted, len(d.UserIDs), len(sorted)
	h.items = d.Items
	for part, c := range parts {
		for _, note := range c.notes {
			d.Notes = append(d.Notes, partNames[part]+": "+note)
		}
	}
	return d, d.takeText(h)
}

// takeText makes h the histories of d, and its sets the different words that each document
// has in the parts: what is counted by documents. A word of a document is in the first part
// alone that has it.
func (d *Dataset) takeText(h *Histories) error {
	var sets [3]*Interactions
	last := make([]int32, d.Items) // 1 + the last document that has the word in this part or one before
	for part := range sets {
		ptr, item := make([]int, 1, d.Users+1), []int32{}
		if part > 0 {
			clear(last)
		}
		for u := range d.Users {
			from := len(item)
			for before := range part {
				for _, i := range sets[before].ItemsOf(u) {
					last[i] = int32(u) + 1
				}
			}
			for p := h.ptr[u]; p < h.ptr[u+1]; p++ {
				if i := h.item[p]; int(h.part(p)) == part && last[i] != int32(u)+1 {
					last[i] = int32(u) + 1
					item = append(item, i)
				}
			}
			slices.Sort(item[from:])
			ptr = append(ptr, len(item))
		}
		var err error
		if sets[part], err = FromCSR(d.Users, d.Items, ptr, slices.Clip(item), nil, nil); err != nil {
			return err
		}
	}
	d.Histories, d.Train, d.Valid, d.Test = h, sets[0], sets[1], sets[2]
	return nil
}

// A textSplitter divides running text. It returns the documents, which are those of d or
// parts of them, each of one part: names, bounds among the words of d, and parts.
type textSplitter interface {
	Splitter
	splitText(d *Dataset) (names []string, ptr []int, parts []uint8, err error)
}

// applyTextSplit is ApplySplit of running text: it divides documents, and makes the words
// outside the vocabulary of train Unknown, unless a split has done so before.
func (d *Dataset) applyTextSplit(s Splitter) (*Dataset, error) {
	of, ok := s.(textSplitter)
	if !ok {
		var ways []string
		for _, k := range SplitKinds() {
			if k.Text {
				ways = append(ways, k.Usage)
			}
		}
		return nil, fmt.Errorf("data: split %s: %s is running text, in which a word follows on those before it; the splits of text are %s", s, d.Name, strings.Join(ways, "; "))
	}
	names, ptr, parts, err := of.splitText(d)
	if err != nil {
		return nil, fmt.Errorf("data: split %s of %s: %w", s, d.Name, err)
	}
	e := *d
	e.Split, e.Users, e.UserIDs = s.String(), len(names), names
	h := &Histories{items: d.Items, ptr: ptr, item: d.Histories.item, mark: make([]uint8, len(d.Histories.item))}
	for u, part := range parts {
		for p := ptr[u]; p < ptr[u+1]; p++ {
			h.mark[p] = part
		}
	}
	e.Notes = slices.DeleteFunc(slices.Clone(d.Notes), func(note string) bool {
		return slices.Contains(parts, 1) && note == d.noFile(1) || slices.Contains(parts, 2) && note == d.noFile(2)
	})
	if d.vocabulary >= 0 {
		if err := e.cutVocabulary(h, d.vocabulary); err != nil {
			return nil, fmt.Errorf("data: split %s of %s: %w", s, d.Name, err)
		}
	}
	if err := e.takeText(h); err != nil {
		return nil, fmt.Errorf("data: split %s of %s: %w", s, d.Name, err)
	}
	if err := e.Validate(); err != nil {
		return nil, fmt.Errorf("data: split %s: %w", s, err)
	}
	if e.Train.Len() == 0 {
		return nil, fmt.Errorf("data: split %s of %s leaves nothing to train on", s, d.Name)
	}
	return &e, nil
}

// cutVocabulary renumbers the words of h, those of d, to the n commonest of train, all for 0,
// and Unknown for the rest.
func (d *Dataset) cutVocabulary(h *Histories, n int) error {
	count := make([]int, d.Items)
	var tokens [3]int
	for p, i := range h.item {
		part := h.part(p)
		tokens[part]++
		if part == 0 {
			count[i]++
		}
	}
	if tokens[0] == 0 {
		return errors.New("it leaves nothing to train on")
	}
	var kept []int32
	for i, c := range count {
		if c > 0 {
			kept = append(kept, int32(i))
		}
	}
	all := len(kept)
	if n > 0 && n < all { // numbers are in the order of texts
		slices.SortFunc(kept, func(a, b int32) int { return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b)) })
		kept = kept[:n]
		slices.Sort(kept)
	}
	const outside = -1
	rank := slices.Repeat([]int32{outside}, d.Items)
	ids := make([]string, 0, len(kept)+1)
	unknown := int32(outside)
	for _, i := range kept {
		if d.ItemIDs[i] == Unknown {
			unknown = int32(len(ids))
		}
		rank[i] = int32(len(ids))
		ids = append(ids, d.ItemIDs[i])
	}
	// Unknown is a class where it stands for a word.
	if unknown == outside && slices.ContainsFunc(h.item, func(i int32) bool { return rank[i] == outside }) {
		at, _ := slices.BinarySearch(ids, Unknown)
		ids, unknown = slices.Insert(ids, at, Unknown), int32(at)
		for i, r := range rank {
			if r >= unknown {
				rank[i]++
			}
		}
	}
	item := make([]int32, len(h.item))
	var unknowns [3]int
	for p, i := range h.item {
		if item[p] = rank[i]; rank[i] == outside {
			item[p] = unknown
		}
		if item[p] == unknown {
			unknowns[h.part(p)]++
		}
	}
	var shares []string
	for part, m := range tokens {
		if m > 0 {
			shares = append(shares, fmt.Sprintf("%.2f %% of the %d of %s", 100*float64(unknowns[part])/float64(m), m, partNames[part]))
		}
	}
	d.Notes = append(d.Notes, fmt.Sprintf("text: %s in %s; the classes are the %d commonest of the %d words of train and %s, which is %s",
		words.Count(len(h.item), "token"), words.Count(d.Users, "document"), len(kept), all, Unknown, strings.Join(shares, ", ")))
	d.ItemIDs, d.Items, d.vocabulary = ids, len(ids), -1
	h.item, h.items = item, len(ids)
	return nil
}

// Positives returns how often each item is what is learned in training: by how many pairs
// of the train set it has, and of running text how often it occurs there.
func (d *Dataset) Positives() []int32 {
	if !d.Text || d.Histories == nil {
		return d.Train.ItemCounts()
	}
	n := make([]int32, d.Items)
	for p, i := range d.Histories.item {
		if d.Histories.part(p) == 0 {
			n[i]++
		}
	}
	return n
}

// refuseText returns an error of what running text is not for, nil of another set.
func (d *Dataset) refuseText(what string) error {
	if d != nil && d.Text {
		return fmt.Errorf("data: %s: %s is running text, whose users are documents; a word of it is an event, and no pair alone", what, d.Name)
	}
	return nil
}

// wholeDocuments returns the documents of d as they are, with parts, for splits that cut none.
func (d *Dataset) wholeDocuments(parts []uint8) (names []string, ptr []int, of []uint8, err error) {
	return d.UserIDs, d.Histories.ptr, parts, nil
}

// splitText of given keeps the files' parts.
func (g given) splitText(d *Dataset) (names []string, ptr []int, parts []uint8, err error) {
	switch {
	case !d.Given:
		return nil, nil, nil, errors.New("the source has no splits of its own; use one of tokens, documents")
	case g.carve != "":
		return nil, nil, nil, fmt.Errorf("%s= divides the pairs of users, which the documents of a text are not; make a valid file, or use one of tokens, documents", g.carve)
	}
	for u := range d.Users {
		parts = append(parts, d.Histories.part(d.Histories.ptr[u]))
	}
	return d.wholeDocuments(parts)
}
