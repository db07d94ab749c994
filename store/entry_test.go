package store

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"
	"time"
)

func sampleEntry() entry {
	return entry{
		record: record{value: []byte("v"), expires: time.UnixMicro(9e15), added: "a", saved: "s", holder: "h", until: time.UnixMicro(8e15)},
		key:    "session:k", process: "P", boot: "b", lapses: 7 * time.Second,
	}
}

func TestEntryKeepsEverything(t *testing.T) {
	full, bare, empty := sampleEntry(), entry{key: ""}, sampleEntry()
	empty.value = []byte{}
	for name, e := range map[string]entry{"full": full, "bare": bare, "empty value": empty} {
		got, err := decodeEntry(e.encode())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(got.encode(), e.encode()) || (got.value == nil) != (e.value == nil) || got.holder != e.holder || got.lapses != e.lapses {
			t.Errorf("%s: %+v became %+v", name, e, got)
		}
	}
}

// TestEntryDamaged: whatever one byte, or the end, is made of, it is not read as something else.
func TestEntryDamaged(t *testing.T) {
	e := sampleEntry()
	b := e.encode()
	for n := range b {
		if _, err := decodeEntry(b[:n]); err == nil {
			t.Errorf("cut to %d of %d bytes: read", n, len(b))
		}
		for bit := range 8 {
			changed := bytes.Clone(b)
			changed[n] ^= 1 << bit
			if _, err := decodeEntry(changed); err == nil {
				t.Errorf("byte %d, bit %d: read", n, bit)
			}
		}
	}
	if _, err := decodeEntry(append(bytes.Clone(b), 0)); err == nil {
		t.Error("a byte more: read")
	}
}

// TestEntryFields: a checksum alone proves no shape.
func TestEntryFields(t *testing.T) {
	number := func(n int64) []byte { return appendNumber([]byte(entryHead), n) }
	for name, body := range map[string][]byte{
		"nothing":                []byte(entryHead),
		"half a length":          append([]byte(entryHead), 0, 0, 0),
		"a length below zero":    number(-1),
		"a length past the end":  number(1 << 40),
		"the greatest length":    number(1<<63 - 1),
		"the key and no more":    appendField([]byte(entryHead), "k"),
		"a value shorter than 0": appendNumber(appendField([]byte(entryHead), "k"), -2),
	} {
		if _, err := decodeEntry(summed(body)); !errors.Is(err, errFields) {
			t.Errorf("%s: %v", name, err)
		}
	}
	e := sampleEntry()
	b := e.encode()
	if _, err := decodeEntry(summed(append(b[:len(b)-sha256.Size:len(b)-sha256.Size], 0))); !errors.Is(err, errFields) {
		t.Errorf("a byte after the last field: %v", err)
	}
}

func summed(body []byte) []byte {
	sum := sha256.Sum256(body)
	return append(bytes.Clone(body), sum[:]...)
}

// TestEntryFollows: which clock a lease goes by.
func TestEntryFollows(t *testing.T) {
	wall := time.UnixMicro(1e15)
	leased := func(boot string) (e entry) {
		e.holder, e.until = "h", wall.Add(time.Minute)
		e.stamp(moment{wall, boot, time.Hour})
		return e
	}
	for _, test := range []struct {
		name string
		e    entry
		now  moment
		left time.Duration
	}{
		{"ten seconds on", leased("b"), moment{wall.Add(10 * time.Second), "b", time.Hour + 10*time.Second}, 50 * time.Second},
		{"the wall clock was set forward a day", leased("b"), moment{wall.Add(24 * time.Hour), "b", time.Hour + 10*time.Second}, 50 * time.Second},
		{"the wall clock was set back a day", leased("b"), moment{wall.Add(-24 * time.Hour), "b", time.Hour + 10*time.Second}, 50 * time.Second},
		{"another boot", leased("b"), moment{wall.Add(10 * time.Second), "c", 10 * time.Second}, 0},
		{"another boot, long after", leased("b"), moment{wall.Add(time.Hour), "c", 10 * time.Second}, -59 * time.Minute},
		{"who reads cannot tell the boot", leased("b"), moment{wall.Add(10 * time.Second), "", 0}, 50 * time.Second},
		{"who wrote could not tell the boot", leased(""), moment{wall.Add(10 * time.Second), "b", 10 * time.Second}, 50 * time.Second},
	} {
		got, err := decodeEntry(test.e.encode())
		if err != nil {
			t.Fatal(err)
		}
		got.follow(test.now)
		if left := got.until.Sub(test.now.wall); left != test.left {
			t.Errorf("%s: %s are left, want %s", test.name, left, test.left)
		}
	}
}

// FuzzRecord: nothing makes the decoder panic, and what it reads is what would be written. Each input is tried as it is and with the
// checksum that fits it.
func FuzzRecord(f *testing.F) {
	for _, e := range []entry{{}, {key: "k"}, sampleEntry()} {
		b := e.encode()
		f.Add(b)
		f.Add(b[:len(b)-sha256.Size])
	}
	f.Add([]byte(entryHead))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, summed(b)} {
			if e, err := decodeEntry(b); err == nil && !bytes.Equal(e.encode(), b) {
				t.Errorf("read %x, would write %x", b, e.encode())
			}
		}
	})
}
