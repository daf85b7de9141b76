package registry

import (
	"fmt"
	"strings"
)

// Offer ends the error of an unknown name: with the choice that was probably meant, if
// there is one, and all the choices, as in
//
//	(did you mean softmax?); the choices are hinge, softmax
func Offer(name string, choices []string) string {
	return DidYouMean(name, choices) + "; the choices are " + strings.Join(choices, ", ")
}

// DidYouMean returns " (did you mean softmax?)" with the choice that is Closest to name, ""
// where none is close.
func DidYouMean(name string, choices []string) string {
	if best := Closest(name, choices); best != "" {
		return fmt.Sprintf(" (did you mean %s?)", best)
	}
	return ""
}

// Closest returns the choice that name was probably meant to be, the first of equally close
// ones; "" where none is close. Close is an edit, or an exchange of neighbours, for every
// three letters of the longer of the two names, but never all of a name; case does not
// count, and _, - and space are one letter. Of paths such as train.epochs each part must be
// close; epoch alone is close to it as well.
func Closest(name string, choices []string) (best string) {
	least := 0
	from := strings.Split(name, ".")
	for _, c := range choices {
		to := strings.Split(c, ".")
		if len(from) > len(to) {
			continue
		}
		d, ok := far(from, to[len(to)-len(from):])
		if ok && (best == "" || d < least) {
			best, least = c, d
		}
	}
	return best
}

// far adds the distances of the parts of two paths, as long as each is close.
func far(from, to []string) (sum int, ok bool) {
	for i := range from {
		a, b := plainName(from[i]), plainName(to[i])
		d := distance(a, b)
		if 3*d > max(len(a), len(b)) || d > 0 && d >= min(len(a), len(b)) {
			return 0, false
		}
		sum += d
	}
	return sum, true
}

func plainName(name string) []rune {
	return []rune(strings.Map(func(r rune) rune {
		if strings.ContainsRune("_ ", r) {
			return '-'
		}
		return r
	}, strings.ToLower(strings.TrimSpace(name))))
}

// distance is the least number of letters to put in, take out or replace, or neighbours to
// exchange, that makes b of a, where no letter is touched twice. Source: Damerau 1964,
// Communications of the ACM 7(3), 171-176; computed as by Wagner & Fischer 1974, with
// three rows.
func distance(a, b []rune) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		before, last, row = last, row, before
		row[0] = i + 1
		for j := range b {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
