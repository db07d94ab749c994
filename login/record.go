package login

import (
	"encoding/binary"
	"errors"
	"strconv"
	"time"
)

// A record is a version and a list of length-prefixed strings. It is only read back from what is sealed or from the store.

var errRecord = errors.New("login: not a record of this package, or of another version")

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return appendString(b, "")
	}
	var text [20]byte
	n := strconv.AppendInt(text[:0], t.Unix(), 10)
	return append(binary.AppendUvarint(b, uint64(len(n))), n...)
}

// A reader hands out the strings of a record, all parts of one.
type reader struct {
	b   []byte
	s   string
	at  int
	bad bool
}

func newReader(b []byte, version byte) *reader {
	if len(b) == 0 || b[0] != version {
		return &reader{bad: true}
	}
	return &reader{b: b, s: string(b), at: 1}
}

func (r *reader) text() string {
	if r.bad {
		return ""
	}
	n, used := binary.Uvarint(r.b[r.at:])
	if used <= 0 || n > uint64(len(r.b)-r.at-used) {
		r.bad = true
		return ""
	}
	begin := r.at + used
	r.at = begin + int(n)
	return r.s[begin:r.at]
}

func (r *reader) count() int {
	n, err := strconv.Atoi(r.text())
	if err != nil || n < 0 || n > maxValues {
		r.bad = true
		return 0
	}
	return n
}

func (r *reader) time() time.Time {
	text := r.text()
	if text == "" {
		return time.Time{}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	r.bad = r.bad || err != nil
	return time.Unix(n, 0)
}

// done reports whether all was there and nothing else.
func (r *reader) done() bool { return !r.bad && r.at == len(r.b) }
