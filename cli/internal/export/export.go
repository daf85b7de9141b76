package export

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"unicode/utf8"

	"github.com/fenchel-ml/fenchel/internal/fs"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/train"
)

// A Format is one form of file.
type Format struct {
	Name, Doc string
	Text      bool // ids need be UTF-8

	// write writes the vectors into a new directory.
	write func(dir string, v *train.Vectors) error
}

var formats = map[string]Format{}

func register(f Format) { formats[f.Name] = f }

// Formats returns the names, in order.
func Formats() []string { return []string{"safetensors", "npy", "parquet", "tsv"} }

// Lookup returns the format of that name; the error of an unknown one lists the choices.
func Lookup(name string) (Format, error) {
	f, ok := formats[name]
	if !ok {
		return f, fmt.Errorf("unknown format %q%s", name, registry.Offer(name, Formats()))
	}
	return f, nil
}

// Write writes v to a new directory, and what it is into its file "about.json".
func Write(dir string, f Format, v *train.Vectors) error {
	if f.Text {
		if err := utf8Only("user", v.UserIDs); err != nil {
			return err
		}
		if err := utf8Only("item", v.ItemIDs); err != nil {
			return err
		}
	}
	return fs.NewDir(dir, func(tmp string) error {
		if err := f.write(tmp, v); err != nil {
			return err
		}
		score := map[string]string{
			train.ScoreVectors: "the score is the product of a user's vector and an item's, plus the item's bias where there is one",
			train.RawVectors:   "the vectors as the model makes them, before norms and the temperature",
			train.UnitVectors:  "vectors of norm 1: products are cosines",
		}[v.Form]
		if v.ByHistory {
			score = "the score of an item is the product of its vector and one that is 1 at each item of a history, in the order of the items, and 0 elsewhere"
		}
		return writeJSON(filepath.Join(tmp, "about.json"), about{
			Users: len(v.UserIDs), Items: len(v.ItemIDs), Dim: v.Dim, Vectors: v.Form, ItemBias: v.ItemBias != nil, RanksByProduct: v.ByProduct,
			Score: score,
		})
	})
}

// about is what the directory's file says of the vectors.
type about struct {
	Users          int    `json:"users"`
	Items          int    `json:"items"`
	Dim            int    `json:"dim"`
	Vectors        string `json:"vectors"`
	ItemBias       bool   `json:"item_bias"`
	RanksByProduct bool   `json:"ranks_by_product"`
	Score          string `json:"score"`
}

func utf8Only(what string, ids []string) error {
	for _, id := range ids {
		if !utf8.ValidString(id) {
			return fmt.Errorf("the %s id %q is not UTF-8, as the format asks; tsv takes any", what, id)
		}
	}
	return nil
}

func writeJSON(path string, x any) error {
	return fs.WriteFile(path, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", " ")
		return e.Encode(x)
	})
}

// sides are what every format writes: users, where they have vectors, or words as contexts, and
// items with their bias.
func sides(v *train.Vectors) []side {
	items := side{"items", v.ItemIDs, v.Items, v.ItemBias}
	if v.ByHistory {
		return []side{items}
	}
	contexts := "users"
	if v.Words {
		contexts = "contexts"
	}
	return []side{{contexts, v.UserIDs, v.Users, nil}, items}
}

type side struct {
	name string
	ids  []string
	w    []float32 // [n,d]
	bias []float32 // [n] or nil
}
