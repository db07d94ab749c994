package endpoint

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A raw server counts complete requests per connection and then does what
// script says.
func raw(t *testing.T, script func(conn net.Conn, request int)) (*url.URL, *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var posts atomic.Int32
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				in := bufio.NewReader(conn)
				for n := 0; ; n++ {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					if _, err := io.Copy(io.Discard, r.Body); err != nil {
						return
					}
					if r.Method != http.MethodGet {
						posts.Add(1)
					}
					script(conn, n)
				}
			}()
		}
	}()
	u, _ := url.Parse("http://" + l.Addr().String() + "/token?k=" + canary)
	return u, &posts
}

const okJSON = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

// However a kept-open connection dies, what was sent to change something is not sent again.
func TestChangesAreSentOnce(t *testing.T) {
	for _, row := range []struct{ death, second string }{
		{"closed without a word", ""},
		{"half a status line", "HTTP/1."},
		{"half a header", "HTTP/1.1 200 OK\r\nContent-"},
		{"half a body", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 200\r\n\r\n{"},
		{"half a chunk", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"},
		{"not HTTP", canary + "\r\n\r\n"},
		{"a header that is none", "HTTP/1.1 200 OK\r\n" + canary + "\r\n\r\n"},
		{"a first header line that goes on", "HTTP/1.1 200 OK\r\n " + canary + "\r\n\r\n"},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: " + canary + "\r\n\r\n"},
		{"128 KiB of headers", strings.Replace(okJSON, "\r\n", "\r\nX: "+strings.Repeat("x", 128<<10)+"\r\n", 1)},
	} {
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
			t.Run(method+"/"+row.death, func(t *testing.T) {
				u, arrived := raw(t, func(conn net.Conn, n int) {
					if n == 0 {
						io.WriteString(conn, okJSON)
						return
					}
					io.WriteString(conn, row.second)
					conn.Close()
				})
				c := client(t)
				if _, err := c.Do(t.Context(), post(u)); err != nil {
					t.Fatal(err)
				}
				r := post(u)
				r.Method = method
				if method == http.MethodDelete {
					r.Body = ""
				} else {
					r.Header.Set("Idempotency-Key", "net/http would take this as leave to resend")
				}
				resp, err := c.Do(t.Context(), r)
				if e := refused(t, resp, err); !e.Sent {
					t.Errorf("%v: said to be unsent", e)
				}
				if n := arrived.Load(); n != 2 {
					t.Errorf("%d requests arrived, want 2", n)
				}
			})
		}
	}
}

func TestPostOverHTTP2IsSentOnce(t *testing.T) {
	var posts atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if r.ProtoMajor != 2 {
			t.Error(r.Proto)
		}
		if posts.Add(1) > 1 {
			panic(http.ErrAbortHandler) // RST_STREAM
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, "{}")
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	c := client(t)
	c.Transport.(*http.Transport).TLSClientConfig = s.Client().Transport.(*http.Transport).TLSClientConfig
	u, _ := url.Parse(s.URL)
	if _, err := c.Do(t.Context(), post(u)); err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(t.Context(), post(u))
	if e := refused(t, resp, err); !e.Sent {
		t.Errorf("%v: said to be unsent", e)
	}
	if n := posts.Load(); n != 2 {
		t.Errorf("%d POSTs arrived, want 2", n)
	}
}

func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	tlsServer := httptest.NewUnstartedServer(answer(200, "{}"))
	tlsServer.Config.ErrorLog = log.New(io.Discard, "", 0)
	tlsServer.StartTLS()
	defer tlsServer.Close()
	for name, raw := range map[string]string{"refused": "http://" + addr, "no trusted certificate": tlsServer.URL} {
		u, _ := url.Parse(raw + "/token?k=" + canary)
		resp, err := client(t).Do(t.Context(), post(u))
		if e := refused(t, resp, err); e.Sent || e.Status != 0 {
			t.Errorf("%s: %#v", name, e)
		}
	}
}

// Servers that are slow in every place, over a pipe in a bubble.
func TestDeadlineCoversEverything(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
	drip := func(conn net.Conn, text string) {
		for i := 0; ; i++ {
			time.Sleep(time.Second)
			if _, err := conn.Write([]byte{text[i%len(text)]}); err != nil {
				return
			}
		}
	}
	silent := func(net.Conn) {}
	for _, row := range []struct {
		slow   string
		script func(net.Conn)
		status int
	}{
		{"silence", silent, 0},
		{"dripping headers", func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\nX: "); drip(c, "x") }, 0},
		{"informational answers without end", func(c net.Conn) {
			for {
				time.Sleep(10 * time.Second)
				if _, err := io.WriteString(c, "HTTP/1.1 103 Early Hints\r\n\r\n"); err != nil {
					return
				}
			}
		}, 0},
		{"a body that stops", func(c net.Conn) { io.WriteString(c, head+"{") }, 200},
		{"a dripping body", func(c net.Conn) { io.WriteString(c, head); drip(c, "{") }, 200},
		{"a dripping page", func(c net.Conn) {
			io.WriteString(c, strings.Replace(head, "application/json", "text/html", 1))
			drip(c, "<")
		}, 200},
	} {
		for _, cut := range []struct {
			name string
			is   error
			at   time.Duration
		}{{"timeout", context.DeadlineExceeded, DefaultTimeout}, {"caller's deadline", context.DeadlineExceeded, 3 * time.Second}, {"caller", context.Canceled, 3 * time.Second}} {
			t.Run(row.slow+"/"+cut.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					tr := NewTransport()
					tr.DialContext = func(context.Context, string, string) (net.Conn, error) {
						near, far := net.Pipe()
						go func() {
							r, err := http.ReadRequest(bufio.NewReader(far))
							if err == nil {
								io.Copy(io.Discard, r.Body)
								row.script(far)
							}
							io.Copy(io.Discard, far)
							far.Close()
						}()
						return near, nil
					}
					tr.Proxy = nil
					defer tr.CloseIdleConnections()
					c := &Client{Transport: tr, AllowHTTP: true}
					u, _ := url.Parse("http://127.0.0.1/token?k=" + canary)
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					switch cut.name {
					case "caller":
						time.AfterFunc(cut.at, cancel)
					case "caller's deadline":
						ctx, cancel = context.WithTimeout(ctx, cut.at)
						defer cancel()
					}
					start := time.Now()
					resp, err := c.Do(ctx, post(u))
					e := refused(t, resp, err)
					if d := time.Since(start); d != cut.at {
						t.Errorf("ended after %s, want %s", d, cut.at)
					}
					// Of a page the media type is known before the time is up, and says more.
					if row.slow != "a dripping page" && !errors.Is(err, cut.is) {
						t.Errorf("%v is not %v", err, cut.is)
					}
					if !e.Sent || e.Status != row.status {
						t.Errorf("sent %v, status %d", e.Sent, e.Status)
					}
					time.Sleep(time.Minute) // the slow server notices that nobody listens
				})
			})
		}
	}
}

func TestConnectionsAreReused(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"JSON": answer(200, `{"a":"b"}`, "Content-Type", "application/json"),
		"chunked": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.(http.Flusher).Flush()
			io.WriteString(w, "{}")
		},
		"a page":     answer(200, "<p>", "Content-Type", "text/html"),
		"a redirect": answer(302, "<p>", "Location", "/"),
		"an error":   answer(500, strings.Repeat("<p>", 1000), "Content-Type", "text/html"),
		"no content": answer(204, ""),
	} {
		var conns atomic.Int32
		s := httptest.NewUnstartedServer(h)
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				conns.Add(1)
			}
		}
		s.Start()
		u, _ := url.Parse(s.URL)
		c := client(t)
		for range 5 {
			c.Do(t.Context(), post(u))
		}
		if n := conns.Load(); n != 1 {
			t.Errorf("%s: %d connections for 5 exchanges", name, n)
		}
		s.Close()
	}
}

func TestFiftyCallersOpenFewConnections(t *testing.T) {
	var conns atomic.Int32
	s := httptest.NewUnstartedServer(answer(200, `{}`, "Content-Type", "application/json"))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	u, _ := url.Parse(s.URL)
	c := client(t)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for range 20 {
				if _, err := c.Do(t.Context(), post(u)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := conns.Load(); n > 60 {
		t.Errorf("%d connections for 1,000 requests", n)
	}
}
