// Package table writes results as Markdown for people, and as JSON for programs.
package table

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A Table is one subject.
type Table struct {
	Title   string
	Columns []string
	Rows    [][]any // cells in the order of Columns; nil is an empty one
}

// Add appends a row.
func (t *Table) Add(cells ...any) { t.Rows = append(t.Rows, cells) }

// A Fixed is a number with so many digits behind the point.
type Fixed struct {
	Value  float64
	Digits int
}

func (f Fixed) String() string { return strconv.FormatFloat(f.Value, 'f', f.Digits, 64) }

// MarshalJSON writes a number.
func (f Fixed) MarshalJSON() ([]byte, error) { return []byte(f.String()), nil }

// Write writes the tables in a format, "markdown" or "json".
func Write(w io.Writer, format string, tables ...*Table) error {
	switch format {
	case "markdown":
		for _, t := range tables {
			t.markdown(w)
		}
		return nil
	case "json":
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(tables)
	}
	return fmt.Errorf("output %q is neither markdown nor json", format)
}

func (t *Table) markdown(w io.Writer) {
	fmt.Fprintf(w, "\n### %s\n\n| %s |\n|---|%s\n", t.Title, strings.Join(t.Columns, " | "), strings.Repeat("---:|", len(t.Columns)-1))
	for _, row := range t.Rows {
		fmt.Fprint(w, "|")
		for _, cell := range row {
			fmt.Fprintf(w, " %s |", text(cell))
		}
		fmt.Fprintln(w)
	}
}

func text(cell any) string {
	switch cell {
	case nil:
		return ""
	case true:
		return "yes"
	case false:
		return "**no**"
	}
	return fmt.Sprint(cell)
}

// MarshalJSON writes each row as an object with the columns as names.
func (t *Table) MarshalJSON() ([]byte, error) {
	rows := make([]map[string]any, len(t.Rows))
	for i, row := range t.Rows {
		rows[i] = make(map[string]any, len(row))
		for j, cell := range row {
			if cell != nil {
				rows[i][t.Columns[j]] = cell
			}
		}
	}
	return json.Marshal(map[string]any{"title": t.Title, "rows": rows})
}
