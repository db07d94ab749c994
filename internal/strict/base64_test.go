package strict

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
)

func TestAppendBase64(t *testing.T) {
	// RFC 4648 section 10, without the padding, and RFC 7515 appendix C.
	for text, want := range map[string]string{
		"": "", "Zg": "f", "Zm8": "fo", "Zm9v": "foo", "Zm9vYg": "foob", "Zm9vYmE": "fooba", "Zm9vYmFy": "foobar", "-_-_": "\xfb\xff\xbf", "A-z_4ME": "\x03\xec\xff\xe0\xc1",
	} {
		got, err := AppendBase64([]byte("dst:"), text)
		if err != nil || string(got) != "dst:"+want {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
}

func TestAppendBase64Refuses(t *testing.T) {
	for lie, text := range map[string]string{
		"padding": "Zg==", "the standard alphabet, plus": "+_-_", "the standard alphabet, slash": "-/-_", "a line feed": "Zm9v\n", "a carriage return inside": "Zm\r9v",
		"a space": "Zm9 ", "a dot": "Zm9v.", "one character": "Z", "five characters": "Zm9vY", "a NUL": "Zm9\x00", "a byte above ASCII": "Zm9\xff",
		"unused bits of one byte": "Zh", "unused bits of two bytes": "Zm9", "bad byte in a tail of two": "Z=", "bad byte in a tail of three": "Zm=",
		"unused bits: last character not canonical": "Zm9vYmF",
	} {
		dst := []byte("dst")
		if got, err := AppendBase64(dst, text); err == nil || !bytes.Equal(got, dst) {
			t.Errorf("%s: got %q, %v", lie, got, err)
		}
	}
}

// The judge is the standard library's strict decoder, without its indulgence for line breaks.
func FuzzBase64(f *testing.F) {
	for _, seed := range []string{"", "Zg", "Zm8", "Zm9v", "Zh", "Zm9", "Zg==", "Zm9v\r\n", "-_+/", "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := AppendBase64(nil, text)
		want, judge := base64.RawURLEncoding.Strict().DecodeString(text)
		if refuse := judge != nil || strings.ContainsAny(text, "\r\n"); refuse != (err != nil) {
			t.Fatalf("got %v, the standard library says %v", err, judge)
		}
		if err == nil && !bytes.Equal(got, want) {
			t.Fatalf("got %x, want %x", got, want)
		}
	})
}

func BenchmarkAppendBase64(b *testing.B) {
	text := strings.Repeat("Zm9vYmFy", 128)
	var dst []byte
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		dst, _ = AppendBase64(dst[:0], text)
	}
}
