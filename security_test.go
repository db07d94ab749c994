package openid

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/openid-client/openid/internal/hostile"
)

// TestSecurityPage: the numbers of SECURITY.md are those that the tests count.
func TestSecurityPage(t *testing.T) {
	rows, unreached, lies := 0, 0, 0
	tables := everyTable()
	for _, table := range tables {
		rows += table.Len()
	}
	for _, names := range unreachable {
		unreached += len(names)
	}
	for _, list := range walks() {
		lies += len(list)
	}
	pairs := 0
	for _, call := range faultyCalls {
		for _, fault := range hostile.Faults() {
			if call.minds(fault) {
				pairs++
			}
		}
	}
	corpus := mustRead(t, "testdata/hostile-cases.txt")
	cases, tried, plans := 0, 0, regexp.MustCompile(`(?m)^\| \[[^|]+\| *\d+ *\| *(\d+) *\|`).FindAllStringSubmatch(mustRead(t, "docs/conformance.md"), -1)
	for _, plan := range plans {
		if n, _ := strconv.Atoi(plan[1]); n > 0 { // the others are open
			cases += n
			tried++
		}
	}
	told := map[string]bool{}
	for _, test := range regexp.MustCompile(`(?m)^\t[^:\n]*Test.*$`).FindAllString(corpus, -1) {
		told[test] = true
	}
	page, tests := mustRead(t, "SECURITY.md"), allTests(t)
	update := flag.Lookup("update").Value.String() == "true"
	for _, says := range []string{
		fmt.Sprintf("%d checks in %d tables, each dropped in turn and missed by one of %d lies, but for %d", rows, len(tables), lies, unreached),
		fmt.Sprintf("%d numbered lies, %d of them", len(regexp.MustCompile(`(?m)^[A-Z]\d\d `).FindAllString(corpus, -1)), strings.Count(corpus, "\n\topen: ")),
		fmt.Sprintf("%d tests under watch", len(told)),
		fmt.Sprintf("%d cases in %d plans", cases, tried),
		fmt.Sprintf("%d faults at each of %d calls, %d pairs", len(hostile.Faults()), len(faultyCalls), pairs),
		fmt.Sprintf("%s faults met by %d calls over HTTP/1.1, %s over HTTP/2", thousands(exactlyOnce), len(onceCalls), thousands(exactlyOnceHTTP2)),
		fmt.Sprintf("%d fuzz targets", strings.Count(tests, "\nfunc Fuzz")),
	} {
		if update {
			page = regexp.MustCompile(anyNumber.ReplaceAllString(regexp.QuoteMeta(says), `[0-9]+(?:,[0-9]{3})*`)).ReplaceAllString(page, says)
		}
		if !strings.Contains(page, says) {
			t.Errorf("SECURITY.md does not say: %s: go test -run TestSecurityPage -update .", says)
		}
	}
	if update {
		if err := os.WriteFile("SECURITY.md", []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range regexp.MustCompile(`Test\w+`).FindAllString(page, -1) {
		if !strings.Contains(tests, "\nfunc "+name) {
			t.Errorf("SECURITY.md names %s, and there is no such test", name)
		}
	}
}

var anyNumber = regexp.MustCompile(`[0-9]+(,[0-9]{3})*`)

func mustRead(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func thousands(n int) string { return fmt.Sprintf("%d,%03d", n/1000, n%1000) }

// allTests are the files of all tests.
func allTests(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() == "node_modules" {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, "_test.go") {
			b.WriteString(mustRead(t, path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
