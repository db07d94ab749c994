package openid_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

// An earful is what instrumented tests have returned and printed, and what must not be in it.
type earful struct {
	errors, values []string // each: the function, and the text in %v, %+v, %#v and JSON
	secrets        map[string]bool
}

// instrumented are the packages whose functions are listened to.
var instrumented = []string{".", "login", "store", "jwe", "internal/endpoint", "internal/jose", "internal/jwks", "internal/dpop", "internal/strict"}

// withEar writes copies of the Go files of a module's packages in which each function tells the package ear what it returns, and returns
// the overlay for go build that puts them in place.
func withEar(t *testing.T, root, modulePath string, dirs ...string) (overlay string) {
	t.Helper()
	to := t.TempDir()
	ear, err := filepath.Abs("testdata/canary/ear.go")
	if err != nil {
		t.Fatal(err)
	}
	replace := map[string]string{filepath.Join(root, "internal/ear/ear.go"): ear}
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatal(dir, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			code, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			heard, err := listen(code, modulePath+"/internal/ear", !strings.HasPrefix(dir, "internal/"))
			if err != nil {
				t.Fatal(err)
			}
			if heard == nil {
				continue
			}
			copied := filepath.Join(to, strings.ReplaceAll(filepath.Join(dir, filepath.Base(file)), string(filepath.Separator), "_"))
			if err := os.WriteFile(copied, heard, 0o600); err != nil {
				t.Fatal(err)
			}
			replace[file] = copied
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay = filepath.Join(to, "overlay.json")
	if err := os.WriteFile(overlay, list, 0o600); err != nil {
		t.Fatal(err)
	}
	return overlay
}

// quietFunctions are called when something is printed, and say nothing of their own; living values are printed by tests of their own, since
// others may be changing them.
var (
	quietFunctions = []string{"Error", "String", "Format", "GoString", "MarshalText", "MarshalJSON"}
	living         = []string{"Handler", "Store", "Backend", "Cache", "Client", "TokenSource"}
)

// listen has each function tell the ear which error or secret it returns, and exported ones of a public package which value of a type with a
// name. Nil: there are none. Lines keep their numbers.
func listen(code []byte, ear string, public bool) ([]byte, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", code, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	at := func(p token.Pos) int { return fset.Position(p).Offset }
	edits := map[int]string{}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil || fn.Type.Results == nil || slices.Contains(quietFunctions, fn.Name.Name) {
			continue
		}
		failure, secret := "", ""
		var values []string
		var naming []func()
		n := 0
		result := func(name string, of ast.Expr) {
			switch typ := typeName(of); {
			case typ == "error":
				failure = name
			case typ == "string" && fn.Name.Name == "random":
				secret = name
			case public && typ != "" && fn.Name.IsExported() && ast.IsExported(typ) && !slices.Contains(living, typ):
				values = append(values, name)
			}
		}
		for _, field := range fn.Type.Results.List {
			if len(field.Names) == 0 {
				name := fmt.Sprint("earResult", n)
				n++
				naming = append(naming, func() { edits[at(field.Type.Pos())] += name + " " })
				result(name, field.Type)
			}
			for _, id := range field.Names {
				name := id.Name
				if name == "_" {
					name = fmt.Sprint("earResult", n)
					n++
					naming = append(naming, func() { edits[at(id.Pos())+1] += strings.TrimPrefix(name, "_") })
					name = "_" + name
				}
				result(name, field.Type)
			}
		}
		if failure == "" && secret == "" && len(values) == 0 {
			continue
		}
		for _, name := range naming {
			name()
		}
		if !fn.Type.Results.Opening.IsValid() && len(naming) > 0 {
			edits[at(fn.Type.Results.Pos())] = "(" + edits[at(fn.Type.Results.Pos())]
			edits[at(fn.Type.Results.End())] += ")"
		}
		where := f.Name.Name + "." + fn.Name.Name
		tell := ""
		if failure != "" {
			tell = fmt.Sprintf("if %s != nil { ear.Error(%q, %s) }; ", failure, where, failure)
		}
		if secret != "" {
			tell += fmt.Sprintf("ear.Secret(%s); ", secret)
		}
		if len(values) > 0 {
			tell += fmt.Sprintf("ear.Value(%q, %s); ", where, strings.Join(values, ", "))
		}
		edits[at(fn.Body.Lbrace)+1] += " defer func() { " + tell + "}(); "
	}
	if len(edits) == 0 {
		return nil, nil
	}
	edits[at(f.Name.End())] += fmt.Sprintf("; import ear %q", ear)
	var b bytes.Buffer
	last := 0
	for _, i := range slices.Sorted(maps.Keys(edits)) {
		b.Write(code[last:i])
		b.WriteString(edits[i])
		last = i
	}
	b.Write(code[last:])
	return b.Bytes(), nil
}

// typeName is the last name of a type, of what a pointer points to; empty for what has no name.
func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// hear reads what was told in a folder.
func hear(t *testing.T, dir string) earful {
	t.Helper()
	read := func(kind string) (list []string) {
		files, _ := filepath.Glob(filepath.Join(dir, kind+"-*"))
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, strings.FieldsFunc(string(text), func(r rune) bool { return r == 0 })...)
		}
		return list
	}
	e := earful{errors: read("error"), values: read("value"), secrets: map[string]bool{}}
	for _, secret := range read("secret") {
		e.secrets[secret] = true
	}
	return e
}

// spellings of what stands in all secrets of the tests' provider, as they get into other text.
func spellings(s string) map[string]string {
	numbers := strings.Trim(fmt.Sprint([]byte(s)), "[]")
	inGo := fmt.Sprintf("%#v", []byte(s))
	list := map[string]string{
		"a canary":              s,
		"a canary in hex":       hex.EncodeToString([]byte(s)),
		"a canary in HEX":       strings.ToUpper(hex.EncodeToString([]byte(s))),
		"a canary in numbers":   numbers,
		"a canary in a list":    strings.ReplaceAll(numbers, " ", ","),
		"a canary in Go":        inGo[strings.Index(inGo, "{")+1 : len(inGo)-1],
		"a canary as Go prints": fmt.Sprintf("% x", s),
	}
	for shift := range 3 { // the characters that depend on nothing around it
		text := base64.RawURLEncoding.EncodeToString(append(make([]byte, shift), s...))
		list[fmt.Sprint("a canary in base64, shifted by ", shift)] = text[[]int{0, 2, 3}[shift] : (len(s)+shift)*8/6]
	}
	return list
}

var signedToken = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.`)

// meant are the places that show what they are asked for, and why nothing is lost by it.
var meant = map[string]string{
	"a signed token in what openid.Metadata returns":                                 "signed_metadata is public",
	"a signed token in what openid.ParseServerMetadata returns":                      "signed_metadata is public",
	"a signed token in what openid.FindResource returns":                             "signed_metadata is public",
	"a signed token in what openid.Values returns":                                   "the fields of a form, which the browser sends",
	"a state, a nonce, a verifier or a session's name in what openid.Values returns": "the fields of a form, which the browser sends",
	"a state, a nonce, a verifier or a session's name in what openid.Claims returns": "the claims of a verified token, whose nonce is used up",
}

// secretIn is where a text holds a state, a nonce, a verifier or the name of a session; -1: nowhere.
func (e earful) secretIn(text string) int {
	const length = 43
	run := 0
	for i := range len(text) {
		c := text[i]
		if c == '-' || c == '_' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' {
			if run++; run >= length && e.secrets[text[i+1-length:i+1]] {
				return i + 1 - length
			}
		} else {
			run = 0
		}
	}
	return -1
}

// leaks are the places where a secret was in a text, once each, with what stands around it.
func (e earful) leaks() (list []string) {
	known := spellings(hostile.Canary)
	places := map[string]string{}
	found := func(what, text string, at int) {
		if at < 0 {
			return
		}
		where, _, _ := strings.Cut(text, "\n")
		if place := what + " in what " + where + " returns"; meant[place] == "" {
			places[place] = text[max(0, at-100):min(len(text), at+60)]
		}
	}
	for _, text := range slices.Concat(e.errors, e.values) {
		for what, spelling := range known {
			found(what, text, strings.Index(text, spelling))
		}
		if strings.Contains(text, "eyJ") {
			if at := signedToken.FindStringIndex(text); at != nil {
				found("a signed token", text, at[0])
			}
		}
		found("a state, a nonce, a verifier or a session's name", text, e.secretIn(text))
	}
	for _, place := range slices.Sorted(maps.Keys(places)) {
		list = append(list, place+": …"+places[place]+"…")
	}
	return list
}

// measuring are the tests that measure memory, which listening takes.
const measuring = "MemoryIsFlat|Allocat|SizesDoNot"

// TestCanaries runs the suites once more, with functions that tell what they return: no error and no value of an exported function shows a
// secret, in whatever way it is printed.
func TestCanaries(t *testing.T) {
	pattern := os.Getenv("OPENID_CANARIES")
	if pattern == "" {
		t.Skip("OPENID_CANARIES=. runs all tests once more and listens; another pattern some of them")
	}
	root, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	heard := t.TempDir()
	args := []string{"test", "-count=1", "-vet=off", "-timeout=20m", "-run", pattern, "-skip", measuring, "-overlay", withEar(t, root, module, instrumented...)}
	for _, dir := range instrumented {
		args = append(args, "./"+dir)
	}
	out, err := earTest(t, root, heard, args...)
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	e := hear(t, heard)
	t.Logf("%d errors, %d values, %d secrets", len(e.errors), len(e.values), len(e.secrets))
	if pattern == "." && (len(e.errors) < 50_000 || len(e.values) < 30_000 || len(e.secrets) < 30_000) {
		t.Error("so few: the listening is broken")
	}
	for _, leak := range e.leaks() {
		t.Error(leak)
	}
}

func earTest(t *testing.T, dir, heard string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "OPENID_CANARIES=", "OPENID_HEARD="+heard)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// leaky is a package that has every leak that the ear must hear, and Honest, who has none.
const leaky = `package leaky

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

type Shown struct{ Token string }
type Hidden struct{ token *string }

func (h *Hidden) String() string { return "hidden" }

type told struct{ Body []byte }

func (*told) Error() string { return "told" }

func Text() error                            { return errors.New("refused: canary-x") }
func wrapped() (n int, _ error)              { return 0, fmt.Errorf("x: %w", Text()) }
func Hex() (int, error)                      { return 0, fmt.Errorf("%x", "a canary-x") }
func Base64() error                          { return errors.New(base64.StdEncoding.EncodeToString([]byte("1canary-x"))) }
func Basic() error                           { return errors.New(base64.RawURLEncoding.EncodeToString([]byte("id:canary-x"))) }
func Field() error                           { return &told{[]byte("canary-x")} }
func Value() (*Shown, error)                 { return &Shown{"canary-x"}, nil }
func Wrapper() (s struct{ Shown }, e error)  { return s, wrapErr() }
func wrapErr() error                         { _, err := wrapped(); return err }
func JWT() error                             { return errors.New("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl") }
func State() error                           { return errors.New("state " + random()) }
func Honest() (*Hidden, json.Marshaler, error) { s := "canary-x" + random(); return &Hidden{&s}, nil, errors.New("no") }
func random() string                         { return "0123456789012345678901234567890123456789abc" }
`

const leakyTest = `package leaky

import "testing"

func TestAll(*testing.T) {
	Text(); wrapped(); Hex(); Base64(); Basic(); Field(); Value(); Wrapper(); JWT(); State(); Honest()
}
`

// TestCanariesBite: what the test above would let pass, it does not.
func TestCanariesBite(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a package")
	}
	dir, heard := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{"go.mod": "module leaky.example\n\ngo 1.26\n", "leaky.go": leaky, "leaky_test.go": leakyTest} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("GOWORK", "off")
	if out, err := earTest(t, dir, heard, "test", "-count=1", "-vet=off", "-overlay", withEar(t, dir, "leaky.example", "."), "."); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	leaks := strings.Join(hear(t, heard).leaks(), "\n")
	for where, what := range map[string]string{"Text": "a canary", "wrapped": "a canary", "Hex": "a canary in hex", "Base64": "a canary in base64, shifted by 1",
		"Basic": "a canary in base64, shifted by 0", "Field": "a canary in Go", "Value": "a canary", "Wrapper": "a canary", "JWT": "a signed token",
		"State": "a state, a nonce, a verifier or a session's name"} {
		if !strings.Contains(leaks, what+" in what leaky."+where+" returns") {
			t.Errorf("%s was not found in what %s returns", what, where)
		}
	}
	if strings.Contains(leaks, "Honest") || strings.Count(leaks, " returns: …") > 20 {
		t.Errorf("found too much:\n%s", leaks)
	}
	if t.Failed() {
		t.Log(leaks)
	}
}
