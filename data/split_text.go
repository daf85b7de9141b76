package data

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/fenchel-ml/fenchel/internal/words"
)

// TextSplit is the split of running text that comes in one file.
const TextSplit = "tokens:0.8,0.1,0.1"

func init() {
	RegisterSplit(SplitKind{
		Name:     "tokens",
		Usage:    "tokens:TRAIN,VALID,TEST",
		Doc:      "running text in one stretch, its documents in the order of the files: the first fraction of the tokens is train, the next valid, the last test; a document that a cut falls into is two, and what follows the cut does not know what came before",
		Examples: []string{TextSplit},
		Text:     true,
		New: func(a *Args) (Splitter, error) {
			frac, err := a.fractions()
			return tokens{frac}, err
		},
	})
	RegisterSplit(SplitKind{
		Name:     "documents",
		Usage:    "documents:TRAIN,VALID,TEST[,seed=N]",
		Doc:      "running text by whole documents, drawn at random (seed 1): fractions of their number, rounded, at least one of each part that has a fraction",
		Examples: []string{"documents:0.8,0.1,0.1,seed=1"},
		Text:     true,
		New: func(a *Args) (Splitter, error) {
			frac, err := a.fractions()
			if err != nil {
				return nil, err
			}
			seed, err := a.Uint("seed", 1)
			return documents{frac, seed}, err
		},
	})
}

// splitNoText is the error of a split of text that is asked for a split of pairs.
func splitNoText(d *Dataset) (train, valid, test *Interactions, err error) {
	if err := d.Validate(); err != nil {
		return nil, nil, nil, err
	}
	if d.Text {
		return nil, nil, nil, errors.New("running text is divided by ApplySplit")
	}
	return nil, nil, nil, errors.New("the source is no running text, which --format text reads; use one of given, ratio, leave-one-out, time")
}

// tokens cuts the stream of tokens at two places.
type tokens struct{ frac [3]float64 }

func (t tokens) String() string { return "tokens:" + fractionText(t.frac) }

func (tokens) Split(d *Dataset) (train, valid, test *Interactions, err error) {
	return splitNoText(d)
}

func (tokens) Notes(_, _, _ *Interactions) []string { return nil }

func (t tokens) splitText(d *Dataset) (names []string, ptr []int, parts []uint8, err error) {
	n := len(d.Histories.item)
	cut := func(q float64) int { return min(int(math.Floor(q*float64(n)+0.5)), n) }
	ends := [3]int{cut(t.frac[0]), cut(t.frac[0] + t.frac[1]), n}
	if t.frac[2] == 0 { // whatever the sum of the others rounds to
		ends[1] = n
	}
	ptr = []int{0}
	for u, name := range d.UserIDs {
		at, end := d.Histories.ptr[u], d.Histories.ptr[u+1]
		for part, stop := range ends {
			if at == end || at >= stop {
				continue
			}
			to := min(end, stop)
			piece := name
			if at > d.Histories.ptr[u] || to < end {
				piece += "/" + partNames[part]
			}
			names, ptr, parts = append(names, piece), append(ptr, to), append(parts, uint8(part))
			at = to
		}
	}
	return names, ptr, parts, nil
}

// documents draws whole documents.
type documents struct {
	frac [3]float64
	seed uint64
}

func (s documents) String() string {
	return fmt.Sprintf("documents:%s,seed=%d", fractionText(s.frac), s.seed)
}

func (documents) Split(d *Dataset) (train, valid, test *Interactions, err error) {
	return splitNoText(d)
}

func (documents) Notes(_, _, _ *Interactions) []string { return nil }

func (s documents) splitText(d *Dataset) (names []string, ptr []int, parts []uint8, err error) {
	parts = make([]uint8, d.Users)
	order := rand.New(rand.NewPCG(s.seed, mix(0))).Perm(d.Users)
	at := 0
	for part := 2; part > 0; part-- {
		n := int(math.Floor(s.frac[part]*float64(d.Users) + 0.5))
		if s.frac[part] > 0 {
			n = max(n, 1)
		}
		for range n {
			if at < len(order) {
				parts[order[at]] = uint8(part)
			}
			at++
		}
	}
	if at >= d.Users {
		return nil, nil, nil, fmt.Errorf("it has %s, and each part takes one or more; read it as text:document=block, or split it by tokens", words.Count(d.Users, "document"))
	}
	return d.wholeDocuments(parts)
}
