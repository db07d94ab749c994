package openid_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/openid-client/openid"
)

// TestREADME: code in the README is the code of the examples, which compile; commands in it are those that CI runs.
func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocksAreCode(t, "README.md", string(readme))
	for _, command := range []string{"go run ./cmd/openid demo", "go test work"} {
		if !strings.Contains(string(readme), command) {
			t.Errorf("the README does not show %q", command)
		}
	}
	namedTestsExist(t, "README.md")
	for _, picture := range regexp.MustCompile(`\]\((docs/[^)]+)\)|src(?:set)?="(docs/[^"]+)"`).FindAllStringSubmatch(string(readme), -1) {
		if _, err := os.Stat(picture[1] + picture[2]); err != nil {
			t.Error(err)
		}
	}
}

// TestPages: the pages of docs say what is there.
func TestPages(t *testing.T) {
	pages, err := filepath.Glob("docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatal(pages, err)
	}
	for _, page := range append(pages, "SECURITY.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "```go\n") {
			blocksAreCode(t, page, string(text))
		}
		namedTestsExist(t, page)
	}
}

// blocksAreCode: each block of Go stands, as it is, in the file that it names.
func blocksAreCode(t *testing.T, page, text string) {
	t.Helper()
	blocks := regexp.MustCompile("(?s)<!-- ([a-z0-9_/.]+) -->\n```go\n(.*?)```").FindAllStringSubmatch(text, -1)
	if n := strings.Count(text, "```go\n"); n == 0 || n != len(blocks) {
		t.Errorf("%s: %d of %d Go blocks name their file", page, len(blocks), n)
	}
	for _, b := range blocks {
		code, err := os.ReadFile(b[1])
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(code), b[2]) {
			t.Errorf("the block of %s in %s is not what stands there", b[1], page)
		}
	}
}

// namedTestsExist: what a page claims is shown by a test that is there.
func namedTestsExist(t *testing.T, page string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	err = filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() == "node_modules" {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, "_test.go") {
			code, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Example|Fuzz)\w+)\(`).FindAllSubmatch(code, -1) {
				all[string(m[1])] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile("`((?:Test|Example|Fuzz)\\w+)`").FindAllStringSubmatch(string(text), -1) {
		if !all[name[1]] {
			t.Errorf("%s names %s, and there is no such test", page, name[1])
		}
	}
}

// TestProfilesPage: the tables of docs/profiles.md are what the profiles say of themselves.
func TestProfilesPage(t *testing.T) {
	const page, from, to = "docs/profiles.md", "<!-- clauses -->\n", "<!-- /clauses -->\n"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(text), from)
	got, tail, found := strings.Cut(rest, to)
	if !found {
		t.Fatal("the page has no place for the tables")
	}
	var want strings.Builder
	for _, p := range []openid.Profile{openid.FAPI1Advanced(), openid.FAPI2Security(), openid.FAPI2MessageSigning(), openid.OAuth21()} {
		fmt.Fprintf(&want, "\n## %s\n\n| when | what | clause | named |\n|---|---|---|---|\n", p)
		list := p.Clauses()
		for i := 0; i < len(list); i++ {
			c := list[i]
			names := []string{"`" + c.Name + "`"}
			for ; i+1 < len(list) && list[i+1].Text == c.Text && list[i+1].Spec == c.Spec; i++ { // one line for what differs in the name only
				names = append(names, "`"+list[i+1].Name+"`")
			}
			when := map[string]string{"set": "set by `New`", "New": "refused by `New`", "metadata": "refused in the metadata", "request": "refused on the request",
				"response": "refused on the response", "token": "refused as a token presented to an API"}
			fmt.Fprintf(&want, "| %s | %s | %s | %s |\n", when[c.When], c.Text, c.Spec, strings.Join(names, ", "))
		}
	}
	if *update {
		if err := os.WriteFile(page, []byte(head+from+want.String()+to+tail), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if got != want.String() {
		t.Errorf("%s does not say what the profiles do: go test -run TestProfilesPage -update .", page)
	}
}

// TestRequiredNames: a misspelt name in OPENID_TEST_REQUIRE would require nothing, and the tests that it was meant for would be skipped.
func TestRequiredNames(t *testing.T) {
	known := []string{"chromium", "fosite", "glewlwyd", "node", "zitadel"}
	for name := range strings.SplitSeq(os.Getenv("OPENID_TEST_REQUIRE"), ",") {
		if name != "" && !slices.Contains(known, name) {
			t.Errorf("OPENID_TEST_REQUIRE names %q; known: %s", name, strings.Join(known, ","))
		}
	}
}
