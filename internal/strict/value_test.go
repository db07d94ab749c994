package strict

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestKind(t *testing.T) {
	for v, want := range map[string]byte{
		`{}`: '{', `[]`: '[', `""`: '"', `0`: '0', `-1`: '0', `9e9`: '0', `true`: 't', `false`: 'f', `null`: 'n', ``: 0,
	} {
		if got := Value(v).Kind(); got != want {
			t.Errorf("%s: got %c, want %c", v, got, want)
		}
	}
}

func TestText(t *testing.T) {
	for v, want := range map[string]string{
		`""`: "", `"plain"`: "plain", `"https:\/\/op"`: "https://op", `"\u00e4\ud83d\ude00"`: "ä😀", `" a "`: " a ",
	} {
		if got, ok := Value(v).Text(); !ok || got != want {
			t.Errorf("%s: got %q, %v", v, got, ok)
		}
		if !Value(v).Equal(want) || Value(v).Equal(want+"x") {
			t.Errorf("%s: Equal does not agree", v)
		}
	}
	for _, v := range []string{``, `1`, `null`, `["a"]`, `{"a":"b"}`, `true`, `"`, `"a\q"`, `"\ud800"`} {
		if got, ok := Value(v).Text(); ok {
			t.Errorf("%s is no string: got %q", v, got)
		}
		for _, s := range []string{v, "", "a", "aq", "a\ufffd", "\ufffd"} {
			if Value(v).Equal(s) || Value(v).EqualSecret(s) {
				t.Errorf("%s is no string, but equal to %q", v, s)
			}
		}
	}
}

func TestTextAllocatesItsResultOnly(t *testing.T) {
	countAllocations(t)
	v := Value(`"` + strings.Repeat("a", 100) + `"`)
	if got := testing.AllocsPerRun(100, func() { _, _ = v.Text() }); got != 1 {
		t.Errorf("%v allocations", got)
	}
}

func TestEqualSecret(t *testing.T) {
	for _, v := range []string{`"secret"`, `"s\u0065cret"`, `"\u0073ecret"`} {
		if !Value(v).EqualSecret("secret") {
			t.Errorf("%s is not equal", v)
		}
		for lie, s := range map[string]string{"another last byte": "secreT", "another first byte": "Secret", "shorter": "secre", "longer": "secrets", "empty": ""} {
			if Value(v).EqualSecret(s) {
				t.Errorf("%s: %s is equal", lie, v)
			}
		}
	}
	for lie, v := range map[string]string{"nothing": ``, "no string": `secret`, "null": `null`, "a list": `["secret"]`} {
		if Value(v).EqualSecret("secret") || Value(v).EqualSecret("") {
			t.Errorf("%s is equal", lie)
		}
	}
}

func TestBool(t *testing.T) {
	for v, want := range map[string][2]bool{
		`true`: {true, true}, `false`: {false, true}, `"true"`: {}, `1`: {}, `null`: {}, ``: {},
	} {
		if got, ok := Value(v).Bool(); [2]bool{got, ok} != want {
			t.Errorf("%s: got %v, %v", v, got, ok)
		}
	}
}

func TestInteger(t *testing.T) {
	for v, want := range map[string]int64{`0`: 0, `-0`: 0, `-4294967000`: -4294967000, `9223372036854775807`: math.MaxInt64} {
		if got, ok := Value(v).Integer(); !ok || got != want {
			t.Errorf("%s: got %d, %v", v, got, ok)
		}
	}
	for _, v := range []string{``, `9223372036854775808`, `1.0`, `1e3`, `+1`, `"1"`, `null`, `true`, `[1]`} {
		if got, ok := Value(v).Integer(); ok {
			t.Errorf("%s: got %d", v, got)
		}
	}
}

func TestNumericDate(t *testing.T) {
	for v, want := range map[string]int64{
		`0`: 0, `1780000000`: 1780000000, `1780000000.999`: 1780000000, `253402300799`: 253402300799, `253402300799.9`: 253402300799,
		`1.78e9`: 1780000000, `1.78E+9`: 1780000000, `1780000000123e-3`: 1780000000, `17.8000000005e8`: 1780000000, `1e-5`: 0, `0.5`: 0,
		`0e999999999`: 0, `0.0e+999999999`: 0, `0.000000001e9`: 1, `1e-999999999`: 0,
	} {
		if got, ok := Value(v).NumericDate(); !ok || got != want {
			t.Errorf("%s: got %d, %v; want %d", v, got, ok, want)
		}
	}
	for lie, v := range map[string]string{
		"missing": ``, "null": `null`, "a boolean": `true`, "a string": `"1780000000"`, "an array": `[1780000000]`,
		"negative": `-1`, "negative zero": `-0`, "the year 10000": `253402300800`, "2 to the 64": `18446744073709551616`,
		"2 to the 64 and a little": `18446744075489551616`, "a huge exponent": `1e999999999`, "an exponent beyond int": `1e99999999999999999999`,
		"zero with an exponent beyond int": `0e99999999999999999999`, "zero with an exponent below int": `0e-99999999999999999999`,
		"an exponent one too large": `1e12`, "many digits": strings.Repeat("9", 1000),
	} {
		if got, ok := Value(v).NumericDate(); ok {
			t.Errorf("%s: got %d", lie, got)
		}
	}
}

// What dates look like is read without working out fractions and exponents.
func TestDigits(t *testing.T) {
	for v, want := range map[string]bool{
		`0`: true, `9`: true, `1780000000`: true, `99999999999`: true, `253402300799`: false, `1.5`: false, `1e9`: false, `178/`: false, `178:`: false,
	} {
		if n, ok := Value(v).digits(); ok != want || ok && strconv.FormatInt(n, 10) != v {
			t.Errorf("%s: got %d, %v", v, n, ok)
		}
	}
}

func TestTexts(t *testing.T) {
	for v, want := range map[string][]string{`[]`: {}, `["a"]`: {"a"}, `[ "a" , "b\u0063" ]`: {"a", "bc"}} {
		if got, ok := Value(v).Texts(); !ok || got == nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %q, %v", v, got, ok)
		}
	}
	for _, v := range []string{`"a"`, `["a",1]`, `[["a"]]`, `[null]`, `{}`, `null`, `{"a":"b"}`, ``} {
		if got, ok := Value(v).Texts(); ok {
			t.Errorf("%s: got %q", v, got)
		}
	}
}

func TestMembersAndElementsAskForTheirKind(t *testing.T) {
	if err := Value(`["a"]`).Members(ignore); err == nil {
		t.Error("an array has members")
	}
	for v, found := range map[string]int{`{"a":1}`: 0, `"a"`: 0, ``: 0, `[1`: 1, `[1,]`: 1, `[1 2]`: 1} {
		got := 0
		if err := Value(v).Elements(func(Value) error { got++; return nil }); err == nil || got != found {
			t.Errorf("%s: %d elements, %v", v, got, err)
		}
	}
}

func TestAppendText(t *testing.T) {
	if got, err := AppendText([]byte("dst:"), "a\"\n\u00e4"); err != nil || string(got) != `dst:"a\"\nä"` {
		t.Errorf("got %s, %v", got, err)
	}
	if got, err := AppendText(nil, "\xff"); err == nil {
		t.Errorf("not UTF-8: got %s", got)
	}
}
