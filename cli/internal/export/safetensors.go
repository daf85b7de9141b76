package export

import (
	"path/filepath"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/train"
	"github.com/fenchel-ml/fenchel/train/weights"
)

func init() {
	register(Format{
		Name: "safetensors", Doc: "vectors.safetensors with users, items and item_bias; ids as JSON lists beside it", Text: true,
		write: func(dir string, v *train.Vectors) error {
			var arrays []graph.Array
			for _, s := range sides(v) {
				arrays = append(arrays, graph.Array{Name: s.name, Shape: []int{len(s.ids), v.Dim}, Data: s.w})
				if s.bias != nil {
					arrays = append(arrays, graph.Vector("item_bias", s.bias))
				}
				if err := writeJSON(filepath.Join(dir, s.name+".json"), s.ids); err != nil {
					return err
				}
			}
			return weights.Write(filepath.Join(dir, "vectors.safetensors"), map[string]string{"vectors": v.Form}, arrays)
		},
	})
}
