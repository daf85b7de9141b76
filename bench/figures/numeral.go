package main

import (
	"math"
	"strconv"
	"strings"
)

// A numeral is a number as a document writes it: with or without a sign, a zero before the
// point, commas between thousands, an exponent.
type numeral struct{ text string }

// decimals returns how many digits stand behind the point, and the exponent's part, if any.
func (n numeral) decimals() (digits int, exponent bool) {
	mantissa, _, exponent := strings.Cut(strings.ToLower(n.text), "e")
	_, fraction, _ := strings.Cut(mantissa, ".")
	return len(fraction), exponent
}

// is reports whether a value is the numeral when rounded to its digits. A number without
// a sign is not that of a negative value, and -.0000 is of any that rounds to zero.
func (n numeral) is(v float64) bool {
	want, err := parseNumber(n.text)
	if err != nil {
		return false
	}
	got, err := parseNumber(n.write(v))
	if err != nil {
		return false
	}
	return got == want
}

// write returns the value in the numeral's format: as many decimals, a zero before the
// point where there is one, the same kind of minus, a plus where there is a sign, commas
// between thousands.
func (n numeral) write(v float64) string {
	digits, exponent := n.decimals()
	verb := byte('f')
	if exponent {
		verb = 'e'
	}
	text := strconv.FormatFloat(math.Abs(v), verb, digits, 64)
	signed := strings.IndexAny(n.text, "+-") == 0 || strings.HasPrefix(n.text, "−")
	bare := strings.TrimLeft(n.text, "+-−")
	if strings.HasPrefix(bare, ".") {
		text = strings.TrimPrefix(text, "0")
	}
	if strings.Contains(bare, ",") || (len(strings.SplitN(bare, ".", 2)[0]) < 4 && len(strings.SplitN(text, ".", 2)[0]) > 4) {
		text = thousands(text)
	}
	zero := strings.Trim(text, "0.,") == ""
	switch {
	case v < 0 && !(zero && !signed):
		if strings.HasPrefix(n.text, "-") || !strings.HasPrefix(n.text, "−") && !strings.Contains(n.text, "−") {
			return "-" + text
		}
		return "−" + text
	case signed && zero:
		return string([]rune(n.text)[0]) + text
	case signed && v >= 0:
		return "+" + text
	}
	return text
}

// thousands puts commas between the thousands of a number.
func thousands(text string) string {
	whole, fraction, point := strings.Cut(text, ".")
	for at := len(whole) - 3; at > 0; at -= 3 {
		whole = whole[:at] + "," + whole[at:]
	}
	if point {
		whole += "." + fraction
	}
	return whole
}
