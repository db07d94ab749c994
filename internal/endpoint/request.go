package endpoint

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
)

// These are shared by all requests; round trippers must not modify a request,
// http.RoundTripper says.
var (
	formType = []string{"application/x-www-form-urlencoded"}
	jsonType = []string{"application/json"}
)

// request builds r by hand: http.NewRequest would parse the URL again, and
// would set GetBody, which lets the transport send the body a second time.
func (c *Client) request(ctx context.Context, r *Request) (*http.Request, *onceBody) {
	h := make(http.Header, len(r.Header)+3)
	values := [2]string{c.UserAgent, strings.Join(r.Accept, ", ")}
	if c.UserAgent != "" {
		h["User-Agent"] = values[0:1:1]
	}
	if len(r.Accept) > 0 {
		h["Accept"] = values[1:2:2]
	}
	req := http.Request{
		Method: r.Method,
		URL:    r.URL,
		Host:   r.URL.Host,
		Header: h,
		Proto:  "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	var body *onceBody
	if r.Body != "" {
		h["Content-Type"] = formType
		if r.JSON {
			h["Content-Type"] = jsonType
		}
		body = &onceBody{text: r.Body, confirm: r.Confirm}
		req.Body, req.ContentLength = body, int64(len(r.Body))
	}
	for name, v := range r.Header {
		h[name] = v
	}
	return req.WithContext(ctx), body
}

// onceBody is a request body that knows whether it was asked for. A request whose
// body was not cannot have taken effect: its Content-Length is not met.
type onceBody struct {
	text    string
	off     int
	confirm func() error
	refusal atomic.Pointer[error]
	state   atomic.Int32
}

const (
	unread int32 = iota
	reading
	closed
)

func (b *onceBody) Read(p []byte) (int, error) {
	if b.confirm != nil && b.state.Load() == unread {
		if err := b.confirm(); err != nil {
			b.refusal.Store(&err)
			b.state.CompareAndSwap(unread, closed)
			return 0, err
		}
	}
	if !b.state.CompareAndSwap(unread, reading) && b.state.Load() == closed {
		return 0, http.ErrBodyReadAfterClose
	}
	if b.off == len(b.text) {
		return 0, io.EOF
	}
	n := copy(p, b.text[b.off:])
	b.off += n
	return n, nil
}

func (b *onceBody) Close() error {
	b.state.CompareAndSwap(unread, closed)
	return nil
}

// sent reports whether the exchange that failed with err may have reached the
// other side. If the body was not asked for it makes sure that it never will
// be: a transport may give up while another of its goroutines is about to write.
func (b *onceBody) sent(err error) bool {
	if b == nil {
		var op *net.OpError
		return !errors.As(err, &op) || op.Op != "dial"
	}
	return !b.state.CompareAndSwap(unread, closed) && b.state.Load() == reading
}

// refused is why the body was not to be sent, if that was asked and answered.
func (b *onceBody) refused() error {
	if b == nil {
		return nil
	}
	if err := b.refusal.Load(); err != nil {
		return *err
	}
	return nil
}
