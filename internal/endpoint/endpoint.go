// Package endpoint is the one bounded HTTP exchange: every request of this
// module, whatever the flow, leaves through [Client.Do].
//
// An exchange goes to https only, follows no redirect, carries no cookie, has
// a deadline that covers the body, reads at most [MaxBody] bytes after
// inflation, believes an answer only under a media type it asked for, and
// sends what changes something exactly once. Its errors never contain a body, a
// URL's query or a header of the request.
package endpoint

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// MaxBody is the longest body that is read, in bytes, after inflation.
const MaxBody = 1 << 20

// DefaultTimeout is how long one exchange may take when [Client.Timeout] is zero.
const DefaultTimeout = 30 * time.Second

// Client makes exchanges. Its fields are set once and then only read; it is
// safe for concurrent use.
type Client struct {
	Transport http.RoundTripper // required; NewTransport() is the tuned one
	Timeout   time.Duration     // of one exchange, body included; DefaultTimeout when zero
	AllowHTTP bool              // plain http, to loopback hosts only
	UserAgent string
}

// Request is one exchange to make.
type Request struct {
	Method string      // GET, POST, PUT or DELETE
	URL    *url.URL    // from ParseURL
	Header http.Header // further headers, under canonical names; not modified
	Body   string      // of a POST or a PUT
	JSON   bool        // what Body is: a form if false

	// Accept lists the media types that a 2xx answer may have; they become the
	// Accept header in this order. When it is empty nothing of a 2xx body is
	// kept, for endpoints whose status says it all (RFC 7009 §2.2).
	Accept []string

	// Confirm is asked when the transport wants the body, after dialling and
	// the TLS handshake: with an error nothing of the body is sent. Nil: no
	// question.
	Confirm func() error
}

// Response is a complete answer. Body is nil after a status that is not 2xx
// unless its media type is JSON, and after 204.
type Response struct {
	Status    int
	Header    http.Header
	MediaType string // lower case, without parameters
	Body      []byte
}

// Error says why there is no usable answer.
type Error struct {
	Sent          bool // request bytes may have left: the outcome of all but a GET is unknown
	Status        int  // of the answer, zero when there was none
	Expected, Got string
	Err           error
}

func (e *Error) Error() string {
	switch {
	case e.Expected == "" && e.Err == nil:
		return "no usable answer"
	case e.Expected == "":
		return e.Err.Error()
	case e.Err == nil:
		return "expected " + e.Expected + ", got " + e.Got
	}
	return "expected " + e.Expected + ", got " + e.Got + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Do sends r once and reads the answer. Every error is an [*Error].
//
// A GET may be sent again by the transport when a kept-open connection turns
// out to be dead; what has a body never is, and a DELETE only if nothing of it
// was written, or if an HTTP/2 server refuses its stream or cannot read it: then
// it has not been looked at (RFC 9113 §8.7), and deleting twice does no harm.
func (c *Client) Do(ctx context.Context, r *Request) (*Response, error) {
	if err := c.check(ctx, r); err != nil {
		return nil, err
	}
	timeout := c.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	// The caller's deadline is enough when it is nearer: one timer less.
	if d, ok := ctx.Deadline(); !ok || time.Until(d) > timeout {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}

	req, body := c.request(ctx, r)
	resp, err := c.Transport.RoundTrip(req)
	if err == nil && resp == nil {
		err = errors.New("the transport returned nothing")
	}
	if refusal := body.refused(); refusal != nil {
		if err == nil && resp.Body != nil {
			resp.Body.Close() // an answer to half a request
		}
		return nil, &Error{Err: refusal}
	}
	if err != nil {
		return nil, &Error{Sent: body.sent(err), Err: cause(ctx, err)}
	}
	if resp.Body == nil {
		resp.Body = http.NoBody
	}
	answer, err := read(resp, r)
	resp.Body.Close()
	if err == nil {
		return answer, nil
	}
	e, ok := err.(*Error)
	if !ok {
		e = &Error{Err: cause(ctx, err)}
	}
	e.Sent, e.Status = true, resp.StatusCode
	return nil, e
}

var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete}

// check refuses what must not be sent at all.
func (c *Client) check(ctx context.Context, r *Request) error {
	switch {
	case c.Transport == nil:
		return &Error{Expected: "a transport", Got: "none"}
	case !slices.Contains(methods, r.Method):
		return &Error{Expected: "GET, POST, PUT or DELETE", Got: fmt.Sprintf("method %q", r.Method)}
	case r.Body != "" && (r.Method == http.MethodGet || r.Method == http.MethodDelete):
		return &Error{Expected: r.Method + " without a body", Got: "a body"}
	case r.URL == nil:
		return &Error{Expected: "a URL", Got: "none"}
	}
	if err := c.checkURL(r.URL); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return &Error{Err: err}
	}
	return nil
}
