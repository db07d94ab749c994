package openid_test

import (
	"bufio"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestOpenIDClientTable: docs/openid-client.md has a row for each name that npm openid-client exports and for each of its options; what it says
// that is called here is in api.txt, and each row names a test, which TestREADME looks for, unless it says "not yet".
func TestOpenIDClientTable(t *testing.T) {
	page, err := os.ReadFile("docs/openid-client.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range tableFaults(string(page), lines(t, "testdata/openid-client.txt"), publicNames(t)) {
		t.Error(fault)
	}
}

var inBackticks = regexp.MustCompile("`([^`]+)`")

func tableFaults(page string, theirs []string, ours map[string]bool) (faults []string) {
	explained := map[string]bool{}
	for row := range strings.Lines(page) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(row), "|"), "|")
		if len(cells) != 3 || strings.HasPrefix(cells[0], "--") || strings.TrimSpace(cells[2]) == "shown by" {
			continue
		}
		tests := inBackticks.FindAllString(cells[2], -1)
		if strings.TrimSpace(cells[2]) != "" && len(tests) == 0 { // the differences, whose third column is a reason
			continue
		}
		for _, name := range inBackticks.FindAllStringSubmatch(cells[0], -1) {
			explained[name[1]] = true
		}
		if strings.Contains(cells[1], "not yet") != (len(tests) == 0) {
			faults = append(faults, "the row of "+strings.TrimSpace(cells[0])+" names no test, or names one for what is not there yet")
		}
		for _, name := range inBackticks.FindAllStringSubmatch(cells[1], -1) {
			if id := ourName.FindStringSubmatch(name[1]); id != nil && !ours[id[1]] {
				faults = append(faults, name[1]+" is said to be here, and is not in api.txt")
			}
		}
	}
	for _, name := range theirs {
		if !explained[name] {
			faults = append(faults, name+" of openid-client has no row")
		}
	}
	return faults
}

// ourName is an exported name, with or without its package, its type or its type parameter; crypto.Signer is somebody else's.
var ourName = regexp.MustCompile(`^\*?(?:openid\.|jwe\.)?([A-Z]\w*(?:\.[A-Z]\w*)?)(?:\[T\])?$`)

// publicNames are those of api.txt: New, Client, Client.Authorize, Config.Auth.
func publicNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	declared := regexp.MustCompile(`^pkg \w+, (?:(?:func|const|var|type) (\w+)|method \(\*?(\w+)\) (\w+))`)
	field := regexp.MustCompile(`^pkg \w+, type (\w+) (?:struct|interface), (\w+)`)
	for _, line := range lines(t, "api.txt") {
		if m := declared.FindStringSubmatch(line); m != nil && m[1] != "" {
			names[m[1]] = true
		} else if m != nil {
			names[m[2]+"."+m[3]] = true
		}
		if m := field.FindStringSubmatch(line); m != nil {
			names[m[1]+"."+m[2]] = true
		}
	}
	if len(names) < 300 {
		t.Fatalf("only %d names in api.txt", len(names))
	}
	return names
}

func lines(t *testing.T, file string) (list []string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() {
		if line := s.Text(); line != "" && !strings.HasPrefix(line, "#") {
			list = append(list, line)
		}
	}
	if err := s.Err(); err != nil || len(list) == 0 {
		t.Fatalf("%s: %d lines, %v", file, len(list), err)
	}
	return list
}

// TestOpenIDClientTableBites shows the guard a page with each kind of fault.
func TestOpenIDClientTableBites(t *testing.T) {
	const head = "| openid-client | here | shown by |\n|---|---|---|\n"
	ours := map[string]bool{"New": true, "Client.Authorize": true, "Claims": true}
	for _, l := range []struct{ lie, page, want string }{
		{"a name without a row", head + "| `a` | `New` | `TestA` |\n", "b of openid-client has no row"},
		{"a row without a test", head + "| `a`, `b` | `New` | |\n", "names no test"},
		{"a test of what is not there", head + "| `a`, `b` | not yet | `TestA` |\n", "names no test"},
		{"a method of nobody", head + "| `a`, `b` | `Client.Authorise` | `TestA` |\n", "Client.Authorise is said"},
		{"a type of nobody", head + "| `a`, `b` | `*openid.Nobody` | `TestA` |\n", "*openid.Nobody is said"},
		{"", head + "| `a` | `openid.New`, `Claims[T]`, `crypto.Signer`, `dpop_jkt` | `TestA` |\n| option `b` | not yet | |\n", ""},
	} {
		faults := tableFaults(l.page, []string{"a", "b"}, ours)
		if l.want == "" && len(faults) != 0 || l.want != "" && (len(faults) != 1 || !strings.Contains(faults[0], l.want)) {
			t.Errorf("%s: got %q, want %q", l.lie, faults, l.want)
		}
	}
}
