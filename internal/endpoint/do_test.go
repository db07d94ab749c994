package endpoint

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// canary stands for a secret; no error may contain it.
const canary = "c4n4ry"

var jsonOnly = []string{"application/json"}

func client(t *testing.T) *Client {
	tr := NewTransport()
	t.Cleanup(tr.CloseIdleConnections)
	return &Client{Transport: tr, AllowHTTP: true, UserAgent: "openid-test/1"}
}

func serve(t *testing.T, h http.HandlerFunc) *url.URL {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL + "/token?k=" + canary)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func post(u *url.URL) *Request {
	return &Request{
		Method: http.MethodPost, URL: u, Accept: jsonOnly, Body: "code=" + canary,
		Header: http.Header{"Authorization": {"Basic " + canary}},
	}
}

func refused(t *testing.T, resp *Response, err error) *Error {
	t.Helper()
	var e *Error
	if resp != nil || !errors.As(err, &e) {
		t.Fatalf("got %v and %v, want an *Error only", resp, err)
	}
	if text := fmt.Sprintf("%v %+v %s", err, err, e.Err); strings.Contains(text, canary) {
		t.Errorf("the error carries a secret: %s", text)
	}
	return e
}

func answer(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Add(header[i], header[i+1])
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func TestRequestOnTheWire(t *testing.T) {
	var got *http.Request
	var form string
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got, form = r, string(b)
		w.Header().Set("Content-Type", "application/json")
		http.SetCookie(w, &http.Cookie{Name: "s", Value: "1"})
		io.WriteString(w, `{}`)
	})
	c := client(t)
	r := post(u)
	r.Accept = []string{"application/jwt", "application/json"}
	for range 2 {
		resp, err := c.Do(t.Context(), r)
		if err != nil || string(resp.Body) != "{}" || resp.Status != 200 || resp.MediaType != "application/json" {
			t.Fatal(resp, err)
		}
	}
	for name, want := range map[string]string{
		"User-Agent": "openid-test/1", "Accept": "application/jwt, application/json", "Authorization": "Basic " + canary,
		"Content-Type": "application/x-www-form-urlencoded", "Cookie": "", "Accept-Encoding": "",
	} {
		if v := got.Header.Get(name); v != want {
			t.Errorf("%s: %q, want %q", name, v, want)
		}
	}
	if form != "code="+canary || got.ContentLength != int64(len(form)) || got.URL.RawQuery != "k="+canary {
		t.Errorf("sent %q, length %d, to %s", form, got.ContentLength, got.URL)
	}
	if len(r.Header) != 1 {
		t.Errorf("the caller's header was modified: %v", r.Header)
	}
	for _, l := range []struct{ method, body, contentType string }{{"POST", "{}", "application/json"}, {"PUT", "{}", "application/json"}, {"DELETE", "", ""}} {
		if _, err := c.Do(t.Context(), &Request{Method: l.method, URL: u, Body: l.body, JSON: true}); err != nil {
			t.Fatal(err)
		}
		if got.Method != l.method || form != l.body || got.Header.Get("Content-Type") != l.contentType || got.Header.Get("Accept") != "" {
			t.Errorf("sent %s %q as %q", got.Method, form, got.Header.Get("Content-Type"))
		}
	}
}

func TestAnswersThatAreRefused(t *testing.T) {
	long := strings.Repeat("a", MaxBody+1)
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 8 {
		z.Write(make([]byte, 1<<20))
	}
	z.Close()
	for _, row := range []struct {
		lie           string
		answer        http.HandlerFunc
		status        int
		expected, got string
	}{
		{"a redirect", answer(302, "", "Location", "https://other.example/x?code="+canary), 302, "no redirect", "302 to https://other.example"},
		{"a redirect that keeps the POST", answer(307, "", "Location", "/"+canary), 307, "no redirect", "307 to http://127.0.0.1"},
		{"a redirect to nowhere", answer(301, ""), 301, "no redirect", "301"},
		{"a redirect to user information", answer(303, "", "Location", "https://"+canary+"@other.example/"), 303, "no redirect", "303 to https://other.example"},
		{"not modified", answer(304, ""), 304, "no redirect", "304"},
		{"an HTML page", answer(200, canary, "Content-Type", "text/html; charset=utf-8"), 200, "application/json", "text/html"},
		{"text", answer(200, "{}", "Content-Type", "text/plain"), 200, "application/json", "text/plain"},
		{"a longer name", answer(200, "{}", "Content-Type", "application/json-seq"), 200, "application/json", "application/json-seq"},
		{"JSON of another kind", answer(200, "{}", "Content-Type", "application/ld+json"), 200, "application/json", "application/ld+json"},
		{"no media type", func(w http.ResponseWriter, r *http.Request) { w.Header()["Content-Type"] = nil; w.Write([]byte("{}")) }, 200, "application/json", "no media type"},
		{"two media types", answer(200, "{}", "Content-Type", "application/json", "Content-Type", "text/html"), 200, "application/json", "several media types"},
		{"a broken media type", answer(200, "{}", "Content-Type", "application/"), 200, "application/json", "a malformed media type"},
		{"another charset", answer(200, "{}", "Content-Type", "application/json; charset=utf-16"), 200, "application/json", `application/json in charset "utf-16"`},
		{"another encoding", answer(200, "{}", "Content-Type", "application/json", "Content-Encoding", "br"), 200, "application/json", `content encoding "br"`},
		{"a body one byte too long", answer(200, long, "Content-Type", "application/json"), 200, "a body of at most 1 MiB", "a longer one"},
		{"an error body too long", answer(400, long, "Content-Type", "application/json"), 400, "a body of at most 1 MiB", "a longer one"},
		{"8 MiB in 8 KiB", answer(200, bomb.String(), "Content-Type", "application/json", "Content-Encoding", "gzip"), 200, "a body of at most 1 MiB", "a longer one"},
		{"a status beyond all", answer(700, ""), 700, "a final status", "700"},
		{"other protocols", answer(101, "", "Connection", "Upgrade", "Upgrade", "x"), 101, "a final status", "101"},
	} {
		t.Run(row.lie, func(t *testing.T) {
			var calls atomic.Int32
			u := serve(t, func(w http.ResponseWriter, r *http.Request) { calls.Add(1); row.answer(w, r) })
			c := client(t)
			c.Transport.(*http.Transport).DisableCompression = false
			resp, err := c.Do(t.Context(), post(u))
			e := refused(t, resp, err)
			if e.Status != row.status || e.Expected != row.expected || !strings.HasPrefix(e.Got, row.got) || !e.Sent {
				t.Errorf("got %#v, want status %d, expected %q, got %q", e, row.status, row.expected, row.got)
			}
			if n := calls.Load(); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestAnswersThatAreKept(t *testing.T) {
	full := strings.Repeat("a", MaxBody)
	for _, row := range []struct {
		name   string
		accept []string
		answer http.HandlerFunc
		want   Response
	}{
		{"JSON", jsonOnly, answer(200, "{}", "Content-Type", "application/json"), Response{200, nil, "application/json", []byte("{}")}},
		{"JSON in capitals with parameters", jsonOnly, answer(200, "{}", "Content-Type", `Application/JSON; x=y; Charset="UTF-8"`), Response{200, nil, "application/json", []byte("{}")}},
		{"a parameter without a value", jsonOnly, answer(200, "{}", "Content-Type", `application/json; x`), Response{200, nil, "application/json", []byte("{}")}},
		{"the second type", []string{"application/jwt", "Application/Json"}, answer(201, "{}", "Content-Type", "application/json"), Response{201, nil, "application/json", []byte("{}")}},
		{"exactly 1 MiB", jsonOnly, answer(200, full, "Content-Type", "application/json"), Response{200, nil, "application/json", []byte(full)}},
		{"an empty body", jsonOnly, answer(200, "", "Content-Type", "application/json"), Response{200, nil, "application/json", []byte{}}},
		{"identity encoding", jsonOnly, answer(200, "{}", "Content-Type", "application/json", "Content-Encoding", "identity"), Response{200, nil, "application/json", []byte("{}")}},
		{"no content", jsonOnly, answer(204, ""), Response{204, nil, "", nil}},
		{"anything, when nothing is asked for", nil, answer(200, "<p>", "Content-Type", "text/html"), Response{200, nil, "text/html", nil}},
		{"an error in JSON", jsonOnly, answer(400, `{"error":"x"}`, "Content-Type", "application/json; charset=UTF-8"), Response{400, nil, "application/json", []byte(`{"error":"x"}`)}},
		{"an error in JSON, when nothing is asked for", nil, answer(400, `{"error":"x"}`, "Content-Type", "application/json"), Response{400, nil, "application/json", []byte(`{"error":"x"}`)}},
		{"problem details", jsonOnly, answer(503, `{}`, "Content-Type", "application/problem+json"), Response{503, nil, "application/problem+json", []byte(`{}`)}},
		{"an error page", jsonOnly, answer(502, "<p>", "Content-Type", "text/html"), Response{502, nil, "text/html", nil}},
		{"an error page without end", jsonOnly, answer(502, full+full, "Content-Type", "text/html"), Response{502, nil, "text/html", nil}},
	} {
		t.Run(row.name, func(t *testing.T) {
			u := serve(t, row.answer)
			resp, err := client(t).Do(t.Context(), &Request{Method: http.MethodGet, URL: u, Accept: row.accept})
			if err != nil {
				t.Fatal(err)
			}
			if resp.Status != row.want.Status || resp.MediaType != row.want.MediaType || !bytes.Equal(resp.Body, row.want.Body) || (resp.Body == nil) != (row.want.Body == nil) {
				t.Errorf("status %d, type %q, body of %d bytes", resp.Status, resp.MediaType, len(resp.Body))
			}
			if resp.Header == nil {
				t.Error("no header")
			}
		})
	}
}

func TestInflatedBodyIsRead(t *testing.T) {
	u := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			t.Error("gzip not asked for")
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		io.WriteString(z, `{"a":1}`)
		z.Close()
	})
	c := client(t)
	c.Transport.(*http.Transport).DisableCompression = false
	if resp, err := c.Do(t.Context(), post(u)); err != nil || string(resp.Body) != `{"a":1}` {
		t.Fatal(resp, err)
	}
}

func TestRequestsThatAreNotMade(t *testing.T) {
	u := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was made") })
	plain, _ := url.Parse("http://op.example/token")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, row := range []struct {
		lie  string
		ctx  context.Context
		c    *Client
		r    *Request
		want string
	}{
		{"PATCH", t.Context(), client(t), &Request{Method: "PATCH", URL: u}, "GET, POST, PUT or DELETE"},
		{"DELETE with a body", t.Context(), client(t), &Request{Method: "DELETE", URL: u, Body: "{}"}, "DELETE without a body"},
		{"GET with a body", t.Context(), client(t), &Request{Method: "GET", URL: u, Body: "a=" + canary}, "without a body"},
		{"no URL", t.Context(), client(t), &Request{Method: "GET"}, "a URL"},
		{"http to another host", t.Context(), client(t), &Request{Method: "GET", URL: plain}, "loopback"},
		{"http not allowed", t.Context(), &Client{Transport: http.DefaultTransport}, &Request{Method: "GET", URL: u}, "https"},
		{"no transport", t.Context(), &Client{AllowHTTP: true}, &Request{Method: "GET", URL: u}, "transport"},
		{"a cancelled context", gone, client(t), post(u), "canceled"},
	} {
		resp, err := row.c.Do(row.ctx, row.r)
		if e := refused(t, resp, err); e.Sent || !strings.Contains(e.Error(), row.want) {
			t.Errorf("%s: got %#v, want unsent and %q", row.lie, e, row.want)
		}
	}
}

// A RoundTripper of the user's own may do odd things.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestOddTransports(t *testing.T) {
	u, _ := url.Parse("https://op.example/token?k=" + canary)
	broken := errors.New("the wire is cut")
	for _, row := range []struct {
		oddity string
		f      roundTrip
		sent   bool
		is     error
		want   string
	}{
		{"nothing at all", func(*http.Request) (*http.Response, error) { return nil, nil }, false, nil, "returned nothing"},
		{"an error before the body", func(*http.Request) (*http.Response, error) { return nil, broken }, false, broken, "the wire is cut"},
		{"an error after the body", func(r *http.Request) (*http.Response, error) { io.ReadAll(r.Body); return nil, broken }, true, broken, "the wire is cut"},
		{"an error after a byte", func(r *http.Request) (*http.Response, error) { r.Body.Read(make([]byte, 1)); return nil, broken }, true, broken, "the wire is cut"},
		{"an error that shows the URL", func(r *http.Request) (*http.Response, error) {
			return nil, fmt.Errorf("retrying: %w", &url.Error{Op: "Post", URL: r.URL.String(), Err: broken})
		}, false, broken, "the wire is cut"},
		{"an error that quotes the server", func(r *http.Request) (*http.Response, error) {
			return nil, fmt.Errorf("malformed HTTP response %q: %w", canary, broken)
		}, false, broken, "not valid HTTP"},
		{"an answer without a body", func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}}, nil
		}, true, nil, "no media type"},
	} {
		resp, err := (&Client{Transport: row.f}).Do(t.Context(), post(u))
		e := refused(t, resp, err)
		if e.Sent != row.sent || !strings.Contains(e.Error(), row.want) || row.is != nil && !errors.Is(err, row.is) {
			t.Errorf("%s: got %v, sent %v", row.oddity, e, e.Sent)
		}
	}
}

// A transport may give up while another of its goroutines is about to write:
// what Do called unsent must stay so.
func TestUnsentStaysUnsent(t *testing.T) {
	u, _ := url.Parse("https://op.example/token")
	var late io.ReadCloser
	c := &Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		late = r.Body
		return nil, errors.New("gave up")
	})}
	resp, err := c.Do(t.Context(), post(u))
	if refused(t, resp, err).Sent {
		t.Fatal("sent")
	}
	if n, err := late.Read(make([]byte, 10)); n != 0 || err == nil {
		t.Errorf("%d bytes left later, error %v", n, err)
	}
}

func TestNoBodyIsNeverResent(t *testing.T) {
	u, _ := url.Parse("https://op.example/token")
	c := &Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.GetBody != nil {
			t.Error("the transport could send the body again")
		}
		if _, ok := r.Context().Deadline(); !ok {
			t.Error("no deadline")
		}
		return nil, io.EOF
	})}
	c.Do(t.Context(), post(u))
}

// A transport that is cut off may report whatever it was doing.
func TestContextsVerdictWins(t *testing.T) {
	u, _ := url.Parse("https://op.example/token")
	ctx, cancel := context.WithCancel(t.Context())
	c := &Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		cancel()
		return nil, io.ErrClosedPipe
	})}
	if _, err := c.Do(ctx, post(u)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestNearerDeadlineWins(t *testing.T) {
	u, _ := url.Parse("https://op.example/token")
	for _, row := range []struct{ timeout, callers, want time.Duration }{
		{0, time.Hour, DefaultTimeout},
		{time.Minute, time.Hour, time.Minute},
		{time.Hour, time.Minute, time.Minute},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), row.callers)
		start := time.Now()
		c := &Client{Timeout: row.timeout, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if d, _ := r.Context().Deadline(); d.Sub(start).Round(time.Minute/4) != row.want {
				t.Errorf("timeout %s, caller's %s: deadline in %s", row.timeout, row.callers, d.Sub(start))
			}
			return nil, io.EOF
		})}
		c.Do(ctx, post(u))
		cancel()
	}
}

// TestConfirm: a body that is not to be sent any more is not sent, and whatever the transport makes of it, the reason comes out.
func TestConfirm(t *testing.T) {
	for name, wrap := range map[string]func(http.RoundTripper) http.RoundTripper{
		"as it is":            func(next http.RoundTripper) http.RoundTripper { return next },
		"an error of its own": func(next http.RoundTripper) http.RoundTripper { return masking{next} },
	} {
		t.Run(name, func(t *testing.T) {
			u, posts := raw(t, func(conn net.Conn, _ int) { io.WriteString(conn, okJSON) })
			c := Client{Transport: wrap(NewTransport()), AllowHTTP: true}
			asked := 0
			r := &Request{Method: http.MethodPost, URL: u, Body: "a=b", Accept: []string{"application/json"}}
			r.Confirm = func() error { asked++; return io.ErrNoProgress }
			_, err := c.Do(t.Context(), r)
			var e *Error
			if !errors.As(err, &e) || e.Sent || !errors.Is(err, io.ErrNoProgress) || posts.Load() != 0 || asked != 1 {
				t.Errorf("got %v after %d posts and %d questions", err, posts.Load(), asked)
			}
			r.Confirm = func() error { asked++; return nil }
			if _, err := c.Do(t.Context(), r); err != nil || posts.Load() != 1 || asked != 2 {
				t.Errorf("got %v after %d posts and %d questions", err, posts.Load(), asked)
			}
		})
	}
}

type masking struct{ next http.RoundTripper }

func (m masking) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := m.next.RoundTrip(r)
	if err != nil {
		return nil, errors.New("something went wrong")
	}
	return res, nil
}
