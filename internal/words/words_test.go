package words

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCount(t *testing.T) {
	for want, of := range map[string]string{"0 users": "user", "2 classes": "class", "3 batches": "batch", "1 user": "user", "5 epochs": "epoch", "1 class": "class"} {
		require.Equal(t, want, Count(int(want[0]-'0'), of))
	}
}
