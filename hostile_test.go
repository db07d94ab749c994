package openid_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// hostileCases lists every lie of the corpus by its number, and below it, indented, the tests that tell it or the package that is still to come.
const hostileCases = "testdata/hostile-cases.txt"

var (
	hostileHead = regexp.MustCompile(`^([A-Z][0-9]{2}) [^:]+: .+$`)
	hostileName = regexp.MustCompile(`^([ABCDGIJLNPRSTUW][0-9]{2}) \S`)
	// runsWithCorpus are the tests of go test work -v -run 'Conformance|Hostile'.
	runsWithCorpus = regexp.MustCompile(`^([a-z0-9/]+\.)?Test\w*(Conformance|Hostile)`)
	hostileNumber  = regexp.MustCompile(`\b[ABCDGIJLNPRSTUW][0-9]{2}\b`)
)

// told are the tests that bear a number of the corpus: subtests in their name, whole tests in their comment.
type told map[string]map[string]bool

func (all told) add(number, test string) {
	if all[number] == nil {
		all[number] = map[string]bool{}
	}
	all[number][test] = true
}

// testFiles are the files with the tests of all packages, by directory.
func testFiles(t *testing.T) map[string][]*ast.File {
	t.Helper()
	packages := map[string][]*ast.File{}
	fset := token.NewFileSet()
	parse := func(dir, file string) {
		f, err := parser.ParseFile(fset, file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		packages[dir] = append(packages[dir], f)
	}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() == "node_modules" {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, "_test.go") {
			parse(filepath.ToSlash(filepath.Dir(path)), path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	parse(".", "internal/hostile/jwk.go") // its entries of key sets are cases of TestHostileKeySet
	return packages
}

// toldLies looks through the tests of all packages.
func toldLies(t *testing.T, packages map[string][]*ast.File) told {
	t.Helper()
	all := told{}
	for dir, files := range packages {
		readLies(t, all, dir, files)
	}
	return all
}

// readLies finds names that begin with a number in tests, and in the tables that these tests walk.
func readLies(t *testing.T, all told, dir string, files []*ast.File) {
	t.Helper()
	prefix := ""
	if dir != "." {
		prefix = dir + "."
	}
	tables := map[string][]string{} // names with a number, by what declares them
	owned := map[string]bool{}
	var tests []*ast.FuncDecl
	for _, f := range files {
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if strings.HasPrefix(d.Name.Name, "Test") && d.Recv == nil {
					tests = append(tests, d)
				} else {
					tables[d.Name.Name] = append(tables[d.Name.Name], numberedNames(d)...)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if v, ok := s.(*ast.ValueSpec); ok {
						tables[v.Names[0].Name] = append(tables[v.Names[0].Name], numberedNames(v)...)
					}
				}
			}
		}
	}
	for _, d := range tests {
		test := prefix + d.Name.Name
		if d.Doc != nil {
			for _, number := range hostileNumber.FindAllString(d.Doc.Text(), -1) {
				all.add(number, test)
			}
		}
		names := numberedNames(d)
		ast.Inspect(d, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && len(tables[id.Name]) > 0 {
				names = append(names, tables[id.Name]...)
				owned[id.Name] = true
			}
			return true
		})
		for _, name := range names {
			all.add(name[:3], test+"/"+strings.ReplaceAll(name, " ", "_"))
		}
	}
	for table, names := range tables {
		if len(names) > 0 && !owned[table] {
			t.Errorf("%s%s has %q, and no test walks it", prefix, table, names[0])
		}
	}
}

func numberedNames(n ast.Node) (names []string) {
	ast.Inspect(n, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
			if s, err := strconv.Unquote(l.Value); err == nil && hostileName.MatchString(s) {
				names = append(names, s)
			}
		}
		return true
	})
	return names
}

// corpusFaults says where the list and the tests disagree.
func corpusFaults(list string, all told, exists func(dir string) bool) (faults []string) {
	left := told{}
	for number, tests := range all {
		left[number] = maps.Clone(tests)
	}
	number, before, lines := "", "", 0
	end := func() {
		if number != "" && lines == 0 {
			faults = append(faults, number+" is neither told by a test nor open")
		}
		for test := range left[number] {
			faults = append(faults, fmt.Sprintf("%s is told by %s, which the list does not say", number, test))
		}
		delete(left, number)
	}
	for line := range strings.Lines(list) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if entry, ok := strings.CutPrefix(line, "\t"); ok {
			lines++
			pkg, open := strings.CutPrefix(entry, "open: package ")
			switch {
			case open && exists(pkg):
				faults = append(faults, fmt.Sprintf("%s waits for the package %s, which is there", number, pkg))
			case !open && !left[number][entry]:
				faults = append(faults, fmt.Sprintf("%s is not told by %s", number, entry))
			case !open:
				delete(left[number], entry)
			}
			continue
		}
		end()
		m := hostileHead.FindStringSubmatch(line)
		if m == nil || line <= before {
			faults = append(faults, "no case, or out of order: "+line)
			number = ""
			continue
		}
		number, before, lines = m[1], line, 0
	}
	end()
	for number, tests := range left {
		for test := range tests {
			faults = append(faults, fmt.Sprintf("%s of %s is not in the list", number, test))
		}
	}
	for number, tests := range all {
		for test := range tests {
			if !runsWithCorpus.MatchString(test) {
				faults = append(faults, fmt.Sprintf("%s is told by %s, whose name has neither Hostile nor Conformance in it", number, test))
			}
		}
	}
	slices.Sort(faults)
	return faults
}

// rewritten is the list with the tests that there are.
func rewritten(list string, all told) string {
	var b strings.Builder
	for line := range strings.Lines(list) {
		if strings.HasPrefix(line, "\t") && !strings.HasPrefix(line, "\topen: ") {
			continue
		}
		b.WriteString(line)
		if m := hostileHead.FindStringSubmatch(strings.TrimSuffix(line, "\n")); m != nil {
			for _, test := range slices.Sorted(maps.Keys(all[m[1]])) {
				b.WriteString("\t" + test + "\n")
			}
		}
	}
	return b.String()
}

// threatFaults says which cases the page of threats has and the list has not, and the other way round.
func threatFaults(page, list string) (faults []string) {
	_, page, _ = strings.Cut(page, "\n## ")
	left := map[string]bool{}
	for line := range strings.Lines(list) {
		if m := hostileHead.FindStringSubmatch(strings.TrimSuffix(line, "\n")); m != nil {
			left[m[1]] = true
		}
	}
	for _, number := range hostileNumber.FindAllString(page, -1) {
		if strings.Contains(list, "\n"+number+" ") {
			delete(left, number)
		} else {
			faults = append(faults, "docs/threats.md names "+number+", which is not in the list")
		}
	}
	for _, number := range slices.Sorted(maps.Keys(left)) {
		faults = append(faults, number+" is of no threat in docs/threats.md")
	}
	return faults
}

// watchFaults says which tests of the corpus are not under hostile.Watch: each case has a watch of its own, and what Watch has not seen TestMain
// takes for not run.
func watchFaults(dir string, files []*ast.File) (faults []string) {
	hostile, main := false, false
	for _, f := range files {
		for _, d := range f.Decls {
			test, ok := d.(*ast.FuncDecl)
			if !ok || test.Recv != nil {
				continue
			}
			name := test.Name.Name
			main = main || name == "TestMain" && calls(test.Body, "hostile", "Main")
			if dir == "internal/hostile" || !strings.HasPrefix(name, "Test") || !strings.Contains(name, "Hostile") || strings.HasPrefix(name, "TestHostileCorpus") {
				continue
			}
			hostile = true
			if !watched(test.Body) {
				faults = append(faults, fmt.Sprintf("%s: %s, or a subtest of it, does not call hostile.Watch", dir, name))
			}
			if calls(test.Body, "t", "Parallel") {
				faults = append(faults, fmt.Sprintf("%s: %s is parallel, and cases are watched one at a time", dir, name))
			}
		}
	}
	if hostile && !main {
		faults = append(faults, dir+": no TestMain calls hostile.Main")
	}
	return faults
}

// watched reports whether a test calls hostile.Watch, or each of its subtests does.
func watched(body ast.Node) bool {
	var runs []*ast.CallExpr
	own := false
	ast.Inspect(body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		switch {
		case ok && calling(call, "t", "Run"):
			runs = append(runs, call)
			return false
		case ok && calling(call, "hostile", "Watch"):
			own = true
		}
		return true
	})
	return own || len(runs) > 0 && !slices.ContainsFunc(runs, func(run *ast.CallExpr) bool { return !watched(run.Args[1]) })
}

func calls(body ast.Node, receiver, method string) (found bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		found = found || ok && calling(call, receiver, method)
		return !found
	})
	return found
}

func calling(call *ast.CallExpr, receiver, method string) bool {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || selector.Sel.Name != method {
		return false
	}
	of, ok := selector.X.(*ast.Ident)
	return ok && of.Name == receiver
}

func isDirectory(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && info.IsDir()
}

// TestHostileCorpus: every lie of the list is told by the tests that it names, by these alone, and no test has a number that the list does not
// know. A case of a package to come is open until the package is there. Each lie belongs to a threat of docs/threats.md, and each test is watched.
func TestHostileCorpus(t *testing.T) {
	list, err := os.ReadFile(hostileCases)
	if err != nil {
		t.Fatal(err)
	}
	packages := testFiles(t)
	all := toldLies(t, packages)
	if *update {
		list = []byte(rewritten(string(list), all))
		if err := os.WriteFile(hostileCases, list, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	faults := corpusFaults(string(list), all, isDirectory)
	threats, err := os.ReadFile("docs/threats.md")
	if err != nil {
		t.Fatal(err)
	}
	faults = append(faults, threatFaults(string(threats), string(list))...)
	for dir, files := range packages {
		faults = append(faults, watchFaults(dir, files)...)
	}
	if len(faults) > 0 {
		t.Errorf("%s\nWhat tests there are is written with: go test -run TestHostileCorpus -update .", strings.Join(faults, "\n"))
	}
}

// TestHostileCorpusBites: what the test above would let pass, it does not.
func TestHostileCorpusBites(t *testing.T) {
	const list = "# words\n\nZ01 API: one\n\tTestHostileA/Z01_x\nZ02 API: two\n\topen: package login\n"
	all := told{"Z01": {"TestHostileA/Z01_x": true}}
	nowhere := func(string) bool { return false }
	if faults := corpusFaults(list, all, nowhere); faults != nil {
		t.Fatal(faults)
	}
	for _, l := range []struct {
		lie, list string
		all       told
		exists    func(string) bool
		says      string
	}{
		{"a test that is gone", list, told{}, nowhere, "Z01 is not told by TestHostileA/Z01_x"},
		{"a test that nobody listed", list, told{"Z01": {"TestHostileA/Z01_x": true, "TestHostileA/Z01_y": true}}, nowhere, "which the list does not say"},
		{"a number that nobody listed", list, told{"Z01": all["Z01"], "Z09": {"TestHostileB": true}}, nowhere, "Z09 of TestHostileB is not in the list"},
		{"a case without anything", list + "Z03 API: three\n", all, nowhere, "Z03 is neither"},
		{"an open case of a package that is there", list, all, func(dir string) bool { return dir == "login" }, "which is there"},
		{"a test that runs without the corpus", strings.ReplaceAll(list, "Hostile", ""), told{"Z01": {"TestA/Z01_x": true}}, nowhere, "neither Hostile nor Conformance"},
		{"out of order", list + "Z00 API: nought\n\topen: package login\n", all, nowhere, "out of order"},
		{"no case", list + "words\n", all, nowhere, "no case"},
	} {
		t.Run(l.lie, func(t *testing.T) {
			if faults := corpusFaults(l.list, l.all, l.exists); !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, l.says) }) {
				t.Errorf("got %q", faults)
			}
		})
	}
	for source, says := range map[string]string{
		"func TestHostileA(t *testing.T) {}": "TestHostileA, or a subtest of it, does not call",
		"func TestHostileA(t *testing.T) { t.Run(`x`, func(t *testing.T) { hostile.Watch(t, ``) }); t.Run(`y`, tell) }":      "TestHostileA, or a subtest of it, does not call",
		"func TestHostileA(t *testing.T) { hostile.Watch(t, ``); t.Parallel() }":                                             "is parallel",
		"func TestHostileA(t *testing.T) { t.Run(`x`, func(t *testing.T) { hostile.Watch(t, ``) }) }":                        "no TestMain",
		"func TestHostileA(t *testing.T) { hostile.Watch(t, ``) }; func TestMain(m *testing.M) { os.Exit(hostile.Main(m)) }": "",
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "a_test.go", "package a; "+source, 0)
		if err != nil {
			t.Fatal(err)
		}
		if faults := strings.Join(watchFaults("a", []*ast.File{f}), "; "); !strings.Contains(faults, says) || says == "" && faults != "" {
			t.Errorf("%s: got %q", source, faults)
		}
	}
	for page, says := range map[string]string{"# Threats\n\n## One\nC01 C03": "which is not in the list", "# Threats C02\n\n## One\nC01": "is of no threat"} {
		if faults := threatFaults(page, "# words\n\nC01 callback: one\nC02 callback: two\n"); !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, says) }) {
			t.Errorf("%q: got %q", page, faults)
		}
	}
}
