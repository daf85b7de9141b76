package export

import (
	"bufio"
	"io"
	"path/filepath"
	"strconv"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/fs"
	"github.com/fenchel-ml/fenchel/train"
)

func init() {
	register(Format{
		Name: "tsv", Doc: "users.tsv and items.tsv: id, bias and the numbers of the vector between tabs; ids escaped as predict prints them",
		write: func(dir string, v *train.Vectors) error {
			for _, s := range sides(v) {
				if err := writeTSV(filepath.Join(dir, s.name+".tsv"), s, v.Dim); err != nil {
					return err
				}
			}
			return nil
		},
	})
}

func writeTSV(path string, s side, d int) error {
	return fs.WriteFile(path, func(w io.Writer) error {
		b := bufio.NewWriterSize(w, 1<<16)
		var line []byte
		for i, id := range s.ids {
			line = append(append(line[:0], data.EscapeID(id)...), '\t')
			bias := float32(0)
			if s.bias != nil {
				bias = s.bias[i]
			}
			line = strconv.AppendFloat(line, float64(bias), 'g', -1, 32)
			for _, x := range s.w[i*d : (i+1)*d] {
				line = strconv.AppendFloat(append(line, '\t'), float64(x), 'g', -1, 32)
			}
			if _, err := b.Write(append(line, '\n')); err != nil {
				return err
			}
		}
		return b.Flush()
	})
}
