package hostile

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// told are the tests that Watch has seen to their end, by name.
var told sync.Map

// CorpusPackages are the directories of the packages that tell cases, each with
// a TestMain that calls Main.
var CorpusPackages = []string{"", "internal/dpop", "internal/endpoint", "internal/jose", "internal/jwks", "internal/strict", "jwe", "login"}

// Main runs a package's tests, and fails when all its cases of the corpus were
// meant to run and one did not: it is for TestMain. List is the file that lists
// the cases, pkg the package's directory as it stands there, empty for the root.
func Main(m *testing.M, pkg, list string) int {
	code := m.Run()
	value := func(name string) string { return flag.Lookup("test." + name).Value.String() }
	if code != 0 || value("skip")+value("list") != "" || !slices.Contains([]string{"", "Hostile", "Conformance|Hostile"}, value("run")) {
		return code
	}
	text, err := os.ReadFile(list)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	var names []string
	told.Range(func(name, _ any) bool { names = append(names, name.(string)); return true })
	listed := listedIn(string(text), pkg)
	missed := slices.DeleteFunc(slices.Clone(listed), func(test string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return tells(name, test) })
	})
	if testing.Verbose() {
		fmt.Printf("corpus: %d of %d listed tests of this package were run, under watch\n", len(listed)-len(missed), len(listed))
	}
	for _, test := range missed {
		fmt.Printf("%s lists %s, which was not run under hostile.Watch\n", list, test)
		code = 1
	}
	return code
}

// listedIn are the tests of a package that the list of cases names.
func listedIn(list, pkg string) (tests []string) {
	for line := range strings.Lines(list) {
		test, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "\t")
		if !ok || strings.HasPrefix(test, "open:") {
			continue
		}
		if dir, name, ok := strings.Cut(test, ".Test"); ok && !strings.HasPrefix(test, "Test") {
			if dir == pkg {
				tests = append(tests, "Test"+name)
			}
		} else if pkg == "" {
			tests = append(tests, test)
		}
	}
	slices.Sort(tests)
	return slices.Compact(tests)
}

// tells reports whether a test that was run is the listed one, or one of its
// subtests. A listed name that ends in "_" is the beginning of several.
func tells(name, listed string) bool {
	rest, ok := strings.CutPrefix(name, listed)
	return ok && (rest == "" || rest[0] == '/' || rest[0] == '#' || strings.HasSuffix(listed, "_"))
}
