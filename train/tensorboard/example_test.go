package tensorboard_test

import (
	"fmt"
	"io"
	"log"
	"os"

	"github.com/fenchel-ml/fenchel/train/tensorboard"
)

// Curves of one's own, beside those of a run, whose observer is Writer.Observe.
func Example() {
	dir, err := os.MkdirTemp("", "board")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	w, err := tensorboard.Create(dir)
	if err != nil {
		log.Fatal(err)
	}
	for step := range 3 {
		w.Write(step, tensorboard.Scalar{Tag: "mine", Value: float32(step * step)})
	}
	if err := w.Close(); err != nil { // the first error of all writes
		log.Fatal(err)
	}
	f, err := os.Open(w.Name())
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	for {
		e, err := tensorboard.Read(f)
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		for _, s := range e.Scalars {
			fmt.Println(e.Step, s.Tag, s.Value)
		}
	}
	// Output:
	// 0 mine 0
	// 1 mine 1
	// 2 mine 4
}
