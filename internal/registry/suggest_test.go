package registry

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDidYouMean(t *testing.T) {
	losses := []string{"am-softmax", "bce", "entmax", "sl", "sl-at-k", "softmax", "sparsemax", "normmax"}
	for name, want := range map[string]string{
		"sofmax": "softmax", "Softmax": "softmax", "sotfmax": "softmax", "softmaxx": "softmax", "am_softmax": "am-softmax", "amsoftmax": "am-softmax",
		"sl_at_k": "sl-at-k", "bec": "bce", "entmx": "entmax", "parsemax": "sparsemax", "SL": "sl",
		"": "", "x": "", "ab": "", "nosuch": "", "gradient": "", "ce": "bce", "softmin-of-all": "", "s": "",
	} {
		got := DidYouMean(name, losses)
		if want == "" {
			require.Empty(t, got, name)
		} else {
			require.Equal(t, " (did you mean "+want+"?)", got, name)
		}
	}
	paths := []string{"data.source", "train.epochs", "train.batch", "loss"}
	for name, want := range map[string]string{"train.epoch": "train.epochs", "tarin.epochs": "train.epochs", "epochs": "train.epochs", "train.nosuch": "", "loss.epochs": "", "los": "loss", "train": "", "a.train.epochs": ""} {
		require.Equal(t, want, Closest(name, paths), name)
	}
	require.Empty(t, DidYouMean("softmax", nil))
	require.Equal(t, " (did you mean ab1?)", DidYouMean("ab0", []string{"ab1", "ab2"}), "the first of two as close")
	require.Equal(t, " (did you mean bce?); the choices are bce, sl", Offer("bcf", []string{"bce", "sl"}))
	require.Equal(t, "; the choices are bce, sl", Offer("zzz", []string{"bce", "sl"}))
}

// TestDistance holds distance against its definition, by recursion on the ends of the words.
func TestDistance(t *testing.T) {
	var naive func(a, b []rune) int
	naive = func(a, b []rune) int {
		n, m := len(a), len(b)
		if n == 0 || m == 0 {
			return n + m
		}
		same := 1
		if a[n-1] == b[m-1] {
			same = 0
		}
		d := min(naive(a[:n-1], b[:m-1])+same, naive(a[:n-1], b)+1, naive(a, b[:m-1])+1)
		if n > 1 && m > 1 && a[n-1] == b[m-2] && a[n-2] == b[m-1] {
			d = min(d, naive(a[:n-2], b[:m-2])+1)
		}
		return d
	}
	rng := rand.New(rand.NewPCG(31, 1))
	word := func() []rune {
		w := make([]rune, rng.IntN(7))
		for i := range w {
			w[i] = rune('a' + rng.IntN(3))
		}
		return w
	}
	for range 300 {
		a, b := word(), word()
		require.Equal(t, naive(a, b), distance(a, b), "%s, %s", string(a), string(b))
		require.Equal(t, distance(a, b), distance(b, a))
	}
}
