package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"
)

const (
	maxHops = 20
	maxPage = 1 << 20
)

// userAgent is a browser without a screen, and the person in front of it: it keeps cookies, follows redirects, and answers
// every form on its way. One userAgent is one browser session.
type userAgent struct {
	http     *http.Client
	username string
	password string
	deny     bool // press the button, or follow the link, that says no
	typed    int  // how often the password was asked for
	denied   bool // has said no
}

// newUserAgent is alice with no cookies. The transport is for a provider whose certificate nobody else trusts.
func newUserAgent(transport http.RoundTripper) *userAgent {
	jar, _ := cookiejar.New(nil) // fails never
	return &userAgent{
		http: &http.Client{
			Jar:           jar,
			Transport:     transport,
			Timeout:       10 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		username: "alice",
		password: "demo",
	}
}

// A step is what a browser does next: open an address, or submit a form to it.
type step struct {
	method string
	url    *url.URL
	form   url.Values // of a POST
}

// visit opens an address and goes on until it is sent to stop. It does not go there: it returns the request that the
// application behind stop would receive.
func (ua *userAgent) visit(ctx context.Context, address, stop string) (*http.Request, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	next := step{method: http.MethodGet, url: u}
	for range maxHops {
		if to := *next.url; to.Scheme+"://"+to.Host+to.Path == stop {
			return next.arrival(ctx), nil
		}
		if next, err = ua.take(ctx, next); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("still on the way after %d steps, at %s", maxHops, next.url.Redacted())
}

// decide opens an address and answers what it asks, until a page asks nothing more or no has been said.
func (ua *userAgent) decide(ctx context.Context, address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	next := step{method: http.MethodGet, url: u}
	for range maxHops {
		denied := ua.denied
		if next, err = ua.take(ctx, next); errors.Is(err, errNoForm) || denied && next.method == http.MethodPost {
			return nil
		} else if err != nil {
			return err
		}
	}
	return fmt.Errorf("still asked after %d steps, at %s", maxHops, next.url.Redacted())
}

func (s step) arrival(ctx context.Context) *http.Request {
	if s.method == http.MethodGet {
		u := *s.url
		u.Fragment, u.RawFragment = "", ""
		r := httptest.NewRequestWithContext(ctx, s.method, u.String(), nil)
		r.URL.Fragment, r.URL.RawFragment = s.url.Fragment, s.url.RawFragment // which only the browser has
		return r
	}
	r := httptest.NewRequestWithContext(ctx, s.method, s.url.String(), strings.NewReader(s.form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// take does one step and finds the next one in the answer.
func (ua *userAgent) take(ctx context.Context, s step) (step, error) {
	if ip, err := netip.ParseAddr(s.url.Hostname()); err != nil || !ip.IsLoopback() {
		return step{}, fmt.Errorf("sent away from loopback, to %s", s.url.Host)
	}
	r, err := http.NewRequestWithContext(ctx, s.method, s.url.String(), strings.NewReader(s.form.Encode()))
	if err != nil {
		return step{}, err
	}
	if s.method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := ua.http.Do(r)
	if err != nil {
		return step{}, err
	}
	defer res.Body.Close()
	page, err := io.ReadAll(io.LimitReader(res.Body, maxPage))
	if err != nil {
		return step{}, err
	}
	switch res.StatusCode {
	case http.StatusFound, http.StatusSeeOther:
		to, err := res.Location()
		return step{method: http.MethodGet, url: to}, err
	case http.StatusOK, http.StatusBadRequest: // a form_post page that carries an error may say 400
		next, err := ua.answer(s.url, page)
		if err != nil {
			return step{}, fmt.Errorf("%s %s: status %d: %w: %s", s.method, s.url.Path, res.StatusCode, err, text(page))
		}
		return next, nil
	}
	return step{}, fmt.Errorf("%s %s: status %d: %s", s.method, s.url.Path, res.StatusCode, text(page))
}

var errNoForm = errors.New("a page without a form")

// answer fills in the page's first form and submits it. To say no, it takes the button with the value deny or the link to
// an address that ends in /abort; to say yes, the first button.
func (ua *userAgent) answer(at *url.URL, page []byte) (step, error) {
	doc, err := html.ParseWithOptions(bytes.NewReader(page), html.ParseOptionEnableScripting(false))
	if err != nil {
		return step{}, err
	}
	var form *html.Node
	var no string
	var fields, buttons []*html.Node
	for n := range doc.Descendants() {
		switch {
		case n.Type != html.ElementNode:
		case n.Data == "form" && form == nil:
			form = n
		case n.Data == "a" && strings.HasSuffix(attr(n, "href"), "/abort"):
			no = attr(n, "href")
		case n.Data == "button":
			buttons = append(buttons, n)
		case n.Data == "input":
			fields = append(fields, n)
		}
	}
	if ua.deny && no != "" {
		ua.denied = true
		u, err := at.Parse(no)
		return step{method: http.MethodGet, url: u}, err
	}
	if form == nil {
		return step{}, errNoForm
	}
	values := url.Values{}
	for _, n := range fields {
		if name := attr(n, "name"); name != "" && belongs(n, form) {
			values.Set(name, ua.value(n))
		}
	}
	press := slices.IndexFunc(buttons, func(b *html.Node) bool {
		return belongs(b, form) && (!ua.deny || attr(b, "value") == "deny")
	})
	ua.denied = ua.denied || ua.deny && press >= 0
	if press >= 0 && attr(buttons[press], "name") != "" {
		values.Set(attr(buttons[press], "name"), attr(buttons[press], "value"))
	}
	u, err := at.Parse(attr(form, "action"))
	if err != nil {
		return step{}, err
	}
	if strings.EqualFold(attr(form, "method"), http.MethodPost) {
		return step{method: http.MethodPost, url: u, form: values}, nil
	}
	u.RawQuery = values.Encode()
	return step{method: http.MethodGet, url: u}, nil
}

// value is what stands in a field once the user has typed.
func (ua *userAgent) value(field *html.Node) string {
	switch attr(field, "type") {
	case "", "text":
		return ua.username
	case "password":
		ua.typed++
		return ua.password
	}
	return attr(field, "value")
}

// belongs: a control may name its form from outside of it.
func belongs(control, form *html.Node) bool {
	if id := attr(control, "form"); id != "" {
		return id == attr(form, "id")
	}
	for n := range control.Ancestors() {
		if n == form {
			return true
		}
	}
	return false
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// text is the beginning of what a page says, for error messages.
func text(page []byte) string {
	doc, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		return err.Error()
	}
	var words []string
	for n := range doc.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "style" && n.Parent.Data != "script" {
			words = append(words, strings.Fields(n.Data)...)
		}
	}
	return strings.Join(words[:min(len(words), 60)], " ")
}
