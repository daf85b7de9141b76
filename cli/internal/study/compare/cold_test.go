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
		require.Equal(t, items == train.WarmItems, strings.Contains(notes, note), notes)
		require.Equal(t, map[string]int{train.WarmItems: cold, train.ColdItems: set.Items - cold, train.AllItems: 0}[items], res.LeftOut, items)
	}
}
