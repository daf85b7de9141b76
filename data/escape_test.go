package data

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Escapes are printable, undone by Unquote, and nothing where nothing is to escape.
func TestEscape(t *testing.T) {
	for id, want := range map[string]string{
		"": "", "plain": "plain", `a "b"`: `a "b"`, "Ünï côde 日本": "Ünï côde 日本", "tab\there": `tab\there`, `back\t`: `back\\t`,
		"a\nb\r": `a\nb\r`, "\x1b[31m": `\x1b[31m`, "\xff\xfe": `\xff\xfe`, "\u202e\u009b\u00a0": `\u202e\u009b\u00a0`, "\x00": `\x00`, "�": "�",
	} {
		require.Equal(t, want, EscapeID(id))
	}
	require.Equal(t, `x: no user "a\tb\\"`+"\n"+`line\x1b\t\xff`, EscapeText(`x: no user "a\tb\\"`+"\nline\x1b\t\xff"))
	rapid.Check(t, func(t *rapid.T) {
		id := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + rapid.String().Draw(t, "text")
		cell := EscapeID(id)
		require.Equal(t, -1, strings.IndexFunc(cell, func(r rune) bool { return !strconv.IsPrint(r) }), "%q", cell)
		back, err := strconv.Unquote(`"` + strings.ReplaceAll(cell, `"`, `\"`) + `"`)
		require.NoError(t, err)
		require.Equal(t, id, back)
	})
}
