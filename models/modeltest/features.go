package modeltest

import (
	"fmt"

	"github.com/fenchel-ml/fenchel/data"
)

// withFeatures returns set with features of both sides.
func withFeatures(set *data.Dataset) *data.Dataset {
	with := *set
	with.UserFields, with.ItemFields = features(set.Users, 3), features(set.Items, 5)
	return &with
}

// features returns a field of each type, of which every step-th row has none.
func features(rows, step int) []data.Field {
	list := func(name, kind string, size int) data.Field {
		f := data.Field{Name: name, Type: kind, Size: size, Lo: make([]int, rows), Hi: make([]int, rows), ID: []int32{}}
		if kind == data.Float || kind == data.FloatSeq {
			f.Value = []float32{}
			for range size {
				f.Scale = append(f.Scale, data.Scale{Mean: 0, Deviation: 1})
			}
			return f
		}
		for id := range size {
			f.Tokens = append(f.Tokens, fmt.Sprintf("%s-%d", name, id))
		}
		return f
	}
	one := data.Field{Name: "place", Type: data.Token, Size: 4, ID: make([]int32, rows), Tokens: []string{"a", "b", "c", "d"}}
	tags, age, point := list("tags", data.TokenSeq, 6), list("age", data.Float, 1), list("point", data.FloatSeq, 3)
	for i := range rows {
		one.ID[i] = int32(i*7%5) - 1
		for _, f := range []*data.Field{&tags, &age, &point} {
			f.Lo[i] = len(f.ID)
			n := f.Size
			if f == &tags {
				n = i % 4
			}
			if i%step == step-1 {
				n = 0
			}
			for k := range n {
				if f == &tags {
					f.ID = append(f.ID, int32((i+2*k)%f.Size))
					continue
				}
				f.ID, f.Value = append(f.ID, int32(k)), append(f.Value, float32((i*5+k*3)%11)/4-1)
			}
			f.Hi[i] = len(f.ID)
		}
	}
	return []data.Field{one, tags, age, point}
}
