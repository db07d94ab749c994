// Package browser drives a web application without a network, and costs little beside it.
package browser

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// A Browser keeps the cookies of one application, by name.
type Browser struct {
	app     http.Handler
	cookies map[string]string
	answer  answer
}

// New is one without cookies.
func New(app http.Handler) *Browser {
	return &Browser{app: app, cookies: map[string]string{}, answer: answer{header: http.Header{}}}
}

// Get opens a page. What it returns is good until the next one.
func (b *Browser) Get(address string) (status int, header http.Header, body []byte, err error) {
	r, err := b.Request(address)
	if err != nil {
		return 0, nil, nil, err
	}
	status, body = b.Do(r)
	for _, line := range b.answer.header["Set-Cookie"] {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			return 0, nil, nil, err
		}
		if b.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return status, b.answer.header, body, nil
}

// Request is what Get would send now.
func (b *Browser) Request(address string) (*http.Request, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	r := &http.Request{Method: http.MethodGet, URL: u, Host: u.Host, RequestURI: u.RequestURI(), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		RemoteAddr: "192.0.2.1:1234", Body: http.NoBody, Header: http.Header{"Accept": {"text/html"}}}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r, nil
}

// Do sends r, which may be one that was sent before, and keeps no cookies.
func (b *Browser) Do(r *http.Request) (status int, body []byte) {
	clear(b.answer.header)
	b.answer.status = 0
	b.answer.body.Reset()
	b.app.ServeHTTP(&b.answer, r)
	return b.answer.status, b.answer.body.Bytes()
}

// Follow opens a page that has to send the browser elsewhere, and tells where.
func (b *Browser) Follow(address string) (string, error) {
	status, header, body, err := b.Get(address)
	if err != nil {
		return "", err
	}
	if to := header.Get("Location"); to != "" {
		return to, nil
	}
	path, _, _ := strings.Cut(address, "?")
	return "", fmt.Errorf("%s: %d %s", path, status, body)
}

type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}
