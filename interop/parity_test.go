package interop

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestEveryExportHasARow: docs/openid-client.md names all that npm openid-client exports, so that nobody who comes from there looks for
// something in vain.
func TestEveryExportHasARow(t *testing.T) {
	node(t)
	table, err := os.ReadFile("../docs/openid-client.md")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range []string{"index.d.ts", "passport.d.ts"} {
		declarations, err := os.ReadFile(filepath.Join(nodeDir, "node_modules", "openid-client", "build", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^export (?:declare )?(?:abstract )?(?:function|class|const|interface|type) (\w+)`).FindAllSubmatch(declarations, -1) {
			names = append(names, string(m[1]))
		}
		for _, m := range regexp.MustCompile(`(?m)^export \{([^}]*)\}`).FindAllSubmatch(declarations, -1) {
			for name := range strings.SplitSeq(string(m[1]), ",") {
				names = append(names, strings.TrimPrefix(strings.TrimSpace(name), "type "))
			}
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == "" })
	if len(names) < 80 {
		t.Fatalf("only %d exports were found", len(names))
	}
	for _, name := range names {
		if !strings.Contains(string(table), "`"+name+"`") {
			t.Errorf("%s has no row", name)
		}
	}
}
