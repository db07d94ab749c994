package login

import (
	"strings"
	"testing"

	"github.com/openid-client/openid"
)

// TestSealer: one value has one text, one name, one purpose and one application.
func TestSealer(t *testing.T) {
	s := newSealer([]openid.Secret{key('1')}, "purpose", base)
	sealed, err := s.seal([]byte("content"), "name")
	if err != nil {
		t.Fatal(err)
	}
	if plain, stale, ok := s.open(sealed, "name"); string(plain) != "content" || stale || !ok {
		t.Errorf("%q %v %v", plain, stale, ok)
	}
	rotated := newSealer([]openid.Secret{key('2'), key('1')}, "purpose", base)
	if plain, stale, ok := rotated.open(sealed, "name"); string(plain) != "content" || !stale || !ok {
		t.Errorf("%q %v %v", plain, stale, ok)
	}
	for name, open := range map[string]func() ([]byte, bool, bool){
		"a line break":        func() ([]byte, bool, bool) { return s.open(sealed[:20]+"\n"+sealed[20:], "name") },
		"line breaks at ends": func() ([]byte, bool, bool) { return s.open("\r\n"+sealed+"\r\n", "name") },
		"padding":             func() ([]byte, bool, bool) { return s.open(sealed+"=", "name") },
		"another name":        func() ([]byte, bool, bool) { return s.open(sealed, "nam") },
		"a longer name":       func() ([]byte, bool, bool) { return s.open(sealed, "names") },
		"too long":            func() ([]byte, bool, bool) { return s.open(strings.Repeat("A", maxSealed+1), "name") },
		"too short":           func() ([]byte, bool, bool) { return s.open("AQ", "name") },
		"another purpose": func() ([]byte, bool, bool) {
			return newSealer([]openid.Secret{key('1')}, "other", base).open(sealed, "name")
		},
		"another application": func() ([]byte, bool, bool) {
			return newSealer([]openid.Secret{key('1')}, "purpose", base+"x").open(sealed, "name")
		},
		"another key": func() ([]byte, bool, bool) {
			return newSealer([]openid.Secret{key('3')}, "purpose", base).open(sealed, "name")
		},
		"a key of the process": func() ([]byte, bool, bool) { return newSealer(nil, "purpose", base).open(sealed, "name") },
	} {
		if plain, _, ok := open(); ok || plain != nil {
			t.Errorf("%s: %q", name, plain)
		}
	}
}

// FuzzRecords: whatever lies in the store or in a cookie, reading it neither panics nor takes more than it is worth.
func FuzzRecords(f *testing.F) {
	f.Add((&session{issuer: "i", subject: "s", values: map[string]string{"a": "b"}}).encode())
	f.Add(newAttempt("login", "p", "/").encode())
	f.Add([]byte{sessionVersion, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := decodeSession(b); err == nil {
			again, err := decodeSession(s.encode())
			if err != nil || again.subject != s.subject || len(again.values) != len(s.values) {
				t.Errorf("%q: %v", b, err)
			}
		}
		if a, ok := decodeAttempt(b); ok {
			if _, ok := decodeAttempt(a.encode()); !ok {
				t.Errorf("%q", b)
			}
		}
	})
}
