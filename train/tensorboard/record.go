package tensorboard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// A Scalar is a value of a curve.
type Scalar struct {
	Tag   string  // names the curve
	Value float32 // at the Step of its Event
}

// An Event is one record of an event file.
type Event struct {
	WallTime    float64  // seconds since 1970
	Step        int64    // where the values are on the curves
	FileVersion string   // of the first event of a file
	Start       bool     // a process starts here: what is there of later steps is void
	Scalars     []Scalar // none but in events of values
}

// The field numbers of event.proto and summary.proto.
const (
	eventWallTime    = 1 // double
	eventStep        = 2 // int64
	eventFileVersion = 3 // string
	eventSummary     = 5 // Summary
	eventSessionLog  = 7 // SessionLog
	summaryValue     = 1 // repeated Value
	valueTag         = 1 // string
	valueSimple      = 2 // float
	sessionStatus    = 1 // enum
	sessionStart     = 1 // its value START
)

// marshal returns e as an Event message.
func (e Event) marshal() []byte {
	b := protowire.AppendTag(nil, eventWallTime, protowire.Fixed64Type)
	b = protowire.AppendFixed64(b, math.Float64bits(e.WallTime))
	if e.Step != 0 {
		b = protowire.AppendTag(b, eventStep, protowire.VarintType)
		b = protowire.AppendVarint(b, uint64(e.Step))
	}
	if e.FileVersion != "" {
		b = protowire.AppendTag(b, eventFileVersion, protowire.BytesType)
		b = protowire.AppendString(b, e.FileVersion)
	}
	if e.Start {
		log := protowire.AppendTag(nil, sessionStatus, protowire.VarintType)
		log = protowire.AppendVarint(log, sessionStart)
		b = protowire.AppendTag(b, eventSessionLog, protowire.BytesType)
		b = protowire.AppendBytes(b, log)
	}
	if len(e.Scalars) == 0 {
		return b
	}
	var summary []byte
	for _, s := range e.Scalars {
		value := protowire.AppendTag(nil, valueTag, protowire.BytesType)
		value = protowire.AppendString(value, s.Tag)
		value = protowire.AppendTag(value, valueSimple, protowire.Fixed32Type)
		value = protowire.AppendFixed32(value, math.Float32bits(s.Value))
		summary = protowire.AppendTag(summary, summaryValue, protowire.BytesType)
		summary = protowire.AppendBytes(summary, value)
	}
	b = protowire.AppendTag(b, eventSummary, protowire.BytesType)
	return protowire.AppendBytes(b, summary)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked returns the CRC-32C of b in the mask of TFRecord, which keeps a CRC of
// data that hold CRCs apart from theirs.
func masked(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

// frame returns data as a TFRecord: length, its CRC, data, their CRC; all little
// endian.
func frame(data []byte) []byte {
	r := binary.LittleEndian.AppendUint64(make([]byte, 0, len(data)+16), uint64(len(data)))
	r = binary.LittleEndian.AppendUint32(r, masked(r))
	r = append(r, data...)
	return binary.LittleEndian.AppendUint32(r, masked(data))
}

// maxRecord bounds what a broken length makes Read allocate.
const maxRecord = 16 << 20

// Read returns the next event of a file, or io.EOF at its end. A record that is
// cut short, as a crash of the machine may leave the last one, is
// io.ErrUnexpectedEOF; a CRC that does not match is an error.
func Read(r io.Reader) (Event, error) {
	var head [12]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return Event{}, err
	}
	if binary.LittleEndian.Uint32(head[8:]) != masked(head[:8]) {
		return Event{}, errors.New("tensorboard: the CRC of a record's length does not match")
	}
	n := binary.LittleEndian.Uint64(head[:])
	if n > maxRecord {
		return Event{}, fmt.Errorf("tensorboard: a record of %d bytes", n)
	}
	body := make([]byte, n+4)
	if _, err := io.ReadFull(r, body); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return Event{}, err
	}
	if binary.LittleEndian.Uint32(body[n:]) != masked(body[:n]) {
		return Event{}, errors.New("tensorboard: the CRC of a record does not match")
	}
	return unmarshal(body[:n])
}

// unmarshal reads what marshal writes; fields that it does not know are skipped.
func unmarshal(b []byte) (e Event, err error) {
	err = fields(b, func(num protowire.Number, x uint64, text []byte) error {
		switch num {
		case eventWallTime:
			e.WallTime = math.Float64frombits(x)
		case eventStep:
			e.Step = int64(x)
		case eventFileVersion:
			e.FileVersion = string(text)
		case eventSessionLog:
			return fields(text, func(num protowire.Number, x uint64, _ []byte) error {
				e.Start = e.Start || num == sessionStatus && x == sessionStart
				return nil
			})
		case eventSummary:
			return fields(text, func(num protowire.Number, _ uint64, text []byte) error {
				if num != summaryValue {
					return nil
				}
				var s Scalar
				defer func() { e.Scalars = append(e.Scalars, s) }()
				return fields(text, func(num protowire.Number, x uint64, text []byte) error {
					switch num {
					case valueTag:
						s.Tag = string(text)
					case valueSimple:
						s.Value = math.Float32frombits(uint32(x))
					}
					return nil
				})
			})
		}
		return nil
	})
	return e, err
}

// fields calls f for each field of a message: with x for a number, with text for
// what has a length.
func fields(b []byte, f func(num protowire.Number, x uint64, text []byte) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("tensorboard: %w", protowire.ParseError(n))
		}
		b = b[n:]
		var x uint64
		var text []byte
		switch typ {
		case protowire.VarintType:
			x, n = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			x, n = protowire.ConsumeFixed64(b)
		case protowire.Fixed32Type:
			var y uint32
			y, n = protowire.ConsumeFixed32(b)
			x = uint64(y)
		case protowire.BytesType:
			text, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			return fmt.Errorf("tensorboard: field %d: %w", num, protowire.ParseError(n))
		}
		b = b[n:]
		if err := f(num, x, text); err != nil {
			return err
		}
	}
	return nil
}
