package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/html"
)

const (
	maxHops = 20
	maxPage = 1 << 20 // bytes
)

// A userAgent is the browser, and the person in front of it: it keeps cookies, follows redirects, fills in forms and presses buttons.
type userAgent struct {
	client   http.Client
	username string
	password string
	hops     []hop
	step     string // what it is about, for the hops
}

// A hop is one request of the browser.
type hop struct {
	Step     string
	Method   string
	Address  string // without the query, which has codes and states in it
	Status   int
	Note     string
	Start    time.Time
	Duration time.Duration
}

func newUserAgent(username, password string) *userAgent {
	jar, _ := cookiejar.New(nil) // never fails without options
	return &userAgent{username: username, password: password, client: http.Client{
		Jar:           jar,
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// A reply is what the browser shows, or where it is sent on to.
type reply struct {
	at       *url.URL
	status   int
	location *url.URL // nil: a page
	page     *html.Node
	leaving  *form // of the page, if it takes the browser to the application
}

func (u *userAgent) get(ctx context.Context, address string) (*reply, error) {
	return u.open(ctx, address, "opens")
}

// next goes where a reply sends the browser.
func (u *userAgent) next(ctx context.Context, r *reply) (*reply, error) {
	if r.leaving != nil {
		return u.submit(ctx, r, r.leaving)
	}
	return u.open(ctx, r.location.String(), "follows")
}

func (u *userAgent) open(ctx context.Context, address, note string) (*reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	return u.send(req, note)
}

func (u *userAgent) send(req *http.Request, note string) (*reply, error) {
	if len(u.hops) >= 10*maxHops {
		return nil, fmt.Errorf("the browser has made %d requests already", len(u.hops))
	}
	req.Header.Set("Accept", "text/html")
	h := hop{Step: u.step, Method: req.Method, Address: req.URL.Scheme + "://" + req.URL.Host + req.URL.Path, Note: note, Start: time.Now()}
	res, err := u.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	h.Status, h.Duration = res.StatusCode, time.Since(h.Start)
	u.hops = append(u.hops, h)
	r := &reply{at: req.URL, status: res.StatusCode}
	if res.StatusCode >= 300 && res.StatusCode < 400 {
		r.location, err = res.Location()
		return r, err
	}
	r.page, err = html.Parse(io.LimitReader(res.Body, maxPage))
	return r, err
}

// follow goes where the replies lead and answers the provider's pages, until it is sent to, or is at, a page of home.
func (u *userAgent) follow(ctx context.Context, r *reply, home string) (*reply, error) {
	asked := ""
	for range maxHops {
		switch {
		case r.location != nil:
			if isAt(r.location, home) && !isAt(r.at, home) {
				return r, nil
			}
			next, err := u.next(ctx, r)
			if err != nil {
				return nil, err
			}
			r = next
		case isAt(r.at, home):
			return r, nil
		default:
			f := findForm(r.page, "")
			if f == nil {
				return nil, fmt.Errorf("%s shows a page without a form (status %d): %s", r.at.Host, r.status, title(r.page))
			}
			if to, err := r.at.Parse(f.action); err == nil && isAt(to, home) {
				r.leaving = f
				return r, nil
			}
			if f.has("password") {
				if asked != "" {
					return nil, fmt.Errorf("%s did not accept the password of %s", r.at.Host, u.username)
				}
				asked = u.username
			}
			next, err := u.submit(ctx, r, f)
			if err != nil {
				return nil, err
			}
			r = next
		}
	}
	return nil, fmt.Errorf("still not back after %d steps", maxHops)
}

func isAt(u *url.URL, origin string) bool { return u.Scheme+"://"+u.Host == origin }

// press submits the form of the page whose action ends so.
func (u *userAgent) press(ctx context.Context, r *reply, action string) (*reply, error) {
	f := findForm(r.page, action)
	if f == nil {
		return nil, fmt.Errorf("the page has no form for %s", action)
	}
	return u.submit(ctx, r, f)
}

func (u *userAgent) submit(ctx context.Context, r *reply, f *form) (*reply, error) {
	to, err := r.at.Parse(f.action)
	if err != nil {
		return nil, err
	}
	note := "presses " + f.button
	if f.has("username") {
		f.values.Set("username", u.username)
		f.values.Set("password", u.password)
		note = "logs in as " + u.username
	}
	req, err := http.NewRequestWithContext(ctx, f.method, to.String(), strings.NewReader(f.values.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", r.at.Scheme+"://"+r.at.Host)
	return u.send(req, note)
}
