package data

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A Moment is a time as a file states it: N·10^−Decimals in the unit of the file,
// which is seconds since 1970 where the file has dates. Decimals is 0 to 9.
type Moment struct {
	N        int64
	Decimals int
}

// maxDecimals is the finest time that is told from the next: nanoseconds, in a file
// whose unit is seconds.
const maxDecimals = 9

// timeLayouts are the dates that parseTime reads, taken as UTC without a zone, with
// fractions of a second or without.
var timeLayouts = []string{time.RFC3339, "2006-01-02T15:04:05", time.DateTime, "2006-01-02 15:04:05Z07:00", time.DateOnly}

// parseTime reads a time: a number in any unit, or a date. What is below its ninth
// decimal is cut, and cut says that there was something.
func parseTime(field []byte) (m Moment, cut bool, err error) {
	text := string(bytes.TrimSpace(field))
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return Moment{N: n}, false, nil
	}
	if m, cut, ok := parseDecimal(text); ok {
		return m, cut, nil
	}
	for _, layout := range timeLayouts {
		t, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		m, err := momentOf(t)
		return m, false, err
	}
	return Moment{}, false, fmt.Errorf("time %q is neither a number nor a date such as 2006-01-02 15:04:05", shorten(field))
}

// momentOf returns t in seconds since 1970, with as many decimals as it needs.
func momentOf(t time.Time) (Moment, error) {
	nanos, decimals := int64(t.Nanosecond()), maxDecimals
	for ; decimals > 0 && nanos%10 == 0; decimals-- {
		nanos /= 10
	}
	n, ok := Moment{N: t.Unix()}.in(decimals)
	if !ok {
		return Moment{}, fmt.Errorf("time %v is out of range", t)
	}
	return Moment{n + nanos, decimals}, nil
}

// parseDecimal reads a decimal number, such as "1.5e9", with no digit lost but those
// below the ninth decimal, and says whether there were any: towards −∞, as all are
// cut that way, order is kept.
func parseDecimal(text string) (m Moment, cut, ok bool) {
	mantissa, exponent := text, 0
	if at := strings.IndexAny(text, "eE"); at >= 0 {
		e, err := strconv.Atoi(text[at+1:])
		if err != nil || e < -400 || e > 400 { // beyond what any float holds
			return m, false, false
		}
		mantissa, exponent = text[:at], e
	}
	negative := strings.HasPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(mantissa, "-"), "+"), ".")
	digits := whole + fraction
	if digits == "" || strings.Trim(digits, "0123456789") != "" || strings.HasPrefix(mantissa, "-+") {
		return m, false, false
	}
	decimals := len(fraction) - exponent
	for decimals > 0 && strings.HasSuffix(digits, "0") {
		digits, decimals = digits[:len(digits)-1], decimals-1
	}
	digits = strings.TrimLeft(digits, "0")
	if digits == "" {
		return m, false, true
	}
	switch {
	case decimals < 0:
		digits, decimals = digits+strings.Repeat("0", -decimals), 0
	case decimals > maxDecimals:
		keep := max(0, len(digits)-(decimals-maxDecimals))
		digits, decimals, cut = "0"+digits[:keep], maxDecimals, true
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return m, false, false
	}
	if negative {
		n = -n
		if cut {
			n-- // n was above −2⁶³: its digits are those of an int64
		}
	}
	m = Moment{n, decimals}
	if cut {
		for m.Decimals > 0 && m.N%10 == 0 {
			m.N, m.Decimals = m.N/10, m.Decimals-1
		}
	}
	return m, cut, true
}

// in returns m in units of 10^−decimals, at least m's own, and whether it fits.
func (m Moment) in(decimals int) (int64, bool) {
	n := m.N
	for range decimals - m.Decimals {
		if n > math.MaxInt64/10 || n < math.MinInt64/10 {
			return 0, false
		}
		n *= 10
	}
	return n, true
}

// String returns the number, such as "12.7"; read as a time it is m again.
func (m Moment) String() string {
	text := strconv.FormatInt(m.N, 10)
	if m.Decimals == 0 {
		return text
	}
	sign := ""
	if m.N < 0 {
		sign, text = "-", text[1:]
	}
	if short := m.Decimals + 1 - len(text); short > 0 {
		text = strings.Repeat("0", short) + text
	}
	point := len(text) - m.Decimals
	return strings.TrimRight(strings.TrimRight(sign+text[:point]+"."+text[point:], "0"), ".")
}

// rescale puts times of from decimals into to decimals, at least from, and reports
// whether all fit; else it leaves them.
func rescale(times []int64, from, to int) bool {
	if from == to {
		return true
	}
	for _, n := range times {
		if _, ok := (Moment{n, from}).in(to); !ok {
			return false
		}
	}
	for p, n := range times {
		times[p], _ = Moment{n, from}.in(to)
	}
	return true
}
