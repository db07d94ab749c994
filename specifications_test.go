package openid

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A citation is one section of one specification, as checks cite them.
type citation struct{ specification, section string }

var numbersOf = regexp.MustCompile(` ?\([^)]*\)`)

// citations takes apart what a check says of where its rule stands: "RFC 7662 §2.2, §4, RFC 7519 §4.1.3 (1, 2)". A specification that is named
// without a section is cited as a whole.
func citations(spec string) (list []citation) {
	name := ""
	for part := range strings.SplitSeq(numbersOf.ReplaceAllString(spec, ""), ", ") {
		before, section, ok := strings.Cut(part, "§")
		switch before = strings.TrimSuffix(before, " "); {
		case ok && before == "":
			list = append(list, citation{name, "§" + section})
		case ok:
			name = before
			list = append(list, citation{name, "§" + section})
		case strings.HasPrefix(part, "Validate "): // a title that has a comma
			list[len(list)-1].specification += ", " + part
		default:
			name = part
			list = append(list, citation{name, "–"})
		}
	}
	return list
}

// cited are the sections that the tables and the profiles cite, with one place that does.
func cited() map[citation]string {
	all := map[citation]string{}
	for table, rows := range everyTable() {
		for i := range rows.Len() {
			for _, c := range citations(rows.Index(i).FieldByName("spec").String()) {
				all[c] = rows.Index(i).FieldByName("name").String() + " of the table " + table
			}
		}
	}
	for _, profile := range []Profile{FAPI1Advanced(), FAPI2Security(), FAPI2MessageSigning(), OAuth21()} {
		for _, clause := range profile.Clauses() {
			for _, c := range citations(clause.Spec) {
				all[c] = clause.Name + " of " + profile.String()
			}
		}
	}
	return all
}

var specificationRow = regexp.MustCompile("^\\| ([^|]+) \\| (–|§[A-Z0-9.]+) \\| `([^`|]+)` \\| (`\\w+`(?:, `\\w+`)*) \\|$")

// specificationFaults says what is wrong with the table. That the tests exist which it names, TestPages sees to.
func specificationFaults(page string, read func(file string) (string, error)) (faults []string) {
	_, table, _ := strings.Cut(page, "|---|---|---|---|\n")
	left, before := cited(), ""
	for row := range strings.SplitSeq(strings.TrimSuffix(table, "\n"), "\n") {
		m := specificationRow.FindStringSubmatch(row)
		if m == nil {
			faults = append(faults, "not a row: "+row)
			continue
		}
		if row <= before {
			faults = append(faults, "out of order, or twice: "+row)
		}
		before = row
		delete(left, citation{m[1], m[2]})
		code, err := read(m[3])
		if err != nil {
			faults = append(faults, "there is no such file: "+row)
		} else if !strings.Contains(code, strings.TrimPrefix(m[2], "§")) && m[2] != "–" {
			faults = append(faults, "the file does not name the section: "+row)
		}
	}
	for _, c := range slices.SortedFunc(maps.Keys(left), func(a, b citation) int {
		return strings.Compare(a.specification+a.section, b.specification+b.section)
	}) {
		faults = append(faults, left[c]+" wants a row: | "+c.specification+" | "+c.section+" | `file.go` | `TestX` |")
	}
	return faults
}

func readFile(file string) (string, error) {
	b, err := os.ReadFile(file)
	return string(b), err
}

// TestSpecifications: docs/specifications.md has each section that a check or a clause cites, in a file that names it.
func TestSpecifications(t *testing.T) {
	page, err := readFile("docs/specifications.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range specificationFaults(page, readFile) {
		t.Error(fault)
	}
}

// TestSpecificationsBite: what the test above would let pass, it does not.
func TestSpecificationsBite(t *testing.T) {
	page, err := readFile("docs/specifications.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSuffix(page, "\n"), "\n")
	i := slices.IndexFunc(rows, func(row string) bool { return strings.HasPrefix(row, "| RFC 9207 | §2.4 |") })
	if i < 0 {
		t.Fatal("no row to play with")
	}
	for _, l := range []struct {
		lie, says string
		change    func(rows []string) []string
	}{
		{"a row is missing", "wants a row: | RFC 9207 | §2.4 |", func(rows []string) []string { return slices.Delete(rows, i, i+1) }},
		{"a row stands twice", "out of order, or twice", func(rows []string) []string { return slices.Insert(rows, i, rows[i]) }},
		{"a row at the end", "out of order, or twice", func(rows []string) []string {
			row := rows[i]
			return append(slices.Delete(rows, i, i+1), row)
		}},
		{"a file that is not there", "no such file", func(rows []string) []string {
			rows[i] = strings.Replace(rows[i], "authorizationresponse.go", "responses.go", 1)
			return rows
		}},
		{"a section that the file does not know", "does not name the section", func(rows []string) []string {
			return slices.Insert(rows, i+1, strings.Replace(rows[i], "§2.4", "§2.4.99", 1))
		}},
		{"no test", "not a row", func(rows []string) []string {
			rows[i] = "| RFC 9207 | §2.4 | `authorizationresponse.go` |  |"
			return rows
		}},
	} {
		faults := specificationFaults(strings.Join(l.change(slices.Clone(rows)), "\n"), readFile)
		if !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, l.says) }) {
			t.Errorf("%s: got %q", l.lie, faults)
		}
	}
}

func TestCitations(t *testing.T) {
	for spec, want := range map[string][]citation{
		"RFC 7662 §2.2, §4, RFC 7519 §4.1.3 (1, 2)":                       {{"RFC 7662", "§2.2"}, {"RFC 7662", "§4"}, {"RFC 7519", "§4.1.3"}},
		"RFC 6749 §7.1, RFC 6750, RFC 9449 §5":                            {{"RFC 6749", "§7.1"}, {"RFC 6750", "–"}, {"RFC 9449", "§5"}},
		"RFC 8725 §3.8, Microsoft identity platform, Validate the issuer": {{"RFC 8725", "§3.8"}, {"Microsoft identity platform, Validate the issuer", "–"}},
	} {
		if got := citations(spec); !slices.Equal(got, want) {
			t.Errorf("%s: got %v", spec, got)
		}
	}
}
