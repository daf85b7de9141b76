package data

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// EscapeID returns an id as a text of one cell of one line, which no terminal takes
// for a command: a backslash becomes two, and every character that is not printable,
// by [strconv.IsPrint], an escape of a Go string, as do bytes that are no UTF-8. It
// loses nothing: [strconv.Unquote] undoes it, between double quotes, where those of
// the id itself get a backslash. Most ids are their own escape.
func EscapeID(id string) string { return escape(id, `\`, "") }

// EscapeText is EscapeID for prose, such as an error, which may have lines: it leaves
// line feeds, and backslashes, which what is quoted in it has already.
func EscapeText(text string) string { return escape(text, "", "\n") }

// escape escapes what is not printable, and more; it leaves spare.
func escape(text, more, spare string) string {
	plain := func(r rune, size int) bool {
		if r == utf8.RuneError && size == 1 { // a byte that is no UTF-8
			return false
		}
		return strconv.IsPrint(r) && !strings.ContainsRune(more, r) || strings.ContainsRune(spare, r)
	}
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		if plain(r, size) {
			b.WriteString(text[:size])
		} else {
			quoted := strconv.Quote(text[:size])
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		text = text[size:]
	}
	return b.String()
}
