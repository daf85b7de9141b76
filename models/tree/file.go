package tree

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxLine bounds a line of a file of paths: far above a name and a path that a
// model could be trained with.
const maxLine = 1 << 20

// Read makes the tree whose paths the lines of r tell: the name of a class, a tab
// and the bits from the root on, such as "item 7\t0110". Every class has one line,
// in any order, and blank lines are passed over; class is the name of each of the
// c ≥ 1 classes, all different. Nodes are numbered level by level, those of a level
// by their bits, so that the order of the lines does not matter.
//
// The error names the line, after file, that does not fit.
func Read(r io.Reader, file string, c int, class func(y int) string) (*Tree, error) {
	id := make(map[string]int32, c)
	for y := range c {
		id[class(y)] = int32(y)
	}
	p := &paths{line: make([]int, c), child: []int32{unset, unset}}
	if c == 1 {
		p.child = nil
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	n := 0
	for lines.Scan() {
		n++
		text := strings.TrimSuffix(lines.Text(), "\r")
		if strings.TrimSpace(text) == "" {
			continue
		}
		err := p.add(text, n, id, class)
		if err != nil {
			return nil, fmt.Errorf("tree: %s:%d: %w", file, n, err)
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, fmt.Errorf("tree: %s:%d: a line of more than %d bytes", file, n+1, maxLine)
	} else if err != nil {
		return nil, fmt.Errorf("tree: %s: %w", file, err)
	}
	if p.classes < c {
		y := 0
		for p.line[y] > 0 {
			y++
		}
		return nil, fmt.Errorf("tree: %s: %d of %d classes have no line, the first of them %q", file, c-p.classes, c, class(y))
	}
	// The paths are distinct and none is the beginning of another, so that m nodes
	// have one edge into each but the root and one to each of the C classes, of 2m at
	// the most; and m ≤ C−1. So m = C−1, and no edge leads nowhere.
	t, err := build(c, p.byLevel())
	if err != nil {
		return nil, fmt.Errorf("tree: %s: %w", file, err)
	}
	return t, nil
}

// paths is a tree in the making.
type paths struct {
	child   []int32 // as Tree.child, unset where no path leads yet; node 0 is the root
	line    []int   // [C] of each class, 0 before it is read
	classes int     // read
}

// add takes the path of one line.
func (p *paths) add(text string, line int, id map[string]int32, class func(int) string) error {
	tab := strings.LastIndexByte(text, '\t')
	if tab < 0 {
		return fmt.Errorf("%q has no tab; a line is CLASS<TAB>BITS", shorten(text))
	}
	name, bits := text[:tab], text[tab+1:]
	y, ok := id[name]
	switch {
	case !ok:
		return fmt.Errorf("there is no class %q", shorten(name))
	case p.line[y] > 0:
		return fmt.Errorf("class %q has a path already, of line %d", name, p.line[y])
	case strings.Trim(bits, "01") != "":
		return fmt.Errorf("%q is not a path of bits 0 and 1", shorten(bits))
	case (bits == "") != (len(p.line) == 1):
		return fmt.Errorf("class %q has a path of %d bits among %d classes", name, len(bits), len(p.line))
	}
	p.line[y] = line
	p.classes++
	n := int32(0)
	for i := range len(bits) {
		at := 2*n + int32(bits[i]-'0')
		to, last := p.child[at], i+1 == len(bits)
		switch {
		case last && to < 0 && to != unset:
			return fmt.Errorf("class %q has the path of class %q of line %d", name, class(int(^to)), p.line[^to])
		case to < 0 && to != unset:
			return fmt.Errorf("the path of class %q goes through class %q of line %d, whose path is its beginning", name, class(int(^to)), p.line[^to])
		case last && to != unset:
			return fmt.Errorf("the path of class %q is the beginning of that of an earlier line", name)
		case last:
			p.child[at] = ^y
		case to == unset:
			if n = int32(len(p.child) / 2); int(n) == len(p.line)-1 {
				return fmt.Errorf("the paths up to here make more than C−1 = %d decisions, so that one of them has a class on one side alone", n)
			}
			p.child[at] = n
			p.child = append(p.child, unset, unset)
		default:
			n = to
		}
	}
	return nil
}

// byLevel returns the children with the nodes numbered level by level.
func (p *paths) byLevel() []int32 {
	child := make([]int32, 0, len(p.child))
	order := make([]int32, min(1, len(p.child)), len(p.child)/2) // the root, then what it leads to
	for i := 0; i < len(order); i++ {
		for _, to := range p.child[2*order[i] : 2*order[i]+2] {
			if to >= 0 {
				order = append(order, to)
				to = int32(len(order) - 1)
			}
			child = append(child, to)
		}
	}
	return child
}

func shorten(text string) string {
	if len(text) > 80 {
		return text[:80] + "…"
	}
	return text
}
