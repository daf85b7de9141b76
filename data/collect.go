package data

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A Collector gathers what a [Format] reads from one file.
//
// A format either adds tokens (ids of any spelling, numbered at the end) or
// indices (ids that are row numbers already), never both. Row numbers that occur in
// no file of the set leave the numbering, and the others move up in order.
type Collector struct {
	ids                 *idTables // shared by the files of one dataset
	in                  *Input    // the file, nil of what is in memory
	tally               *tally    // counts in place of keeping, if not nil
	user, item          []int32
	value               []float32
	time                []int64 // in units of 10^−decimals
	decimals            int
	cut                 bool      // times were finer than that
	times, odd          int       // how many were read, and how many of these were not understood
	oddTime             LineError // the first of them
	withValue, withTime bool
	unordered           int   // lines of several items that do not rise
	part                uint8 // of the file, as points have it
	notes               []string
	documents           []document // of running text, whose words are in item
}

// idTables numbers the users and items of a dataset.
type idTables struct {
	user, item idTable
	indexed    bool // some ids are row numbers
	named      bool // some ids are tokens
	lines      int  // row-numbered users and interactions read so far

	// Users, by row number, of whom AddUser told alone. The last one waits for its
	// interactions, so that a line of items costs nothing here; −1 where none waits.
	alone   []int32
	waiting int32

	places bool // the places of a user's events are their times: the order of AddNext
	from1  bool // row numbers count from 1 without gaps

	points     *pointTable // of a format of points
	text       bool        // documents of running text: see BeginDocument
	vocabulary int         // how many of its words are classes; 0: all
}

type idTable struct {
	index  map[string]int32
	tokens []string
	lines  []int32   // on which each token came first
	ends   []int     // how many tokens there were at the end of each file
	max    int32     // largest row number, -1 before any
	last   LineError // where max is, of numbers that have no gaps
}

// denseIDs is the bound below which row numbers may have any gaps. Above it a
// table of all rows must be worth its memory: see idTable.size.
const denseIDs = 1 << 21

func newIDTables() *idTables {
	return &idTables{user: idTable{index: map[string]int32{}, max: -1}, item: idTable{index: map[string]int32{}, max: -1}, waiting: -1}
}

// endFile ends a file.
func (t *idTables) endFile() {
	for _, table := range []*idTable{&t.user, &t.item} {
		table.ends = append(table.ends, len(table.tokens))
	}
}

// place returns "file:line" of where a token came first; parts are the files.
func (t *idTable) place(token string, parts [3]*Collector) string {
	n := t.index[token]
	for p, end := range t.ends {
		if int(n) < end && parts[p].in != nil && t.lines[n] > 0 {
			return fmt.Sprintf("%s:%d", parts[p].in.file, t.lines[n])
		}
	}
	return ""
}

// Has declares which of value and time the file has. A reader calls it once,
// before Add; the default is neither.
func (c *Collector) Has(value, time bool) {
	c.withValue, c.withTime = value, time
	if c.tally != nil {
		c.tally.value, c.tally.time = c.tally.value || value, c.tally.time || time
	}
}

// Note keeps what a reader of the dataset should know of this file.
func (c *Collector) Note(format string, args ...any) {
	c.notes = append(c.notes, fmt.Sprintf(format, args...))
}

// Add adds an interaction by the file's own ids, which must not be empty; value
// and time count only where Has declared them. It copies the ids.
func (c *Collector) Add(user, item []byte, value float32, time Moment) error {
	if c.tally != nil {
		c.tally.add(user, item)
		return nil
	}
	if c.ids.named = true; c.ids.text {
		return errors.New("the format mixes running text and interactions")
	}
	line := 0
	if c.in != nil {
		line = c.in.line
	}
	u, err := c.ids.user.number("user", user, line)
	if err != nil {
		return err
	}
	i, err := c.ids.item.number("item", item, line)
	if err != nil {
		return err
	}
	return c.append(u, i, value, time)
}

// AddNext is Add of the event that follows all those that were added of the user so far:
// its time is its place among them, from 1. A format that has places declares times by
// Has, and adds all its events so.
func (c *Collector) AddNext(user, item []byte) error {
	if c.tally != nil {
		c.tally.add(user, item)
		return nil
	}
	if err := c.inOrder(); err != nil {
		return err
	}
	return c.Add(user, item, 0, Moment{})
}

// addNextIndex is AddNext of row numbers.
func (c *Collector) addNextIndex(user, item int32) error {
	if c.tally == nil {
		if err := c.inOrder(); err != nil {
			return err
		}
	}
	return c.AddIndex(user, item)
}

// inOrder declares that places are times, which are counted when all is read.
func (c *Collector) inOrder() error {
	if !c.withTime {
		return errors.New("the format has places and has not declared times")
	}
	c.ids.places = true
	return nil
}

// places makes the times of events their places among those of the same user, from 1: in the
// order of the files, and of the lines of each.
func places(users int, parts [3]*Collector) {
	n := make([]int64, users)
	for _, c := range parts {
		for k, u := range c.user {
			n[u]++
			c.time[k] = n[u]
		}
	}
}

// AddUser adds a user, by row number, who may have no interaction.
func (c *Collector) AddUser(user int32) error {
	if c.tally != nil {
		c.tally.indexed = true
		c.tally.user.addRow(user)
		return nil
	}
	c.ids.indexed = true
	c.ids.lines++
	if err := c.ids.user.row("user", user); err != nil {
		return err
	}
	c.ids.endUser()
	c.ids.waiting = user
	return nil
}

// endUser ends the wait for interactions of the last user.
func (t *idTables) endUser() {
	if t.waiting >= 0 {
		t.alone = append(t.alone, t.waiting)
		t.waiting = -1
	}
}

// AddIndex adds an interaction of row numbers.
func (c *Collector) AddIndex(user, item int32) error {
	if c.tally != nil {
		c.tally.indexed = true
		c.tally.pairs++
		c.tally.user.addRow(user)
		c.tally.item.addRow(item)
		return nil
	}
	c.ids.indexed = true
	c.ids.lines++
	if err := c.ids.user.row("user", user); err != nil {
		return err
	}
	if err := c.ids.item.row("item", item); err != nil {
		return err
	}
	if user == c.ids.waiting {
		c.ids.waiting = -1
	}
	return c.append(user, item, 0, Moment{})
}

func (c *Collector) append(u, i int32, value float32, time Moment) error {
	if len(c.item) == math.MaxInt32 {
		return fmt.Errorf("more than %d interactions", math.MaxInt32)
	}
	if c.withTime && c.odd == 0 {
		if err := c.appendTime(time); err != nil && c.in != nil {
			c.oddTimes(err)
		} else if err != nil {
			return err
		}
	}
	c.user, c.item = append(c.user, u), append(c.item, i)
	if c.withValue {
		if v := float64(value); math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("value %g is not finite", v)
		}
		c.value = append(c.value, value)
	}
	return nil
}

// moment reads a time of this file.
func (c *Collector) moment(field []byte) Moment {
	m, cut, err := parseTime(field)
	return c.understood(m, cut, err)
}

// understood returns the time m, unless err says that it was not understood: the file is read
// without times then, and the first such line is kept for who needs them.
func (c *Collector) understood(m Moment, cut bool, err error) Moment {
	c.times++
	c.cut = c.cut || cut
	if err != nil {
		c.oddTimes(err)
	}
	return m
}

// oddTimes counts a time that is of no use, for this reason, and drops those before it.
func (c *Collector) oddTimes(why error) {
	if c.odd++; c.odd == 1 && c.in != nil {
		c.oddTime = LineError{c.in.file, c.in.line, why}
	}
	c.time = nil
}

// appendTime keeps a time in the finest unit that the file has had so far.
func (c *Collector) appendTime(m Moment) error {
	if m.Decimals < 0 || m.Decimals > maxDecimals {
		return fmt.Errorf("time with %d decimals, want 0 to %d", m.Decimals, maxDecimals)
	}
	if m.Decimals > c.decimals {
		if !rescale(c.time, c.decimals, m.Decimals) {
			return fmt.Errorf("time %v has %d decimals, with which times before it are out of range", m, m.Decimals)
		}
		c.decimals = m.Decimals
	}
	n, ok := m.in(c.decimals)
	if !ok {
		return fmt.Errorf("time %v is out of range with the %d decimals of times before it", m, c.decimals)
	}
	c.time = append(c.time, n)
	return nil
}

// number returns the number of an id, which a line has, 0 of none.
func (t *idTable) number(what string, id []byte, line int) (int32, error) {
	if len(id) == 0 {
		return 0, fmt.Errorf("empty %s id", what)
	}
	if bytes.ContainsAny(id, "\r\n") { // would break every list of ids we print
		return 0, fmt.Errorf("%s id %q holds a line break", what, shorten(id))
	}
	if n, ok := t.index[string(id)]; ok { // the compiler makes no string here
		return n, nil
	}
	if len(t.tokens) == math.MaxInt32 {
		return 0, fmt.Errorf("more than %d %ss", math.MaxInt32, what)
	}
	n := int32(len(t.tokens))
	token := string(id)
	t.tokens = append(t.tokens, token)
	t.lines = append(t.lines, int32(min(line, math.MaxInt32)))
	t.index[token] = n
	return n, nil
}

func (t *idTable) row(what string, id int32) error {
	if id < 0 {
		return fmt.Errorf("negative %s id %d", what, id)
	}
	if id == math.MaxInt32 { // its count would not fit
		return fmt.Errorf("%s id %d is too large", what, id)
	}
	t.max = max(t.max, id)
	return nil
}

// size returns the number of rows once all files are read; lines is how many
// things were read.
func (t *idTable) size(what string, lines int) (int, error) {
	if len(t.tokens) > 0 {
		return len(t.tokens), nil
	}
	// One stray id of 2e9 must not cost 16 GB of row pointers.
	if int(t.max) > denseIDs+16*lines {
		return 0, fmt.Errorf("%s ids reach %d in a file of %d interactions: ids of this format are row numbers; "+
			"number them from 0, or use a format with a header, whose ids may be anything", what, t.max, lines)
	}
	return int(t.max) + 1, nil
}

// order returns the rank of each token in the canonical order (numeric where
// all tokens are whole numbers in their shortest spelling, else bytewise), and
// the tokens in it; nil where the tokens are exactly 0…n−1, row numbers in
// truth. The order of the file does not matter.
func (t *idTable) order() (rank []int32, ids []string) {
	n := len(t.tokens)
	perm := make([]int32, n)
	for i := range perm {
		perm[i] = int32(i)
	}
	number := make([]int64, n)
	numeric := true
	for i, s := range t.tokens {
		x, err := strconv.ParseInt(s, 10, 64)
		if err != nil || strconv.FormatInt(x, 10) != s {
			numeric = false
			break
		}
		number[i] = x
	}
	slices.SortFunc(perm, func(a, b int32) int {
		if numeric {
			return cmp.Compare(number[a], number[b])
		}
		return cmp.Compare(t.tokens[a], t.tokens[b])
	})
	rank, ids = make([]int32, n), make([]string, n)
	rows := numeric
	for r, p := range perm {
		rank[p], ids[r] = int32(r), t.tokens[p]
		rows = rows && number[p] == int64(r)
	}
	if rows {
		ids = nil
	}
	return rank, ids
}

// sameNumbers returns how many ids are another's number in another spelling, such as
// 1.0 beside 1, and the first such pair. Ids are different from each other.
func sameNumbers(ids []string) (n int, one, other string) {
	odd := map[string]string{} // by its shortest spelling, a number that has another one
	for _, id := range ids {
		short, ok := shortNumber(id)
		if !ok || short == id {
			continue
		}
		if first, ok := odd[short]; !ok {
			odd[short] = id
		} else if n++; n == 1 {
			one, other = first, id
		}
	}
	if len(odd) == 0 {
		return 0, "", ""
	}
	for _, id := range ids {
		if first, ok := odd[id]; ok {
			if n++; n == 1 {
				one, other = id, first
			}
		}
	}
	return n, one, other
}

// shortNumber returns a decimal number without zeros that change nothing, and whether
// it is one.
func shortNumber(text string) (string, bool) {
	whole, fraction, _ := strings.Cut(text, ".")
	if whole == "" || strings.Trim(whole+fraction, "0123456789") != "" {
		return "", false
	}
	whole, fraction = strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
	if whole == "" {
		whole = "0"
	}
	if fraction != "" {
		fraction = "." + fraction
	}
	return whole + fraction, true
}

// occurring returns the rank of each of n row numbers among those that occur in
// lists, and the numbers as texts; nil where all occur, so that they are the ranks.
func occurring(n int, lists ...[]int32) (rank []int32, ids []string) {
	seen := make([]bool, n)
	count := 0
	for _, rows := range lists {
		for _, r := range rows {
			if !seen[r] {
				seen[r] = true
				count++
			}
		}
	}
	if count == n {
		return nil, nil
	}
	rank, ids = make([]int32, n), make([]string, 0, count)
	// One text that all ids share: ten million of them are no objects of their own.
	var text []byte
	for r, ok := range seen {
		if ok {
			text = strconv.AppendInt(text, int64(r), 10)
		}
	}
	shared, at := string(text), 0
	for r, ok := range seen {
		if !ok {
			continue
		}
		rank[r] = int32(len(ids))
		end := at + digits(r)
		ids = append(ids, shared[at:end])
		at = end
	}
	return rank, ids
}

// digits returns how many digits n ≥ 0 has.
func digits(n int) int {
	d := 1
	for ; n >= 10; n /= 10 {
		d++
	}
	return d
}

// ranks applies rank to ids in place; a nil rank leaves them.
func ranks(ids, rank []int32) {
	if rank == nil {
		return
	}
	for p, i := range ids {
		ids[p] = rank[i]
	}
}
