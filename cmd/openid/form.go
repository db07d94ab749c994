package main

import (
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// A form is an HTML form, filled in as it stands on the page, with its first submit button pressed.
type form struct {
	action, method string
	values         url.Values
	button         string // what it says
}

func (f *form) has(field string) bool { return f.values.Has(field) }

// findForm finds the first form of a page whose action has this end.
func findForm(page *html.Node, action string) *form {
	for n := range page.Descendants() {
		if n.DataAtom == atom.Form && strings.HasSuffix(attribute(n, "action"), action) {
			return readForm(n)
		}
	}
	return nil
}

func readForm(n *html.Node) *form {
	f := &form{action: attribute(n, "action"), method: http.MethodGet, values: url.Values{}}
	if strings.EqualFold(attribute(n, "method"), "post") {
		f.method = http.MethodPost
	}
	for c := range n.Descendants() {
		name := attribute(c, "name")
		kind := strings.ToLower(attribute(c, "type"))
		submits := c.DataAtom == atom.Button && (kind == "" || kind == "submit") || c.DataAtom == atom.Input && kind == "submit"
		switch {
		case submits && f.button == "":
			f.button = text(c)
			if name != "" {
				f.values.Set(name, attribute(c, "value"))
			}
		case c.DataAtom == atom.Input && !submits && name != "":
			f.values.Set(name, attribute(c, "value"))
		}
	}
	return f
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// text is what a person reads of n.
func text(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode && c.Parent.DataAtom != atom.Style {
			b.WriteString(c.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func title(page *html.Node) string {
	for n := range page.Descendants() {
		if n.DataAtom == atom.Title {
			return text(n)
		}
	}
	return "no title"
}
