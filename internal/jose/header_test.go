package jose

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
)

func segment(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func TestParseHeader(t *testing.T) {
	for _, tt := range []struct {
		header string
		want   Header
	}{
		{`{"alg":"ES256"}`, Header{Algorithm: "ES256"}},
		{`{"typ":"at+jwt","alg":"RS256","kid":"k-1","cty":"JWT","x":{"y":[1]}}`, Header{Algorithm: "RS256", KeyID: "k-1", HasKeyID: true, Type: "at+jwt", ContentType: "JWT"}},
		{`{"alg":"none","kid":""}`, Header{Algorithm: "none", HasKeyID: true}},
		{`{"alg":"nOnE","typ":"Foo"}`, Header{Algorithm: "nOnE", Type: "Foo"}},
		{`{"alg":"ES256","ALG":"none","KID":"x"}`, Header{Algorithm: "ES256"}},
		{`{"\u0061lg":"ES\u003256"}`, Header{Algorithm: "ES256"}},
		{`{"alg":"ES256","crit":null}`, Header{Algorithm: "ES256", Critical: true}},
		{`{"alg":"ES256","crit":[],"b64":true}`, Header{Algorithm: "ES256", Critical: true, B64: true}},
		{`{"alg":"ES256","x5u":1,"jwk":{}}`, Header{Algorithm: "ES256", Embedded: "x5u"}},
		{`{"alg":"ES256","jwk":null}`, Header{Algorithm: "ES256", Embedded: "jwk"}},
		{`{"alg":"ES256","jku":"https://evil.example"}`, Header{Algorithm: "ES256", Embedded: "jku"}},
		{`{"alg":"ES256","x5c":[]}`, Header{Algorithm: "ES256", Embedded: "x5c"}},
		{`{"alg":"ES256","x5t":"a"}`, Header{Algorithm: "ES256"}},
		{`{"alg":"ES256","kid":"` + strings.Repeat("k", MaxKeyID) + `"}`, Header{Algorithm: "ES256", KeyID: strings.Repeat("k", MaxKeyID), HasKeyID: true}},
	} {
		if got, err := ParseHeader(segment(tt.header)); err != nil || got != tt.want {
			t.Errorf("%s: got %+v, %v", tt.header, got, err)
		}
	}
}

func TestParseHeaderReadsAsMuchAsATokenHolds(t *testing.T) {
	longest := segment(`{"alg":"ES256","x":"` + strings.Repeat("x", MaxToken/4*3-len(`{"alg":"ES256","x":""}`)) + `"}`)
	if _, err := ParseHeader(longest); err != nil || len(longest) != MaxToken {
		t.Errorf("%d bytes: %v", len(longest), err)
	}
	_, err := ParseHeader(longest + "A")
	if r, ok := err.(*Refusal); !ok || r.Got != "65537" {
		t.Errorf("a byte more: %v", err)
	}
}

func TestParseHeaderRefuses(t *testing.T) {
	for _, tt := range []struct{ lie, segment, got string }{
		{"nothing", "", "JSON is not an object"},
		{"padding", segment(`{"alg":"ES256"} `) + "=", "not unpadded base64url"},
		{"a line break inside", "eyJh\nbGciOiJFUzI1NiJ9", "not unpadded base64url"},
		{"the last character is not canonical", "eyJhbGciOiJFUzI1NiJ9ICB", "not unpadded base64url"},
		{"JSON itself", `{"alg":"ES256"}`, "not unpadded base64url"},
		{"an array", segment(`[]`), "JSON is not an object"},
		{"no alg", segment(`{"typ":"JWT"}`), "none"},
		{"an empty alg", segment(`{"alg":""}`), "none"},
		{"alg is null", segment(`{"alg":null}`), "another type"},
		{"alg is a list", segment(`{"alg":["ES256"]}`), "another type"},
		{"kid is a number", segment(`{"alg":"ES256","kid":1}`), "another type"},
		{"typ is an object", segment(`{"alg":"ES256","typ":{}}`), "another type"},
		{"cty is a boolean", segment(`{"alg":"ES256","cty":true}`), "another type"},
		{"alg twice", segment(`{"alg":"ES256","alg":"none"}`), `JSON repeats the member "alg"`},
		{"alg twice, once escaped", segment(`{"alg":"ES256","\u0061lg":"none"}`), `JSON repeats the member "alg"`},
		{"a name twice inside jwk", segment(`{"alg":"ES256","jwk":{"kty":"EC","kty":"RSA"}}`), `JSON repeats the member "kty"`},
		{"trailing bytes", segment(`{"alg":"ES256"}{}`), "JSON object is followed by something else"},
		{"invalid UTF-8", segment("{\"alg\":\"ES256\",\"kid\":\"\xff\"}"), "JSON is not valid UTF-8"},
		{"a kid of 257 bytes", segment(`{"alg":"ES256","kid":"` + strings.Repeat("k", 257) + `"}`), "259"},
		{"a kid of 1 MB", segment(`{"alg":"ES256","kid":"` + strings.Repeat("k", 1<<20) + `"}`), "1398134"},
	} {
		_, err := ParseHeader(tt.segment)
		r, ok := err.(*Refusal)
		if !ok || r.Check != "header" || r.Got != tt.got {
			t.Errorf("%s: got %v, want %s", tt.lie, err, tt.got)
		}
	}
}

func TestParseHeaderAllocations(t *testing.T) {
	countAllocations(t)
	for header, want := range map[string]float64{
		`{"alg":"ES256","typ":"JWT"}`:                                        0,
		`{"alg":"ES256","typ":"at+jwt","kid":"a key id"}`:                    1, // the kid
		`{"alg":"ES256","kid":"` + strings.Repeat("k", MaxKeyID+1000) + `"}`: 2, // the refusal and its number
	} {
		s := segment(header)
		if got := testing.AllocsPerRun(100, func() { _, _ = ParseHeader(s) }); got > want {
			t.Errorf("%.50s: %v allocations, want %v", header, got, want)
		}
	}
}

// What ParseHeader accepts encoding/json reads the same.
func FuzzHeader(f *testing.F) {
	f.Add("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9")
	f.Add("eyJhbGciOiJFUzI1NiJ9")
	f.Add("eyJhbGciOiJub25lIn0")
	f.Add(segment(`{"alg":"ES256","kid":"k","typ":"JWT","cty":"JWT","crit":["exp"],"b64":false,"jwk":{}}`))
	f.Add(segment(`{"alg":"ES256","alg":"none"}`))
	f.Fuzz(func(t *testing.T, segment string) {
		h, err := ParseHeader(segment)
		if err != nil {
			if check(err) != "header" {
				t.Fatal(err)
			}
			return
		}
		raw, err := base64.RawURLEncoding.Strict().DecodeString(segment)
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]any
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
		kid, _ := m["kid"].(string)
		typ, _ := m["typ"].(string)
		if m["alg"] != h.Algorithm || kid != h.KeyID || typ != h.Type || len(kid) > MaxKeyID {
			t.Fatalf("%s became %+v", raw, h)
		}
	})
}
