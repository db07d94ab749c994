package openid

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"time"

	"github.com/openid-client/openid/internal/strict"
)

const (
	defaultInterval = 5 * time.Second // RFC 8628 section 3.2, CIBA section 7.3
	maxInterval     = 10 * time.Minute
	slowDown        = 5 * time.Second // RFC 8628 section 3.5, CIBA section 11
	// maxBackoff bounds the pauses while the server cannot be reached.
	maxBackoff = time.Minute
	// A pause is slept in pieces, since a timer stands still while the machine sleeps and the user's time does not.
	nap = 5 * time.Second
)

// A poll asks the token endpoint until the user has decided elsewhere (RFC 8628 section 3.4, CIBA section 10.1).
type poll struct {
	document string // what the user decides about, for errors
	spec     string
	form     url.Values
	interval time.Duration
	expires  time.Time       // by the wall clock
	ping     <-chan struct{} // says when asking is worth while; nil: nobody does
	expect   expectation

	trouble error // why the last question got no answer
}

// wait asks until there are tokens, a refusal, no time left or no caller.
func (p *poll) wait(ctx context.Context, c *Client) (*Tokens, error) {
	// The first question may be asked at once, says the RFC; nobody has decided by then.
	pause := p.interval
	for {
		if err := p.sleep(ctx, c, pause); err != nil {
			return nil, err
		}
		s, err := c.current(ctx)
		if err != nil {
			return nil, err
		}
		t, err := c.requestTokens(ctx, s, maps.Clone(p.form), p.expect) // the client's authentication adds to it
		if err == nil || ctx.Err() != nil {
			return t, err
		}
		var refused *ResponseError
		var failed *ExchangeError
		switch {
		case errors.Is(err, ErrAuthorizationPending):
			p.trouble, pause = nil, p.interval
		case errors.Is(err, ErrSlowDown):
			p.interval += slowDown // for good, and by all of it: expires_in is the bound
			p.trouble, pause = nil, p.interval
		case isTransient(err):
			// RFC 8628 section 3.5: ask less often when the network or the server has trouble.
			p.trouble, pause = err, max(p.interval, min(2*pause, maxBackoff))
		default:
			return nil, err
		}
		if errors.As(err, &refused) {
			pause = max(pause, refused.RetryAfter)
		} else if errors.As(err, &failed) {
			pause = max(pause, failed.RetryAfter)
		}
	}
}

// isTransient: no answer came, or one that speaks of the server's state and not of the request.
func isTransient(err error) bool {
	var refused *ResponseError
	if errors.As(err, &refused) {
		return refused.Status == http.StatusTooManyRequests || refused.Status >= 500
	}
	var judged *VerificationError
	var failed *ExchangeError
	return !errors.As(err, &judged) && errors.As(err, &failed) && (failed.Status == 0 || failed.Status >= 500)
}

// sleep ends early when a ping comes or the caller goes, and as soon as the time to decide is over, also when that was slept through.
func (p *poll) sleep(ctx context.Context, c *Client, pause time.Duration) error {
	for {
		if now := c.wallClock(); !now.Before(p.expires) {
			return p.expired(now)
		}
		if pause <= 0 {
			return nil
		}
		piece := min(pause, nap)
		timer := time.NewTimer(piece)
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("openid: waiting for the user: %w", ctx.Err())
		case <-p.ping:
			timer.Stop()
			return nil
		case <-timer.C:
			pause -= piece
		}
	}
}

func (p *poll) expired(now time.Time) error {
	err := error(ErrExpiredToken)
	if p.trouble != nil {
		err = fmt.Errorf("%w; the last question: %w", err, p.trouble)
	}
	return &VerificationError{Document: p.document, Check: "expires_in", Expected: "a decision before " + p.expires.UTC().Format(time.RFC3339),
		Got: "none by " + now.UTC().Format(time.RFC3339), Spec: p.spec, Err: err}
}

// wallClock is the time without the monotonic reading, which stands still while the machine sleeps.
func (c *Client) wallClock() time.Time { return c.now().Round(0) }

// A waiting is the answer that begins a wait, as far as those of RFC 8628 section 3.2 and CIBA section 7.3 are alike.
type waiting struct{ expiresIn, interval strict.Value }

func (w *waiting) lifetime() (time.Duration, bool) {
	n, ok := seconds(w.expiresIn)
	return time.Duration(n) * time.Second, ok && n > 0
}

func (w *waiting) pace() (time.Duration, bool) {
	if w.interval == nil {
		return defaultInterval, true
	}
	n, ok := seconds(w.interval)
	return time.Duration(n) * time.Second, ok && n > 0 && time.Duration(n) <= maxInterval/time.Second
}
