package main

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/openid-client/openid"
)

// A row is one line of the timeline: mark, who or what, its name, what came, and the rule or the time it took.
type row struct {
	mark  string
	cells [4]string
	start time.Time
}

const (
	markGo   = "→"
	markGood = "✓"
	markBad  = "✗"
	maxCell  = 72
)

// writeText prints the report for people. Color is for terminals.
func (rep *report) writeText(w io.Writer, color bool) error {
	b := bufio.NewWriter(w)
	paint := func(code, s string) string {
		if !color {
			return s
		}
		return "\x1b[" + code + "m" + s + "\x1b[0m"
	}
	marks := map[string]string{markGo: paint("2", markGo), markGood: paint("32", markGood), markBad: paint("31;1", markBad)}

	fmt.Fprintf(b, "%s logs in.\n\n  provider      %s\n  application   %s\n", rep.user.Username, rep.issuer, rep.application)
	if rep.flow != nil {
		fmt.Fprintf(b, "  flow          %s: %s\n", rep.flow.name, rep.flow.shows)
	}
	if rep.lie != nil {
		fmt.Fprintf(b, "  attacker      %s\n", rep.lie.falsifies)
	}
	rows := rep.rows()
	for i, s := range rep.steps {
		mark := marks[markGood]
		if s.err != nil {
			mark = marks[markBad]
		}
		fmt.Fprintf(b, "\n%s %s\n", mark, paint("1", s.name))
		var width [3]int
		for _, r := range rows[i] {
			for i := range width {
				width[i] = max(width[i], utf8.RuneCountInString(r.cells[i]))
			}
		}
		for _, r := range rows[i] {
			line := "  " + marks[r.mark]
			for i, w := range width {
				line += " " + pad(r.cells[i], w) + " "
			}
			fmt.Fprintf(b, "%s %s\n", line, paint("2", r.cells[3]))
		}
	}
	rep.writeFacts(b, paint)
	fmt.Fprintf(b, "\n%s\n", rep.verdict())
	return b.Flush()
}

// rows are those of each step, in the order of time.
func (rep *report) rows() [][]row {
	all := make([][]row, len(rep.steps))
	index := map[string]int{}
	place := strings.NewReplacer(rep.issuer, "provider", strings.TrimSuffix(rep.application, "/"), "application").Replace
	spec := strings.NewReplacer("OpenID Connect", "OIDC", "RP-Initiated Logout", "Logout", "OAuth 2.0 ", "").Replace
	for i, s := range rep.steps {
		index[s.name] = i
	}
	add := func(step string, r row) {
		if i, ok := index[step]; ok {
			r.cells[2], r.cells[3] = clip(r.cells[2]), spec(r.cells[3])
			all[i] = append(all[i], r)
		}
	}
	for _, h := range rep.hops {
		what := fmt.Sprintf("%s %s: %d", h.Method, place(h.Address), h.Status)
		add(h.Step, row{markGo, [4]string{"browser", h.Note, what, took(h.Duration)}, h.Start})
	}
	for _, e := range rep.entries {
		r := row{markGood, [4]string{e.Document, e.Name, e.Got, e.Spec}, e.Start}
		if e.Kind == openid.EventExchange {
			r = row{markGo, [4]string{"exchange", e.Name, place(e.Got), took(e.Duration)}, e.Start}
		}
		if e.Err != nil {
			r.mark = markBad
		}
		add(e.Step, r)
	}
	for _, rows := range all {
		slices.SortStableFunc(rows, func(a, b row) int { return a.start.Compare(b.start) })
	}
	return all
}

func (rep *report) writeFacts(w io.Writer, paint func(code, s string) string) {
	if rep.person == nil {
		return
	}
	heading := func(s string) { fmt.Fprintf(w, "\n%s\n", paint("1", s)) }
	table := func(claims []claim) {
		width := 0
		for _, c := range claims {
			width = max(width, utf8.RuneCountInString(c.Name))
		}
		for _, c := range claims {
			line := "  " + pad(c.Name, width) + "  " + clip(c.Value)
			if c.Meaning != "" {
				line += paint("2", "  ("+c.Meaning+")")
			}
			fmt.Fprintln(w, line)
		}
	}
	heading("Verified claims")
	table(claims(rep.person.tokens.IDToken, rep.at))
	if rep.person.info != nil {
		heading("UserInfo")
		table(claims(rep.person.info, rep.at))
	}
	heading("Tokens")
	var facts []claim
	for _, t := range rep.person.facts(rep.at) {
		c := claim{Name: t.Name, Value: t.Kind}
		for _, s := range []string{strings.Join(t.Scope, " "), t.Note} {
			if s != "" {
				c.Value += ", " + s
			}
		}
		if t.Expiry != "" {
			c.Meaning = "expires " + t.Expiry
		}
		facts = append(facts, c)
	}
	table(facts)
}

// verdict is the last line.
func (rep *report) verdict() string {
	switch {
	case rep.failure == nil && rep.lie != nil:
		return fmt.Sprintf("The lie %q was believed: every step was taken.", rep.lie.name)
	case rep.failure == nil && rep.flow != nil && rep.flow.noTokens:
		return "Every step was taken: logged in, logged out."
	case rep.failure == nil && rep.rotated:
		return "Every step was taken: logged in, refreshed (the refresh token rotated), logged out."
	case rep.failure == nil:
		return "Every step was taken: logged in, refreshed (the refresh token stayed the same), logged out."
	}
	last := rep.steps[len(rep.steps)-1]
	why := explain(last.err)
	s := fmt.Sprintf("Step %q failed: %s", last.name, why)
	if l := rep.lie; l != nil && (why.Check != l.check || why.Document != l.document) {
		s += fmt.Sprintf("\nThe lie should have been refused by check %q of %s.", l.check, l.document)
	}
	return s
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

func clip(s string) string {
	if utf8.RuneCountInString(s) <= maxCell {
		return s
	}
	return string([]rune(s)[:maxCell-1]) + "…"
}
