package openid_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/constant"
	"go/doc"
	"go/parser"
	"go/printer"
	"go/token"
	gotypes "go/types"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write api.txt and the tables of docs/profiles.md instead of comparing with them")

// TestAPI compares the exported surface of the root module's public packages with api.txt, so that every change of it
// shows in review. The files of all systems count together.
func TestAPI(t *testing.T) {
	got := apiListing(t)
	if *update {
		if err := os.WriteFile("api.txt", []byte(strings.Join(got, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	recorded, err := os.ReadFile("api.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(recorded)), "\n")
	var changes []string
	for _, line := range want {
		if _, found := slices.BinarySearch(got, line); !found {
			changes = append(changes, "- "+line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			changes = append(changes, "+ "+line)
		}
	}
	if len(changes) > 0 {
		t.Errorf("the public surface is not the one in api.txt:\n%s\nIf that is intended: go test -run TestAPI -update . "+
			"and say in CHANGELOG.md what changes for users.", strings.Join(changes, "\n"))
	} else if !slices.Equal(got, want) {
		t.Error("api.txt is not in order: go test -run TestAPI -update .")
	}
}

func apiListing(t *testing.T) []string {
	var lines []string
	for dir := range floors {
		if names, _ := filepath.Glob(filepath.FromSlash(dir) + "/*.go"); len(names) > 0 && !strings.Contains(dir, "internal") {
			lines = append(lines, packageAPI(t, dir, names)...)
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

func packageAPI(t *testing.T, dir string, names []string) []string {
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	if len(files) == 0 {
		return nil
	}

	// Types are listed as written; the type checker only computes constants, and needs no imports for that.
	info := &gotypes.Info{Defs: map[*ast.Ident]gotypes.Object{}}
	checker := gotypes.Config{Importer: noImports{}, Error: func(error) {}}
	_, _ = checker.Check(dir, fset, files, info)

	pkg, err := doc.NewFromFiles(fset, files, path.Join(module, dir))
	if err != nil {
		t.Fatal(err)
	}
	l := &listing{fset: fset, info: info, prefix: "pkg " + strings.TrimPrefix(path.Join("openid", dir), "openid/") + ", "}
	l.values(pkg.Consts)
	l.values(pkg.Vars)
	l.funcs(pkg.Funcs)
	for _, t := range pkg.Types {
		for _, spec := range t.Decl.Specs {
			l.typ(spec.(*ast.TypeSpec))
		}
		l.values(t.Consts)
		l.values(t.Vars)
		l.funcs(t.Funcs)
		l.funcs(t.Methods)
	}
	return l.lines
}

type noImports struct{}

func (noImports) Import(string) (*gotypes.Package, error) { return nil, errors.ErrUnsupported }

type listing struct {
	fset   *token.FileSet
	info   *gotypes.Info
	prefix string
	lines  []string
}

func (l *listing) add(format string, args ...any) {
	l.lines = append(l.lines, l.prefix+fmt.Sprintf(format, args...))
}

// text is the source of a node on one line.
func (l *listing) text(node any) string {
	var b bytes.Buffer
	if err := printer.Fprint(&b, l.fset, node); err != nil {
		return err.Error()
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func (l *listing) values(groups []*doc.Value) {
	for _, group := range groups {
		for _, spec := range group.Decl.Specs {
			spec := spec.(*ast.ValueSpec)
			for i, name := range spec.Names {
				if !name.IsExported() {
					continue
				}
				line := group.Decl.Tok.String() + " " + name.Name
				c, isConst := l.info.Defs[name].(*gotypes.Const)
				if spec.Type != nil {
					line += " " + l.text(spec.Type)
				} else if isConst && gotypes.Unalias(c.Type()) != c.Type().Underlying() {
					line += " " + gotypes.TypeString(c.Type(), gotypes.RelativeTo(c.Pkg())) // carried down by iota
				}
				switch {
				case isConst && c.Val().Kind() != constant.Unknown:
					line += " = " + c.Val().ExactString()
				case i < len(spec.Values) && (isConst || spec.Type == nil):
					line += " = " + l.text(spec.Values[i])
				}
				l.add("%s", line)
			}
		}
	}
}

func (l *listing) funcs(funcs []*doc.Func) {
	for _, f := range funcs {
		kind := "func"
		if f.Recv != "" {
			kind = "method (" + f.Recv + ")"
		}
		l.add("%s %s%s", kind, f.Name, l.signature(f.Decl.Type))
	}
}

func (l *listing) typ(spec *ast.TypeSpec) {
	name := spec.Name.Name
	if spec.TypeParams != nil {
		name += "[" + l.fields(spec.TypeParams, true) + "]"
	}
	switch typ := spec.Type.(type) {
	case *ast.StructType:
		l.add("type %s struct", name)
		for _, field := range typ.Fields.List {
			if len(field.Names) == 0 {
				l.add("type %s struct, embedded %s", name, l.text(field.Type))
			}
			for _, n := range field.Names {
				l.add("type %s struct, %s %s", name, n.Name, l.text(field.Type))
			}
		}
	case *ast.InterfaceType:
		l.add("type %s interface", name)
		if typ.Incomplete {
			l.add("type %s interface, unexported methods", name)
		}
		for _, m := range typ.Methods.List {
			if signature, ok := m.Type.(*ast.FuncType); ok && len(m.Names) > 0 {
				l.add("type %s interface, %s%s", name, m.Names[0].Name, l.signature(signature))
			} else {
				l.add("type %s interface, %s", name, l.text(m.Type))
			}
		}
	default:
		if spec.Assign.IsValid() {
			name += " ="
		}
		l.add("type %s %s", name, l.text(spec.Type))
	}
}

// signature leaves out parameter names: they may change freely.
func (l *listing) signature(f *ast.FuncType) string {
	var s string
	if f.TypeParams != nil {
		s = "[" + l.fields(f.TypeParams, true) + "]"
	}
	s += "(" + l.fields(f.Params, false) + ")"
	switch results := l.fields(f.Results, false); {
	case f.Results.NumFields() == 1:
		s += " " + results
	case f.Results.NumFields() > 1:
		s += " (" + results + ")"
	}
	return s
}

func (l *listing) fields(list *ast.FieldList, named bool) string {
	if list == nil {
		return ""
	}
	var parts []string
	for _, field := range list.List {
		typ := l.text(field.Type)
		for i := range max(1, len(field.Names)) {
			if named {
				parts = append(parts, field.Names[i].Name+" "+typ)
			} else {
				parts = append(parts, typ)
			}
		}
	}
	return strings.Join(parts, ", ")
}

func TestAPIListsEveryKind(t *testing.T) {
	source := `package sample
import "time"
type Mode int
const (
	Fast Mode = iota + 1
	Slow
	hidden
)
const Limit = 30 * time.Second
const ErrLost Code = "lost"
var Default, other = New(1), 2
type Code string
func (Code) Error() string { return "" }
type lower struct{}
func (lower) Promoted(n, m int) (err error) { return nil }
type Box[T any] struct { lower; A, B []T; c int }
type Reader interface { Read(p []byte) (n int, err error); hidden() }
type Alias = Mode
func New[T ~int | ~uint](n T, more ...string) *Box[T] { return nil }
func unexported() {}
`
	name := filepath.Join(t.TempDir(), "sample.go")
	if err := os.WriteFile(name, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	got := packageAPI(t, "sample", []string{name})
	slices.Sort(got)
	want := strings.Split(`const ErrLost Code = "lost"
const Fast Mode = 1
const Limit = 30 * time.Second
const Slow Mode = 2
func New[T ~int | ~uint](T, ...string) *Box[T]
method (Box) Promoted(int, int) error
method (Code) Error() string
type Alias = Mode
type Box[T any] struct
type Box[T any] struct, A []T
type Box[T any] struct, B []T
type Code string
type Mode int
type Reader interface
type Reader interface, Read([]byte) (int, error)
type Reader interface, unexported methods
var Default = New(1)`, "\n")
	for i := range want {
		want[i] = "pkg sample, " + want[i]
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
