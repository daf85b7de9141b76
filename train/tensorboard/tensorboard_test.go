package tensorboard

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
	"github.com/fenchel-ml/fenchel/train/optim"
)

// readAll decodes a whole file, CRCs and all.
func readAll(t *testing.T, r io.Reader) (events []Event) {
	t.Helper()
	for {
		e, err := Read(r)
		if err == io.EOF {
			return events
		}
		require.NoError(t, err)
		events = append(events, e)
	}
}

func readFile(t *testing.T, path string) []Event {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	return readAll(t, f)
}

// TestGolden holds both directions against a file that TensorBoard 2.21's own
// RecordWriter and protobuf messages wrote (see testdata/README).
func TestGolden(t *testing.T) {
	golden, err := os.ReadFile("testdata/golden.tfevents")
	require.NoError(t, err)
	events := readAll(t, bytes.NewReader(golden))
	require.Equal(t, []Event{
		{WallTime: 1700000000.5, FileVersion: "brain.Event:2"},
		{WallTime: 1700000001.25, Step: 3, Start: true},
		{WallTime: 1700000002, Step: 300, Scalars: []Scalar{{"train/loss", 2.5}, {"valid/recall@20", 0.125}}},
	}, events)
	var again []byte
	for _, e := range events {
		again = append(again, frame(e.marshal())...)
	}
	require.Equal(t, golden, again)
}

// RFC 3720, B.4: the CRC-32C of 32 zeros; and the mask undone.
func TestMaskedCRC(t *testing.T) {
	m := masked(make([]byte, 32)) - 0xa282ead8
	require.Equal(t, uint32(0x8a9136aa), m>>17|m<<15)
}

// TestDamage changes each byte of a file in turn: no damage is read as data.
func TestDamage(t *testing.T) {
	golden, err := os.ReadFile("testdata/golden.tfevents")
	require.NoError(t, err)
	whole := readAll(t, bytes.NewReader(golden))
	for i := range golden {
		bad := bytes.Clone(golden)
		bad[i] ^= 0x10
		var err error
		n := 0
		for r := bytes.NewReader(bad); err == nil; n++ {
			_, err = Read(r)
		}
		require.NotErrorIs(t, err, io.EOF, "byte %d", i)
		require.LessOrEqual(t, n, len(whole))
	}
	for cut := range golden {
		var err error
		for r := bytes.NewReader(golden[:cut]); err == nil; {
			_, err = Read(r)
		}
		require.True(t, errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF), "cut at %d: %v", cut, err)
	}
}

func TestReadSkipsWhatItDoesNotKnow(t *testing.T) {
	b := protowire.AppendTag(nil, 99, protowire.BytesType)
	b = protowire.AppendString(b, "later")
	b = append(b, Event{WallTime: 1, Step: 2, Scalars: []Scalar{{"a", float32(math.Inf(1))}}}.marshal()...)
	e, err := Read(bytes.NewReader(frame(b)))
	require.NoError(t, err)
	require.Equal(t, Event{WallTime: 1, Step: 2, Scalars: []Scalar{{"a", float32(math.Inf(1))}}}, e)
	_, err = Read(bytes.NewReader(frame([]byte{0xff})))
	require.ErrorContains(t, err, "tensorboard: ")
}

// TestRun trains and reads what was written before the file is closed: what a
// killed process leaves.
func TestRun(t *testing.T) {
	cfg := train.Config{
		Data:  train.DataConfig{Source: "demo:users=60,items=50,per-user=10"},
		Model: train.ModelConfig{Dim: 4},
		Train: train.TrainConfig{Epochs: 3, Batch: 16, Optimizer: "sgd:lr=0.5", Schedule: "cosine:warmup=1"},
	}
	set, err := data.Load(cfg.Data.Config())
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "new", "folder")
	w, err := Create(dir)
	require.NoError(t, err)
	var seen []*train.Stepped
	res, err := train.Run(t.Context(), cfg, set, func(e train.Event) {
		w.Observe(e)
		if s, ok := e.(*train.Stepped); ok {
			seen = append(seen, &train.Stepped{Epoch: s.Epoch, Step: s.Step, Loss: s.Loss, GradNorm: s.GradNorm})
			events := readFile(t, w.Name())
			require.Equal(t, int64(len(seen)), events[len(events)-1].Step, "written at once")
		}
	})
	require.NoError(t, err)
	require.NoError(t, w.Close())

	events := readFile(t, w.Name())
	require.Equal(t, "brain.Event:2", events[0].FileVersion)
	require.Equal(t, Event{WallTime: events[1].WallTime, Start: true}, events[1])
	curves := map[string][]Scalar{}
	steps := map[string][]int64{}
	last := 0.0
	for _, e := range events {
		require.GreaterOrEqual(t, e.WallTime, last)
		last = e.WallTime
		for _, s := range e.Scalars {
			curves[s.Tag] = append(curves[s.Tag], s)
			steps[s.Tag] = append(steps[s.Tag], e.Step)
		}
	}
	perEpoch := len(seen) / 3
	schedule, err := optim.ParseSchedule("cosine:warmup=1")
	require.NoError(t, err)
	require.Len(t, curves["train/loss"], len(seen))
	for i, s := range seen {
		require.Equal(t, float32(s.Loss), curves["train/loss"][i].Value)
		require.Positive(t, s.GradNorm)
		require.Equal(t, float32(s.GradNorm), curves["train/grad_norm"][i].Value)
		require.Equal(t, float32(0.5*schedule.Factor(i, perEpoch, 3)), curves["train/learning_rate"][i].Value)
		require.Equal(t, int64(i+1), steps["train/loss"][i])
	}
	for i, e := range res.History {
		at := int64((i + 1) * perEpoch)
		require.Equal(t, float32(e.Loss), curves["epoch/loss"][i].Value)
		require.Equal(t, float32(e.GradNorm), curves["epoch/grad_norm"][i].Value)
		require.Equal(t, at, steps["epoch/loss"][i])
		for _, v := range e.Valid.Values {
			require.Equal(t, float32(v.Value), curves["valid/"+v.Name][i].Value)
			require.Equal(t, at, steps["valid/"+v.Name][i])
		}
	}
	for _, v := range res.Test.Values {
		require.Equal(t, []Scalar{{"test/" + v.Name, float32(v.Value)}}, curves["test/"+v.Name])
		require.Equal(t, []int64{int64(len(seen))}, steps["test/"+v.Name])
	}
}

// TestExactSolver has neither learning rates nor gradient norms.
func TestExactSolver(t *testing.T) {
	cfg := train.Config{
		Data:  train.DataConfig{Source: "demo:users=60,items=50,per-user=10"},
		Model: train.ModelConfig{Dim: 4},
		Train: train.TrainConfig{Solver: "ials", Epochs: 2},
	}
	set, err := data.Load(cfg.Data.Config())
	require.NoError(t, err)
	w, err := Create(t.TempDir())
	require.NoError(t, err)
	_, err = train.Run(t.Context(), cfg, set, w.Observe)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	n := 0
	for _, e := range readFile(t, w.Name()) {
		for _, s := range e.Scalars {
			require.NotContains(t, []string{"train/learning_rate", "train/grad_norm", "epoch/grad_norm"}, s.Tag)
			n++
		}
	}
	require.Positive(t, n)
}

func TestErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	_, err := Create(filepath.Join(file, "sub"))
	require.ErrorContains(t, err, "tensorboard: ")

	// A disk that takes no more: the first error is kept and nothing more written.
	w, err := Create(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, w.file.Close())
	w.Write(1, Scalar{"a", 1})
	w.Write(2, Scalar{"a", 2})
	require.ErrorIs(t, w.Close(), os.ErrClosed)
	require.Len(t, readFile(t, w.Name()), 1)
}

// TestFilesOfOneFolder: a process that writes twice into one folder has two files.
func TestFilesOfOneFolder(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		w, err := Create(dir)
		require.NoError(t, err)
		require.NoError(t, w.Close())
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 3)
}
