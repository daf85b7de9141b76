package compare

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
)

// TestColdItems: a comparison says how many items its rankings leave out.
func TestColdItems(t *testing.T) {
	for _, items := range train.ItemsChoices() {
		c, _ := small(t, "softmax")
		c.Base.Data.Source = "demo:users=60,items=200,per-user=5"
		c.Base.Eval.Items = items
		set, err := data.Load(c.Base.Data.Config())
		require.NoError(t, err)
		cold := len(set.ColdItems())
		require.Positive(t, cold)
		res, err := Run(t.Context(), c, set, nil)
		require.NoError(t, err)
		notes := strings.Join(res.Notes(), "\n")
		note := fmt.Sprintf("%d items without a training pair are left out of the rankings (eval.items=all ranks them)", cold)
		if items == train.WarmItems {
			require.Equal(t, cold, res.LeftOut)
			require.Contains(t, notes, note)
		} else {
			require.Zero(t, res.LeftOut)
			require.NotContains(t, notes, note)
		}
	}
}
