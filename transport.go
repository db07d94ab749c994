package openid

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openid-client/openid/internal/dpop"
)

// maxDiscard is how much of an unwanted answer is read so that its connection can be used again, in bytes.
const maxDiscard = 64 << 10

// Do sends one request to a protected resource with t's access token, as a bearer token or with a DPoP proof (RFC 6750 section 2.1, RFC
// 9449 section 7), and returns the answer whatever its status: [Challenges] reads what a refusal says. The request's own address is the
// one origin the token goes to; a redirect is returned, not followed. There is no timeout but that of the request's context.
//
// Errors: tokens of another issuer (*[VerificationError]); a request that must not carry a token; otherwise those of the transport.
func (c *Client) Do(r *http.Request, t *Tokens) (*http.Response, error) {
	if r == nil || r.URL == nil {
		return nil, errors.New("openid: Do: there is no request")
	}
	return c.Transport(t, r.URL.Scheme+"://"+r.URL.Host).RoundTrip(r)
}

// HTTPClient returns an HTTP client that presents t's access token to the given origins, such as "https://api.example.com", and refuses to
// send anything elsewhere. It follows no redirect and has no timeout: the requests' contexts are the limit. It does not refresh t.
func (c *Client) HTTPClient(t *Tokens, origin string, more ...string) *http.Client {
	return &http.Client{Transport: c.Transport(t, origin, more...), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Transport is [Client.HTTPClient] for those who have an HTTP client of their own. A mistake in the arguments is an error of each request.
func (c *Client) Transport(t *Tokens, origin string, more ...string) http.RoundTripper {
	b := &bearer{c: c, tokens: t}
	if b.allow(origin, more...); b.err != nil {
		return b
	}
	if b.err = presentable(t); b.err != nil {
		return b
	}
	if b.err = c.own(t.issuer, t.IDToken); b.err == nil {
		b.key, b.err = c.cfg.DPoP.restore(t.keyRecord())
	}
	return b
}

// presentable says why t has no access token to show to anybody.
func presentable(t *Tokens) error {
	if t == nil || t.AccessToken.IsEmpty() {
		return errors.New("openid: there is no access token to present")
	}
	if t.Type == notAccess {
		return errors.New("openid: what the token exchange issued is no access token (token_type N_A, RFC 8693 §2.2.1)")
	}
	return nil
}

// bearer attaches an access token to requests.
type bearer struct {
	c       *Client
	tokens  *Tokens
	key     proofKey
	origins []string
	err     error
}

// originOf is scheme, host and port with the port that the scheme stands for (RFC 6454 section 4).
func originOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[strings.ToLower(u.Scheme)]
	}
	return strings.ToLower(u.Scheme + "://" + u.Hostname() + ":" + port)
}

// allow notes the origins that a token may be sent to.
func (b *bearer) allow(origin string, more ...string) {
	for _, raw := range slices.Concat([]string{origin}, more) {
		u, err := b.c.http.ParseURL(raw)
		if err == nil && (u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.User != nil) {
			err = errors.New("there is more than scheme, host and port")
		}
		if err != nil {
			b.err = fmt.Errorf("openid: %s is no origin that a token may be sent to: %w", quoted(raw), err)
			return
		}
		b.origins = append(b.origins, originOf(u))
	}
}

func (b *bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := b.refuses(r); err != nil {
		closeBody(r)
		return nil, err
	}
	return b.send(r, r.Body)
}

// send sends r, and again where only the nonce was missing (RFC 9449 section 9).
func (b *bearer) send(r *http.Request, body io.ReadCloser) (*http.Response, error) {
	res, err := b.attempt(r, body)
	if err != nil || b.key == nil {
		return res, err
	}
	if !b.c.nonces.Learn(dpop.ResourceServer, r.URL, res.Header) || !wantsNonce(res.StatusCode, "", res.Header) {
		return res, nil
	}
	body, ok := replayed(r)
	if !ok {
		return res, nil // it cannot be sent twice; the caller sees why it was refused
	}
	discard(res)
	res, err = b.attempt(r, body)
	if err == nil {
		b.c.nonces.Learn(dpop.ResourceServer, r.URL, res.Header)
	}
	return res, err
}

// refuses says why r must not carry the token.
func (b *bearer) refuses(r *http.Request) error {
	switch {
	case b.err != nil:
		return b.err
	case r == nil || r.URL == nil:
		return errors.New("openid: there is no request")
	case !slices.Contains(b.origins, originOf(r.URL)):
		return fmt.Errorf("openid: the access token is for %s only, not for %s", strings.Join(b.origins, ", "), quoted(r.URL.Scheme+"://"+r.URL.Host))
	case r.URL.User != nil:
		return errors.New("openid: the address holds a user, whose credentials the access token would meet")
	case r.URL.Opaque != "":
		// It goes out as it stands, in the place of host and path, and a proof would speak of another address.
		return errors.New("openid: the address is opaque: scheme, host and path must stand in their own fields")
	case r.Response != nil:
		return errors.New("openid: an access token is not sent where a redirect leads")
	case r.Host != "" && originOf(&url.URL{Scheme: r.URL.Scheme, Host: r.Host}) != originOf(r.URL):
		// Many hosts live at one address, and Host says which of them reads the token.
		return fmt.Errorf("openid: the request's Host is %s, and its address names %s", quoted(r.Host), quoted(r.URL.Host))
	}
	for name := range r.Header { // in whatever case: all of them would be sent
		if strings.EqualFold(name, "Authorization") || strings.EqualFold(name, "DPoP") {
			return errors.New("openid: the request has an Authorization or DPoP header of its own")
		}
	}
	return nil
}

// attempt sends a copy of r, which stays as it is.
func (b *bearer) attempt(r *http.Request, body io.ReadCloser) (*http.Response, error) {
	access := b.tokens.AccessToken.Reveal()
	sent := r.Clone(r.Context())
	if sent.Header == nil {
		sent.Header = http.Header{}
	}
	sent.Body = body
	sent.Header["Authorization"] = []string{b.tokens.scheme() + access}
	if b.key != nil {
		method := r.Method
		if method == "" {
			method = http.MethodGet
		}
		if err := b.c.prove(sent.Header, b.key, dpop.ResourceServer, method, r.URL, access); err != nil {
			if body != nil {
				body.Close()
			}
			return nil, err
		}
	}
	if b.c.cfg.Trace == nil {
		return b.c.resources.RoundTrip(sent)
	}
	e := Event{Kind: EventExchange, Name: "resource", Start: time.Now(), Got: sent.Method + " " + r.URL.Scheme + "://" + r.URL.Host + r.URL.EscapedPath()}
	res, err := b.c.resources.RoundTrip(sent)
	e.Duration = time.Since(e.Start)
	if e.Err = err; err == nil {
		e.Got += ": " + res.Status
	}
	b.c.report(b.c.newFlow(r.Context()), e)
	return res, err
}
