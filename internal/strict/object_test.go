package strict

import (
	"bytes"
	"encoding/json"
	"errors"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"weak"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/openid-client/openid/internal/hostile"
)

func ignore([]byte, Value) error { return nil }

func names(t *testing.T, doc string) []string {
	t.Helper()
	var names []string
	err := Object([]byte(doc), func(name []byte, _ Value) error {
		names = append(names, string(name))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestObjectRefuses(t *testing.T) {
	long := strings.Repeat("n", 100)
	for _, tt := range []struct{ lie, doc, reason string }{
		{"the document is empty", ``, "JSON is not an object"},
		{"the document is an array", `[]`, "JSON is not an object"},
		{"the document is null", `null`, "JSON is not an object"},
		{"a byte order mark stands in front", "\ufeff{}", "JSON is not an object"},
		{"two objects", `{"a":1}{"a":2}`, "JSON object is followed by something else"},
		{"a closing brace too many", `{"a":1}}`, "JSON object is followed by something else"},
		{"a NUL byte behind", "{}\x00", "JSON object is followed by something else"},
		{"the end is missing", `{"a":1`, "JSON is not well-formed at byte 6"},
		{"a comma too many", `{"a":1,}`, "JSON is not well-formed at byte 6"},
		{"a name without quotes", `{a:1}`, "JSON is not well-formed at byte 1"},
		{"a number with a leading zero", `{"a":01}`, "JSON is not well-formed at byte 6"},
		{"NaN", `{"a":NaN}`, "JSON is not well-formed at byte 5"},
		{"a raw newline in a string", "{\"a\":\"\n\"}", "JSON is not well-formed at byte 6"},
		{"a comment", `{"a":1/**/}`, "JSON is not well-formed at byte 6"},
		{"sub twice", `{"sub":"evil","sub":"good"}`, `JSON repeats the member "sub"`},
		{"sub twice, once escaped", `{"sub":"evil","\u0073ub":"good"}`, `JSON repeats the member "sub"`},
		{"a name twice in a nested object", `{"a":[{"b":{"c":1,"c":2}}]}`, `JSON repeats the member "c"`},
		{"a long name twice", `{"` + long + `":1,"` + long + `":2}`, `JSON repeats the member "` + long[:64] + `"`},
		{"invalid UTF-8 in a value", "{\"a\":\"\xff\"}", "JSON is not valid UTF-8"},
		{"invalid UTF-8 in a name", "{\"\xc0\x80\":1}", "JSON is not valid UTF-8"},
		{"a lone high surrogate", `{"a":"\ud800"}`, "JSON is not well-formed at byte 6"},
		{"a lone low surrogate in a nested name", `{"a":{"\udc00":1}}`, "JSON is not well-formed at byte 7"},
		{"33 levels", nested(33), "JSON is nested deeper than 32"},
		{"10,000 levels", nested(10_000), "JSON is nested deeper than 32"},
		{"5 MB of opening brackets", `{"a":` + strings.Repeat("[", 5<<20), "JSON is nested deeper than 32"},
		{"1,001 members", `{` + members(1001) + `}`, "JSON has more than 1000 members"},
		{"1,001 members, most of them nested", `{"a":{` + members(500) + `},"b":[{` + members(499) + `}]}`, "JSON has more than 1000 members"},
		{"10,001 elements", `{"a":[0` + strings.Repeat(",0", MaxElements) + `]}`, "JSON has more than 10000 array elements"},
		{"a list that is cut off, in a document that may be large", `{"b":"` + strings.Repeat("[", 33) + `","a":[1,}`, "JSON is not well-formed at byte 47"},
		{"10,001 elements that are arrays", `{"a":[[]` + strings.Repeat(",[]", MaxElements) + `]}`, "JSON has more than 10000 array elements"},
	} {
		err := Object([]byte(tt.doc), ignore)
		if e, ok := err.(*Error); !ok || e.Reason != tt.reason {
			t.Errorf("%s: got %v, want %q", tt.lie, err, tt.reason)
		}
	}
}

func nested(depth int) string {
	return `{"a":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + `}`
}

// members is n members whose names differ.
func members(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`,"m`)
		for d := i; ; d /= 10 {
			b.WriteByte(byte('0' + d%10))
			if d < 10 {
				break
			}
		}
		b.WriteString(`":0`)
	}
	return b.String()[1:]
}

func TestObjectAcceptsUpToTheCaps(t *testing.T) {
	for _, doc := range []string{
		nested(32),
		`{` + members(1000) + `}`,
		`{"a":{` + members(998) + `},"b":0}`,
		`{"a":[0` + strings.Repeat(",0", MaxElements-1) + `]}`,
		// The same with bytes that only look like more, so that every value is counted.
		`{"b":"[","a":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`,
		`{` + members(999) + `,"b":"::"}`,
		`{"b":"::","a":{` + members(998) + `}}`,
		`{"b":",,","a":[0` + strings.Repeat(",0", MaxElements-1) + `]}`,
		"\t\r\n {} \t\r\n",
	} {
		if err := Object([]byte(doc), ignore); err != nil {
			t.Errorf("%.20s…: %v", doc, err)
		}
	}
}

func TestElementsReachTheCap(t *testing.T) {
	count := 0
	err := Object([]byte(`{"a":[[]`+strings.Repeat(",[]", MaxElements-1)+`]}`), func(_ []byte, v Value) error {
		return v.Elements(func(Value) error { count++; return nil })
	})
	if err != nil || count != MaxElements {
		t.Errorf("%d elements, %v", count, err)
	}
}

func TestObjectReadsNamesExactly(t *testing.T) {
	got := names(t, `{"sub":1,"SUB":2,"s\u0075b ":3,"":4,"a\/b":5,"😀":{"inner":6},"\u0061ud":7}`)
	want := []string{"sub", "SUB", "sub ", "", "a/b", "😀", "aud"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestObjectGivesValuesAsTheyStood(t *testing.T) {
	doc := []byte(`{ "a" : [ 1 , {"b": null} ] , "c":-1.50e+3 }`)
	var got []string
	err := Object(doc, func(_ []byte, v Value) error {
		got = append(got, string(v))
		return nil
	})
	if want := []string{`[ 1 , {"b": null} ]`, `-1.50e+3`}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestObjectStopsAtAnErrorOfItsCaller(t *testing.T) {
	stop, calls := errors.New("stop"), 0
	err := Object([]byte(`{"a":1,"b":2}`), func([]byte, Value) error { calls++; return stop })
	if err != stop || calls != 1 {
		t.Errorf("got %v after %d calls", err, calls)
	}
}

func TestObjectHandsOverNoValueItRefuses(t *testing.T) {
	for lie, doc := range map[string]string{
		"cut off":             `{"a":"` + strings.Repeat("[", 33) + `","b":[1,}`,
		"one member too many": `{"a":1,"b":{` + members(MaxMembers) + `}}`,
		"too deep":            `{"a":1,"b":` + nested(MaxDepth) + `}`,
	} {
		calls := 0
		if err := Object([]byte(doc), func([]byte, Value) error { calls++; return nil }); err == nil || calls != 1 {
			t.Errorf("%s: %d values, %v", lie, calls, err)
		}
	}
}

func TestOuterLeavesInnerRepeatsToMembers(t *testing.T) {
	var inner []error
	err := Outer([]byte(`{"keys":[{"a":1,"a":2},{"a":1}]}`), func(_ []byte, v Value) error {
		return v.Elements(func(e Value) error {
			inner = append(inner, e.Members(ignore))
			return nil
		})
	})
	if err != nil || len(inner) != 2 || inner[0] == nil || inner[1] != nil {
		t.Errorf("got %v, inner %v", err, inner)
	}
	err = Outer([]byte(`{"keys":[],"k\u0065ys":[]}`), ignore)
	if err == nil || err.Error() != `JSON repeats the member "keys"` {
		t.Errorf("keys twice: got %v", err)
	}
}

func TestErrorsCarryNoValue(t *testing.T) {
	for _, doc := range []string{
		`{"a":"canary","a":"canary"}`, `{"a":canary}`, `{"a":"canary`, `{"a":"canary"}canary`, "{\"a\":\"canary\xff\"}", `{"b":{"a":["canary" "canary"]}}`,
	} {
		if err := Object([]byte(doc), ignore); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: got %v", doc, err)
		}
	}
}

func TestObjectDoesNotAllocate(t *testing.T) {
	countAllocations(t)
	doc := []byte(`{"iss":"https://op.example","aud":["a","b"],"exp":1780000000,"nonce":"n","address":{"country":"DE"}}`)
	found := 0
	got := testing.AllocsPerRun(100, func() {
		found = 0
		_ = Object(doc, func(name []byte, v Value) error {
			switch {
			case string(name) == "iss" && v.Equal("https://op.example"), string(name) == "nonce" && v.EqualSecret("n"):
				found++
			case string(name) == "aud":
				_ = v.Elements(func(Value) error { found++; return nil })
			}
			return nil
		})
	})
	if got != 0 || found != 4 {
		t.Errorf("%v allocations, found %v", got, found)
	}
}

// A document is somebody's token: it does not stay in memory because it was read.
func TestObjectLetsGoOfTheDocument(t *testing.T) {
	read := func() weak.Pointer[byte] {
		doc := []byte(`{"sub": "` + strings.Repeat("a", 1<<10) + `", "address": {}}`)
		_ = Object(doc, ignore)
		return weak.Make(&doc[0])
	}
	kept := read()
	runtime.GC()
	if kept.Value() != nil {
		t.Error("the document is still held")
	}
}

// Which documents are read at once: those that no cap can stop, all of them.
func TestWithinCaps(t *testing.T) {
	for _, tt := range []struct {
		what, doc string
		want      bool
	}{
		{"a token", `{"iss":"https://op.example","aud":["a","b"]}`, true},
		{"32 levels", nested(MaxDepth), true},
		{"33 levels", nested(MaxDepth + 1), false},
		{"1,000 members", `{` + members(MaxMembers) + `}`, true},
		{"1,001 members", `{` + members(MaxMembers+1) + `}`, false},
		{"10,000 elements", `{"a":[0` + strings.Repeat(",0", MaxElements-1) + `]}`, true},
		{"10,001 elements", `{"a":[0` + strings.Repeat(",0", MaxElements) + `]}`, false},
	} {
		if got := withinCaps([]byte(tt.doc)); got != tt.want {
			t.Errorf("%s: got %v", tt.what, got)
		}
	}
}

// TestHostileSizesDoNotAllocate: I32, depth is refused before it costs anything.
func TestHostileSizesDoNotAllocate(t *testing.T) {
	hostile.Watch(t, "", hostile.Bytes(128<<20))
	for _, doc := range []string{
		strings.Repeat("[", 5<<20), `{"a":` + strings.Repeat("[", 5<<20), `{"a":` + strings.Repeat(`{"a":`, 1<<20),
	} {
		bytes := []byte(doc)
		err := Object(bytes, ignore)
		if hostile.Hear(err); err == nil {
			t.Errorf("%.10s…: it is read", doc)
		}
		if got := testing.AllocsPerRun(5, func() { _ = Object(bytes, ignore) }); got > 5 && !raced() {
			t.Errorf("%.10s…: %v allocations", doc, got)
		}
	}
}

// countAllocations skips where there is nothing to count.
func countAllocations(t *testing.T) {
	t.Helper()
	if raced() {
		t.Skip("allocations are counted without the race detector")
	}
}

// raced: under the race detector a sync.Pool forgets at random.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// What Object accepts encoding/json accepts too, with the same names.
func FuzzObject(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"iss":"joe","exp":1300819380,"http://example.com/is_root":true}`, `{"a":[1,{"b":null}],"c":-1.5e+3}`, `{"a\u0062":"\ud83d\ude00"}`,
		`{"a":1,"a":2}`, `{"a":{"b":1,"b":2}}`, `{"a":"\ud800"}`, "{\"\xff\":1}", `{"a":1}x`, `[`, `{"a":[[[[`, "\ufeff{}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		ours := map[string]string{}
		err := Object(doc, func(name []byte, v Value) error {
			ours[string(name)] = string(v)
			v.Text()
			v.NumericDate()
			v.Integer()
			v.Texts()
			_ = v.Members(ignore)
			return nil
		})
		_ = Outer(doc, ignore)
		if err != nil {
			if _, ok := err.(*Error); !ok {
				t.Fatalf("error of type %T", err)
			}
			// Only the caps and the kind of the value are stricter than jsontext is by itself.
			v := jsontext.Value(doc)
			if err != errDepth && err != errMembers && err != errElements && v.Kind() == '{' && v.IsValid() {
				t.Fatalf("%v, but jsontext accepts %q", err, doc)
			}
			return
		}
		if !jsontext.Value(doc).IsValid() {
			t.Fatalf("jsontext refuses %q", doc)
		}
		var theirs map[string]json.RawMessage
		if err := json.Unmarshal(doc, &theirs); err != nil {
			t.Fatalf("encoding/json: %v", err)
		}
		if len(ours) != len(theirs) {
			t.Fatalf("%d members, encoding/json finds %d", len(ours), len(theirs))
		}
		for name, v := range theirs {
			if got, ok := ours[name]; !ok || !bytes.Equal([]byte(got), v) {
				t.Fatalf("%q is %q, encoding/json finds %q", name, got, v)
			}
		}
	})
}
