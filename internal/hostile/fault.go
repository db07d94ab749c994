package hostile

import (
	"bytes"
	"compress/gzip"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Handlers for Serve that know no endpoint.

// Status answers with a status and a body, both as given.
func Status(code int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(code)
		w.Write([]byte(body))
	}
}

// JSON answers 200 with JSON text, or what claims to be.
func JSON(body string) http.HandlerFunc { return Status(http.StatusOK, "application/json", body) }

// HTML answers 200 with a page, as a captive portal does.
func HTML() http.HandlerFunc {
	return Status(http.StatusOK, "text/html; charset=utf-8", "<!doctype html><title>Welcome</title><p>Please accept our terms.")
}

// Error answers with an error of RFC 6749 §5.2: "invalid_grant" and the like.
func Error(status int, code, description string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { refuse(w, status, code, description) }
}

// Redirect answers 307, which asks to send the same request again elsewhere.
func Redirect(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusTemporaryRedirect)
	}
}

// Oversize answers with a JSON object of at least n bytes, its length announced.
func Oversize(n int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(n+len(`{"a":""}`)))
		w.Write([]byte(`{"a":"`))
		chunk := bytes.Repeat([]byte("a"), 32<<10)
		for left := n; left > 0; {
			written, err := w.Write(chunk[:min(left, len(chunk))])
			if err != nil {
				return
			}
			left -= written
		}
		w.Write([]byte(`"}`))
	}
}

// GzipBomb answers with a JSON object that inflates to n MiB, about a kilobyte
// for each.
func GzipBomb(n int) http.HandlerFunc {
	member := func(text []byte) []byte { // members may follow each other: RFC 1952 §2.2
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write(text)
		z.Close()
		return b.Bytes()
	}
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(member([]byte(`{"a":"`)))
		mebi := member(bytes.Repeat([]byte("a"), 1<<20))
		for range n {
			if _, err := w.Write(mebi); err != nil {
				return
			}
		}
		w.Write(member([]byte(`"}`)))
	}
}

// Deep answers with an array of arrays, n deep.
func Deep(n int) http.HandlerFunc {
	return JSON(`{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + "}")
}

// Hang answers nothing until the client goes away or the test ends.
func Hang() http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
}

// Stall sends a header and the first byte of a body, then nothing until the
// client goes away or the test ends.
func Stall() http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte("{"))
		http.NewResponseController(w).Flush()
		Hang()(w, r)
	}
}

// Drip sends a byte of white space each interval, n times, before it ends the
// empty object. Every read succeeds, so that only a deadline over the whole
// exchange helps.
func Drip(interval time.Duration, n int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte("{"))
		for range n {
			http.NewResponseController(w).Flush()
			wait(r, interval)
			w.Write([]byte(" "))
		}
		w.Write([]byte("}"))
	}
}

// Reset closes the connection without an answer; over TCP it sends a reset.
func Reset() http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		if c, ok := conn.(interface{ NetConn() net.Conn }); ok { // below TLS, which would say good-bye
			conn = c.NetConn()
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		conn.Close()
	}
}

// Handlers that twist what another answers, most often Provider.Honest.

// Rewrite changes the body that h sends, and its Content-Length with it.
func Rewrite(h http.HandlerFunc, change func(body []byte) []byte) http.HandlerFunc {
	return replay(h, func(w http.ResponseWriter, status int, body []byte) {
		w.WriteHeader(status)
		w.Write(change(body))
	})
}

// TrailingBytes puts more bytes behind the body of h.
func TrailingBytes(h http.HandlerFunc, more string) http.HandlerFunc {
	return Rewrite(h, func(body []byte) []byte { return append(body, more...) })
}

// Truncate announces the whole body of h, sends half and closes the connection.
func Truncate(h http.HandlerFunc) http.HandlerFunc {
	return replay(h, func(w http.ResponseWriter, status int, body []byte) {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		w.Write(body[:len(body)/2])
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
}

// ContentType sends what h sends under another media type.
func ContentType(h http.HandlerFunc, media string) http.HandlerFunc {
	return replay(h, func(w http.ResponseWriter, status int, body []byte) {
		w.Header().Set("Content-Type", media)
		w.WriteHeader(status)
		w.Write(body)
	})
}

// Slow waits before h answers, and no longer than the client.
func Slow(h http.HandlerFunc, d time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		wait(r, d)
		h(w, r)
	}
}

// InTurn lets each handler answer one request; the last one answers all others.
func InTurn(handlers ...http.HandlerFunc) http.HandlerFunc {
	var n atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		i := min(int(n.Add(1)), len(handlers)) - 1
		handlers[i](w, r)
	}
}

func replay(h http.HandlerFunc, send func(w http.ResponseWriter, status int, body []byte)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		h(answer, r)
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		send(w, answer.Code, answer.Body.Bytes())
	}
}

func wait(r *http.Request, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	}
}
