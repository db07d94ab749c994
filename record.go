package openid

import (
	"encoding/binary"
	"errors"
)

// A record is how this package keeps its own state: a version and a list of length-prefixed strings. It is only ever read back from
// places that are authenticated or the caller's own.

var errRecord = errors.New("openid: not a record of this package, or of a newer version")

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func encodeRecord(version byte, fields ...string) []byte {
	size := 1
	for _, f := range fields {
		size += binary.MaxVarintLen32 + len(f)
	}
	b := append(make([]byte, 0, size), version)
	for _, f := range fields {
		b = appendString(b, f)
	}
	return b
}

// decodeRecord fills the fields in their order. Fields that a later minor change appended are ignored; missing ones are an error.
func decodeRecord(b []byte, version byte, fields ...*string) error {
	if len(b) == 0 || b[0] != version {
		return errRecord
	}
	b = b[1:]
	for _, f := range fields {
		n, used := binary.Uvarint(b)
		if used <= 0 || n > uint64(len(b)-used) {
			return errRecord
		}
		b = b[used:]
		*f, b = string(b[:n]), b[n:]
	}
	return nil
}
