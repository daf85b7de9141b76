package data

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// thriftDepth bounds how deep structs are in structs, and the groups of a schema in groups.
const thriftDepth = 64

// thriftSize returns how long the struct is that data begin with, of Thrift's compact protocol.
// Parsers allocate the lists and texts that it says: here they are there.
func thriftSize(data []byte) (int, error) {
	w := thriftWalker{data: data}
	err := w.structure(0)
	return w.at, err
}

// errCutShort is the error of data that end within a struct.
var errCutShort = errors.New("it is cut short")

// thriftStructs bounds the structs in lists: a thousand columns of 250 row groups.
const thriftStructs = 1 << 18

// A thriftWalker walks over a struct of Thrift's compact protocol.
//
// Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md.
type thriftWalker struct {
	data    []byte
	at      int
	structs int
}

func (w *thriftWalker) byte() (byte, error) {
	if w.at >= len(w.data) {
		return 0, errCutShort
	}
	w.at++
	return w.data[w.at-1], nil
}

func (w *thriftWalker) varint() (uint64, error) {
	x, n := binary.Uvarint(w.data[w.at:])
	if n == 0 {
		return 0, errCutShort
	}
	if n < 0 {
		return 0, errors.New("a number of more than 64 bits")
	}
	w.at += n
	return x, nil
}

func (w *thriftWalker) skip(n uint64) error {
	if n > uint64(len(w.data)-w.at) {
		return errCutShort
	}
	w.at += int(n)
	return nil
}

// The types of the compact protocol.
const (
	thriftStop = iota
	thriftYes
	thriftNo
	thriftInt8
	thriftInt16
	thriftInt32
	thriftInt64
	thriftDouble
	thriftBinary
	thriftList
	thriftSet
	thriftMap
	thriftStruct
)

func (w *thriftWalker) structure(depth int) error {
	if depth > thriftDepth {
		return errors.New("structs that are too deep")
	}
	for {
		head, err := w.byte()
		if err != nil || head == thriftStop {
			return err
		}
		if head>>4 == 0 { // the number of the field follows
			if _, err := w.varint(); err != nil {
				return err
			}
		}
		if kind := head & 15; kind != thriftYes && kind != thriftNo { // which are their value
			if err := w.value(kind, depth); err != nil {
				return err
			}
		}
	}
}

func (w *thriftWalker) value(kind byte, depth int) error {
	switch kind {
	case thriftYes, thriftNo, thriftInt8:
		return w.skip(1)
	case thriftInt16, thriftInt32, thriftInt64:
		_, err := w.varint()
		return err
	case thriftDouble:
		return w.skip(8)
	case thriftBinary:
		n, err := w.varint()
		if err != nil {
			return err
		}
		return w.skip(n)
	case thriftList, thriftSet:
		head, err := w.byte()
		if err != nil {
			return err
		}
		n := uint64(head >> 4)
		if n == 15 {
			if n, err = w.varint(); err != nil {
				return err
			}
		}
		return w.values(n, depth, head&15)
	case thriftMap:
		n, err := w.varint()
		if err != nil || n == 0 {
			return err
		}
		kinds, err := w.byte()
		if err != nil {
			return err
		}
		return w.values(n, depth, kinds>>4, kinds&15)
	case thriftStruct:
		return w.structure(depth + 1)
	}
	return fmt.Errorf("a field of type %d, which there is not", kind)
}

// values walks over n elements of these kinds, each of a byte at the least.
func (w *thriftWalker) values(n uint64, depth int, kinds ...byte) error {
	if n > uint64(len(w.data)-w.at) {
		return errCutShort
	}
	for _, kind := range kinds {
		if kind == thriftStruct {
			if w.structs += int(n); w.structs > thriftStructs {
				return fmt.Errorf("lists of more than %d structs", thriftStructs)
			}
		}
	}
	for range n {
		for _, kind := range kinds {
			if err := w.value(kind, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}
