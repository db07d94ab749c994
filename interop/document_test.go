package interop

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/interop.md")

// stands compares one section of docs/interop.md with what a run saw, or writes it there.
func stands(t *testing.T, heading, table, says string) {
	t.Helper()
	const path = "../docs/interop.md"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("docs/interop.md has no section %s", heading)
	}
	_, after, more := strings.Cut(rest, "\n## ")
	seen := before + "\n## " + heading + "\n\n" + says + "\n\n" + table
	if more {
		seen += "\n## " + after
	}
	switch {
	case seen == string(page):
	case *update:
		if err := os.WriteFile(path, []byte(seen), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("docs/interop.md does not say under %s what this run saw: go test -run 'TestFlows|TestGrants|TestLogouts' ./interop -update", heading)
	}
}

// tabulate makes a table: rows down, providers across.
func tabulate(what string, rows, providers []string, cells map[[2]string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s | %s |\n|---|%s\n", what, strings.Join(providers, " | "), strings.Repeat("---|", len(providers)))
	for _, row := range rows {
		fmt.Fprintf(&b, "| %s |", row)
		for _, p := range providers {
			fmt.Fprintf(&b, " %s |", cells[[2]string{row, p}])
		}
		b.WriteString("\n")
	}
	return b.String()
}

func names[T any](rows []T, name func(T) string) (list []string) {
	for _, row := range rows {
		list = append(list, name(row))
	}
	return list
}
