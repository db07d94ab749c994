package jose

import (
	"errors"
	"strings"
	"testing"

	"github.com/openid-client/openid/internal/hostile"
)

// check is the check of the refusal, or what came instead.
func check(err error) string {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Check
	}
	if err != nil {
		return "no refusal: " + err.Error()
	}
	return "accepted"
}

func TestSplit(t *testing.T) {
	got, err := Split("aGVhZGVy.cGF5bG9hZA.c2ln")
	if want := (JWS{"aGVhZGVy.cGF5bG9hZA", "aGVhZGVy", "cGF5bG9hZA", "c2ln"}); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err = Split(".."); err != nil || got != (JWS{Signed: "."}) {
		t.Errorf("empty parts are left to their readers: got %+v, %v", got, err)
	}
	if _, err := Split("a.b." + strings.Repeat("c", MaxToken-4)); err != nil {
		t.Errorf("a token of exactly the cap: %v", err)
	}
}

func TestSplitRefuses(t *testing.T) {
	for _, tt := range []struct{ lie, token, check string }{
		{"nothing", "", "compact"},
		{"one part", "a", "compact"},
		{"two parts", "a.b", "compact"},
		{"four parts", "a.b.c.d", "compact"},
		{"five parts: a JWE", "a.b.c.d.e", "encryption"},
		{"six parts", "a.b.c.d.e.f", "compact"},
		{"JSON serialisation", `{"payload":"cGF5","signatures":[]}`, "compact"},
		{"JSON serialisation with two dots", `{"payload":"cGF5","header":{"kid":"a.b.c"}}`, "compact"},
		{"JSON serialisation with four dots", `{"payload":"cGF5","header":{"kid":"a.b.c.d.e"}}`, "compact"},
		{"one byte too long", "a.b." + strings.Repeat("c", MaxToken-3), "size"},
		{"8 MB", strings.Repeat("a", 8<<20), "size"},
		{"5 million dots", strings.Repeat(".", 5_000_000), "size"},
		{"64 KiB of dots", strings.Repeat(".", MaxToken), "compact"},
	} {
		if _, err := Split(tt.token); check(err) != tt.check {
			t.Errorf("%s: got %s, want %s", tt.lie, check(err), tt.check)
		}
	}
}

func TestHostileSplitAllocatesNothing(t *testing.T) {
	t.Run("I43 dots", func(t *testing.T) {
		hostile.Watch(t, "")
		for _, token := range []string{strings.Repeat(".", 5_000_000), strings.Repeat("a.", MaxToken/2)} {
			_, err := Split(token)
			hostile.Hear(err)
			// The refusal itself and the number in it.
			if got := testing.AllocsPerRun(10, func() { _, _ = Split(token) }); got > 2 {
				t.Errorf("%v allocations", got)
			}
		}
		if got := testing.AllocsPerRun(10, func() { _, _ = Split("a.b.c") }); got != 0 {
			t.Errorf("%v allocations for a good one", got)
		}
	})
}

func TestRefusalSays(t *testing.T) {
	_, err := Split("canary.canary")
	if got, want := err.Error(), "compact: expected 3 parts, got 2 (RFC 7515 section 7.1)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzSplit(f *testing.F) {
	f.Add(rfc7515A1)
	f.Add("a.b.c.d.e")
	f.Add("..")
	f.Add(strings.Repeat(".", 100))
	f.Fuzz(func(t *testing.T, token string) {
		jws, err := Split(token)
		if err != nil {
			if c := check(err); c != "size" && c != "compact" && c != "encryption" {
				t.Fatal(err)
			}
			return
		}
		if jws.Signed+"."+jws.Signature != token || jws.Header+"."+jws.Payload != jws.Signed {
			t.Fatalf("%q became %+v", token, jws)
		}
		if strings.Contains(jws.Header+jws.Payload+jws.Signature, ".") {
			t.Fatalf("a part holds a dot: %+v", jws)
		}
	})
}
