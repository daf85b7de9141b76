package export

import (
	"encoding/binary"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/fenchel-ml/fenchel/internal/fs"
	"github.com/fenchel-ml/fenchel/train"
)

func init() {
	register(Format{
		Name: "npy", Doc: "users.npy, items.npy and item_bias.npy of float32; ids as JSON lists beside them", Text: true,
		write: func(dir string, v *train.Vectors) error {
			for _, s := range sides(v) {
				if err := writeNPY(filepath.Join(dir, s.name+".npy"), s.w, len(s.ids), v.Dim); err != nil {
					return err
				}
				if s.bias != nil {
					if err := writeNPY(filepath.Join(dir, "item_bias.npy"), s.bias, len(s.bias)); err != nil {
						return err
					}
				}
				if err := writeJSON(filepath.Join(dir, s.name+".json"), s.ids); err != nil {
					return err
				}
			}
			return nil
		},
	})
}

// writeNPY writes x as an array of that shape in NumPy's format 1.0: eight bytes of magic and
// version, the length of the header, the header, which ends the first 64·n bytes, and the
// numbers row by row. (The libraries for Go write matrices of float64 alone.)
// Source: numpy.lib.format of NumPy's documentation.
func writeNPY(path string, x []float32, shape ...int) error {
	var text strings.Builder
	text.WriteString("(")
	for _, n := range shape {
		text.WriteString(fmt.Sprint(n) + ",")
	}
	header := "{'descr': '<f4', 'fortran_order': False, 'shape': " + text.String() + "), }"
	const before = 10 // magic, version and length
	header += strings.Repeat(" ", 63-(before+len(header))%64) + "\n"
	return fs.WriteFile(path, func(w io.Writer) error {
		head := binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(header)))
		if _, err := w.Write(append(head, header...)); err != nil {
			return err
		}
		return binary.Write(w, binary.LittleEndian, x)
	})
}
