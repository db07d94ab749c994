package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"
)

// An entry is what one file holds: a record and its key, so that a file that was moved is noticed. It carries its lease by two clocks: since
// boot, which nobody sets, and by the wall, for those who cannot tell the one.
type entry struct {
	record
	key     string
	process string        // whose flock tells whether the holder lives
	boot    string        // which boot lapses counts from; empty: unknown
	lapses  time.Duration // record.until, since that boot
}

// A moment is now, by both clocks.
type moment struct {
	wall  time.Time
	boot  string
	since time.Duration
}

// follow puts the lease on now's wall clock, where the rules of a record are.
func (e *entry) follow(now moment) {
	switch {
	case e.boot == "" || now.boot == "":
	case e.boot == now.boot:
		e.until = now.wall.Add(e.lapses - now.since)
	case e.until.After(now.wall): // no holder outlives its machine
		e.until = now.wall
	}
}

// stamp is the reverse of follow.
func (e *entry) stamp(now moment) {
	if e.holder == "" {
		e.process = ""
	}
	e.boot, e.lapses = now.boot, now.since+e.until.Sub(now.wall)
}

const entryHead = "openid store 1\n"

// encode writes the head, the fields in a fixed order, each byte string behind its length, and the SHA-256 of all that.
func (e *entry) encode() []byte {
	b := make([]byte, 0, 256+len(e.key)+len(e.value))
	b = append(b, entryHead...)
	b = appendField(b, e.key)
	if e.value == nil {
		b = appendNumber(b, -1)
	} else {
		b = appendField(b, e.value)
	}
	b = appendNumber(b, e.expires.UnixMicro())
	b = appendField(b, e.added)
	b = appendField(b, e.saved)
	b = appendField(b, e.holder)
	b = appendNumber(b, e.until.UnixMicro())
	b = appendField(b, e.process)
	b = appendField(b, e.boot)
	b = appendNumber(b, int64(e.lapses))
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

func appendNumber(b []byte, n int64) []byte { return binary.BigEndian.AppendUint64(b, uint64(n)) }

func appendField[T ~string | ~[]byte](b []byte, s T) []byte {
	return append(appendNumber(b, int64(len(s))), s...)
}

var (
	errHead   = errors.New("it does not begin as this version writes it")
	errSum    = errors.New("its checksum is wrong: it was cut short or changed")
	errFields = errors.New("its fields have the wrong lengths")
)

// decodeEntry takes exactly what encode writes.
func decodeEntry(b []byte) (e entry, err error) {
	if !bytes.HasPrefix(b, []byte(entryHead)) {
		return entry{}, errHead
	}
	end := len(b) - sha256.Size
	if end < len(entryHead) {
		return entry{}, errSum
	}
	if sum := sha256.Sum256(b[:end]); !bytes.Equal(sum[:], b[end:]) {
		return entry{}, errSum
	}
	f := fields{rest: b[len(entryHead):end]}
	e.key = string(f.field())
	e.value = f.fieldOrNone()
	e.expires = time.UnixMicro(f.number())
	e.added = Token(f.field())
	e.saved = Token(f.field())
	e.holder = Token(f.field())
	e.until = time.UnixMicro(f.number())
	e.process = string(f.field())
	e.boot = string(f.field())
	e.lapses = time.Duration(f.number())
	if f.short || len(f.rest) > 0 {
		return entry{}, errFields
	}
	return e, nil
}

type fields struct {
	rest  []byte
	short bool
}

func (f *fields) take(n int64) []byte {
	if n < 0 || n > int64(len(f.rest)) {
		f.rest, f.short = nil, true
		return nil
	}
	taken := f.rest[:n:n]
	f.rest = f.rest[n:]
	return taken
}

func (f *fields) number() int64 {
	b := f.take(8)
	if b == nil {
		return 0
	}
	return int64(binary.BigEndian.Uint64(b))
}

func (f *fields) field() []byte { return f.take(f.number()) }

func (f *fields) fieldOrNone() []byte {
	n := f.number()
	if n == -1 {
		return nil
	}
	return f.take(n)
}
