package openid

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/openid-client/openid/store"
)

// HTTPClient returns an HTTP client that presents this source's access token, always a fresh one, to the given origins, such as
// "https://api.example.com", and refuses to send anything elsewhere. A token that is refused with status 401 although it looked good is
// replaced, and the request is sent once more if its body can be (http.Request.GetBody). It follows no redirect and has no timeout: the
// requests' contexts are the limit.
func (s *TokenSource) HTTPClient(origin string, more ...string) *http.Client {
	return &http.Client{Transport: s.Transport(origin, more...), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Transport is [TokenSource.HTTPClient] for those who have an HTTP client of their own. A mistake in the arguments is an error of each
// request.
func (s *TokenSource) Transport(origin string, more ...string) http.RoundTripper {
	t := &sourceTransport{s: s, allowed: bearer{c: s.c}}
	t.allowed.allow(origin, more...)
	return t
}

type sourceTransport struct {
	s       *TokenSource
	allowed bearer
}

func (t *sourceTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	err := t.allowed.refuses(r)
	var k *keptTokens
	if err == nil {
		k, err = t.presentable(t.s.current(r.Context()))
	}
	if err != nil {
		closeBody(r)
		return nil, err
	}
	res, err := t.with(k).send(r, r.Body)
	if err != nil || !rejects(res, k) {
		return res, err
	}
	newer, err := t.presentable(t.s.obtain(r.Context(), k))
	if err != nil {
		return res, nil // the refusal says more than what became of it; observers hear the rest
	}
	body, ok := replayed(r)
	if !ok {
		return res, nil // the next request has the new token
	}
	discard(res)
	return t.with(newer).send(r, body)
}

// presentable are tokens to show. What the store could not save is good to use all the same, unless somebody has replaced or removed it.
func (t *sourceTransport) presentable(k *keptTokens, err error) (*keptTokens, error) {
	var unsaved *UnsavedError
	if errors.As(err, &unsaved) && !errors.Is(err, store.ErrLost) {
		k, err = t.s.keep(unsaved.Tokens, time.Now())
	}
	if err != nil {
		return nil, err
	}
	return k, presentable(k.tokens)
}

func (t *sourceTransport) with(k *keptTokens) *bearer {
	return &bearer{c: t.s.c, tokens: k.tokens, key: k.key, origins: t.allowed.origins}
}

// minRejectedAge is how old a token is at least before a resource is believed that it is no good: one that refuses all tokens must not make
// this client fetch one after the other.
// That is a sixtieth of the lifetime, within these limits.
const (
	minRejectedAge = 5 * time.Second
	maxRejectedAge = time.Minute
)

// rejects: the token, and not something else about the request, is refused (RFC 6750 section 3.1).
func rejects(res *http.Response, k *keptTokens) bool {
	lifetime := k.tokens.Expiry.Sub(k.obtained) // below zero where the server does not say
	age := time.Since(k.obtained)
	if age < 0 { // by another machine's clock; this one knows since when it has them
		age = time.Since(k.since)
	}
	if res.StatusCode != http.StatusUnauthorized || age < min(max(minRejectedAge, lifetime/60), maxRejectedAge) {
		return false
	}
	for _, c := range Challenges(res.Header) {
		if code := c.Code(); code != "" && code != ErrInvalidToken {
			return false
		}
	}
	return true
}

// replayed is the request's body once more.
func replayed(r *http.Request) (io.ReadCloser, bool) {
	if r.Body == nil || r.Body == http.NoBody {
		return r.Body, true
	}
	if r.GetBody == nil {
		return nil, false
	}
	body, err := r.GetBody()
	return body, err == nil
}

// discard reads a little of an unwanted answer, so that its connection can be used again.
func discard(res *http.Response) {
	io.CopyN(io.Discard, res.Body, maxDiscard)
	res.Body.Close()
}

func closeBody(r *http.Request) {
	if r != nil && r.Body != nil {
		r.Body.Close()
	}
}
