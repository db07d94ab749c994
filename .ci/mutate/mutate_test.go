package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// toy is a package with a test that notices some of its mutants. What no test notices is in the list.
var toy = map[string]string{
	"go.mod": "module toy\n\ngo 1.26\n",
	"toy.go": `package toy

import "errors"

const limit = 3

var rows = []struct {
	name string
	ok   func(int) bool
}{
	{"small", func(n int) bool { return n < limit }},
}

type weight int

func judge(n int) (weight, error) {
	if n < 0 || n > 100 {
		return 0, errors.New("out of range")
	}
	w := weight(n)
	for i := 0; i < 2; i++ {
		w *= 2
	}
	w++
	return w, nil
}

func says(n int) string {
	if n > limit {
		return "more"
	}
	return "less"
}

func sum(list []int) (total int) {
	defer func() { seen = list }()
	for _, n := range list {
		total += n
	}
	return total
}

var seen []int

func never() bool { return true }
`,
	"toy_test.go": `package toy

import "testing"

func TestJudge(t *testing.T) {
	for n, want := range map[int]weight{0: 1, 100: 401} {
		if got, err := judge(n); err != nil || got != want {
			t.Fatal(got, err)
		}
	}
	for _, n := range []int{-1, 101} {
		if _, err := judge(n); err == nil {
			t.Fatal(n)
		}
	}
}

func TestRows(t *testing.T) {
	if !rows[0].ok(1) || rows[0].ok(9) {
		t.Fatal("rows")
	}
}

func TestSum(t *testing.T) {
	if sum([]int{1, 2}) != 3 {
		t.Fatal("sum")
	}
}
`,
}

// survivors of the toy.
var survivors = []string{
	`toy.go: rows["small"]: boundary: n < limit => n <= limit`,
	`toy.go: sum: removal: defer func() { seen = list }()`,
	`toy.go: sum: removal: seen = list`,
	`toy.go: never: return value: true => false`,
}

// plant writes the toy and its list.
func plant(t *testing.T, list string) options {
	t.Helper()
	dir := t.TempDir()
	for name, text := range toy {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := options{root: dir, survivors: filepath.Join(dir, "survivors.txt"), workers: 1, targets: []target{{dir: ".", texts: []string{"says"}}}}
	if err := os.WriteFile(o.survivors, []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOWORK", "off")
	return o
}

func TestMutate(t *testing.T) {
	honest := "# what no test notices\n" + strings.Join(survivors, "\n") + "\n\tIt is\n\ta toy.\n"
	for _, tt := range []struct {
		what, list string
		least      int
		complaint  string // the end of a line that is printed; none: it passes
	}{
		{"the list as it should be", honest, 80, ""},
		{"too many survive", honest, 95, "at least 95 % are asked for"},
		{"one is not in the list", strings.Replace(honest, survivors[0]+"\n", "", 1), 80, "survives, and is not in the list: " + survivors[0]},
		{"one is killed", "toy.go: judge: removal: w++\n" + honest, 80, "in the list, but killed: toy.go: judge: removal: w++"},
		{"one is gone", "toy.go: judge: removal: w--\n" + honest, 80, "in the list, but there is no such mutant: toy.go: judge: removal: w--"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			var said strings.Builder
			o := plant(t, tt.list)
			o.out, o.log, o.least = &said, &said, tt.least
			ok, err := mutate(t.Context(), o)
			if err != nil || ok != (tt.complaint == "") || !strings.Contains(said.String(), tt.complaint+"\n") {
				t.Errorf("%v, %v, said:\n%s", ok, err, &said)
			}
			if n := strings.Count(said.String(), "in the list"); tt.list == honest && n != 0 {
				t.Errorf("said:\n%s", &said)
			}
			if !strings.Contains(said.String(), "| `toy.go` | 21 | 17 | 0 | 4 | 81.0 % |") {
				t.Errorf("another table:\n%s", &said)
			}
		})
	}
}

// TestFind: the mutants of each kind of code, by name.
func TestFind(t *testing.T) {
	for _, tt := range []struct {
		what, code string
		want       []string
	}{
		{"a condition with operands", "func f(a, b, c bool) { if a && b || !c { g() } }", []string{
			"condition: a && b || !c => true", "condition: a && b || !c => false", "condition: a && b => false", "condition: a => true", "condition: b => true",
			"condition: !c => false", "removal: g()"}},
		{"a chain is one condition", "func f(a, b, c bool) bool { return a && b && c }", []string{
			"condition: a && b && c => true", "condition: a && b && c => false", "condition: a => true", "condition: b => true", "condition: c => true"}},
		{"boundaries", "func f(n int) bool { return n >= 1 }", []string{"condition: n >= 1 => true", "condition: n >= 1 => false", "boundary: n >= 1 => n > 1"}},
		{"a loop never runs for ever", "func f() { for i := 0; i < 3; i++ { } }", []string{"condition: i < 3 => false", "boundary: i < 3 => i <= 3"}},
		{"a switch without a tag", "func f(n int) { switch { case n == 1: g() } }", []string{"condition: n == 1 => true", "condition: n == 1 => false", "removal: g()"}},
		{"a switch with one", "func f(n int) { switch n { case 1: g() } }", []string{"removal: g()"}},
		{"an error and a value", "func f() (T, error) { return T{1}, nil }", []string{
			"return value: return T{1}, nil => result 1 is the zero value", "return value: return T{1}, nil => result 2 is an error"}},
		{"an error beside the zero value", "func f() (*T, error) { return nil, err }", []string{"return value: return nil, err => result 2 is nil"}},
		{"results of a call", "func f() (a, b int) { return g() }", []string{"return value: return g() => result 1 is 0", "return value: return g() => result 2 is 0"}},
		{"true, and what a call says", "func f() (bool, bool) { return true, g() }", []string{"return value: true => false", "return value: g() => true", "return value: g() => false"}},
		{"an empty text", `func f() string { return "" }`, []string{`return value: return "" => "mutant"`}},
		{"a return in the middle", "func f() { return }", []string{"removal: return"}},
		{"statements", "func f() { x := 1; var y int; x = 2; y++; go g(); ch <- x; panic(x) }", []string{"removal: x = 2", "removal: y++", "removal: go g()", "removal: ch <- x"}},
		{"what a check says is a message", "var r = row{\"n\", func(a int) (string, string) { if a > 1 { g() }; return \"\", \"\" }}", nil},
		{"the same twice", "func f() { g(); g() }", []string{"removal: g()", "removal: g() #2"}},
	} {
		s, err := find("f.go", []byte("package p\n"+tt.code), nil)
		if err != nil {
			t.Fatal(err)
		}
		var got, want []string
		for _, m := range s.mutants {
			got = append(got, m.key())
		}
		for _, key := range tt.want {
			want = append(want, "f.go: f: "+key)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s:\ngot  %q\nwant %q", tt.what, got, want)
		}
	}
}

func TestSurvivorsAreReadStrictly(t *testing.T) {
	for what, list := range map[string]string{"no reason": "a\nb\n", "twice": "a\n\tx\na\n\ty\n", "a reason for nothing": "\tx\n"} {
		name := filepath.Join(t.TempDir(), "list")
		if err := os.WriteFile(name, []byte(list), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := readSurvivors(name); err == nil {
			t.Errorf("%s: %v", what, got)
		}
	}
}
