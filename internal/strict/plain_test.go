package strict

import (
	"strings"
	"testing"
)

var plainSeeds = []string{
	`{"iss":"https://op.example","aud":["a","b"],"exp":1890000000,"email_verified":true,"x":false}`,
	`{"a":"ü"}`, `{"a":1,"a":2}`, `{"a":01}`, `{"a":0}`, `{"a":-1}`, `{"a":1.5}`, `{"a":1e3}`, `{"a":null}`, `{"a":truex}`,
	`{"a":"\u0061"}`, `{"\u0061":1}`, `{"a":"` + "\x00" + `"}`, `{"a":"` + "\xff" + `"}`, `{"a":[]}`, `{"a":["b",]}`, `{"a":["b"}`,
	`{"a"=1}`, `{"a":1;"b":2}`, `{"a":1:"b":2}`, `{"a",1}`, `{"a";"b"}`, `{"a":["b":"c"]}`, `{"a":["b";"c"]}`, `{}`, `{"a":1}}`, `{"a":1} `, `{"a":1,}`, `{"a" :1}`, `{"":""}`, `{"a":{}}`, `{"a":["b"`, `{"a":"b`, `{"a"`, `{"a":`, `{`, `[`,
	"{\"a\":\"\xed\xa0\x80\"}",
	`["a":1}`, `{xa":1}`, `{"a":["b",x"]}`, `{"a":["b"x"c"]}`, `{"a":{"b"]}`, `{"a":["b",,"c":1}`, `{"a":["b"},"c":1}`, `{"a":["b"}}`, `{"a":"b"`, `{"a":["b"],"c"`,
}

func pairs(of func([]byte, func([]byte, Value) error) error, doc []byte) (string, error) {
	var b strings.Builder
	err := of(doc, func(name []byte, v Value) error {
		b.WriteString(string(name) + "\x00" + string(v) + "\x00")
		return nil
	})
	return b.String(), err
}

func slow(doc []byte, member func([]byte, Value) error) error { return object(doc, false, member) }

// differ reports a document that the fast reader takes and the other one refuses or reads differently.
func differ(t *testing.T, doc []byte) (taken bool) {
	t.Helper()
	var found spans
	n, ok := plain(doc, &found)
	if !ok {
		return false
	}
	got, err := pairs(func(_ []byte, f func([]byte, Value) error) error {
		for _, m := range found[:n] {
			f(m.in(doc))
		}
		return nil
	}, doc)
	if err != nil {
		t.Fatal(err)
	}
	want, err := pairs(slow, doc)
	if err != nil || got != want {
		t.Errorf("%q is read as %q, jsontext says %q, %v", doc, got, want, err)
	}
	return true
}

func TestPlainAgreesWithJSONText(t *testing.T) {
	taken := 0
	for _, seed := range plainSeeds {
		for end := range len(seed) + 1 { // every prefix too
			if differ(t, []byte(seed[:end])) {
				taken++
			}
		}
	}
	if taken < 3 {
		t.Errorf("only %d documents were plain: the fast reader does nothing", taken)
	}
	many := "{"
	for i := range maxPlain + 1 {
		many += `"` + strings.Repeat("a", i+1) + `":1,`
	}
	differ(t, []byte(many[:len(many)-1]+"}"))
}

// Most documents are read by the fast reader, and those that are its business stay so: nothing else would notice if they did not.
func TestPlainTakes(t *testing.T) {
	list := func(n int) string { return `{"a":["b"` + strings.Repeat(`,"b"`, n-1) + `]}` }
	ones := func(n int) string { return `{` + strings.ReplaceAll(members(n), `":0`, `":1`) + `}` }
	long := func(n int) string { return `{"a":"` + strings.Repeat("b", n-len(`{"a":""}`)) + `"}` }
	for _, tt := range []struct {
		what, doc string
		taken     bool
	}{
		{"a string with a space", `{"a":"b c"}`, true},
		{"several members", `{"a":"b","c":"d","e":"f"}`, true},
		{"numbers of all digits", `{"a":1234567890,"c":9,"d":9009}`, true},
		{"booleans", `{"a":true,"b":false,"c":"d"}`, true},
		{"a list of one string", `{"a":["b"],"c":"d"}`, true},
		{"a list of several strings", `{"a":["b","c","d"]}`, true},
		{"names of one length that end alike", `{"aud":"b","and":"c","avd":"d"}`, true},
		{"names that are taken for each other at first sight", `{"axb":"c","ayb":"d"}`, true},
		{"as many strings as are read fast", list(maxPlain), true},
		{"a string more", list(maxPlain + 1), false},
		{"as many members as are read fast", ones(maxPlain), true},
		{"a member more", ones(maxPlain + 1), false},
		{"as many bytes as are read fast", long(maxPlainSize), true},
		{"a byte more", long(maxPlainSize + 1), false},
		{"an escape", `{"a":"\n"}`, false},
		{"an object", `{"a":{}}`, false},
	} {
		if taken := differ(t, []byte(tt.doc)); taken != tt.taken {
			t.Errorf("%s: read by the fast reader: %v", tt.what, taken)
		}
	}
}

func FuzzPlain(f *testing.F) {
	for _, seed := range plainSeeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) { differ(t, doc) })
}
