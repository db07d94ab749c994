package login

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/openid-client/openid"
)

// A Strategy is a way to find out who makes a request. A [Handler] is one (the session of a browser, otherwise a login at a provider), [Bearer]
// and [Basic] are others, and an application may have its own. [Protect] makes middleware of it, [FirstOf] tries several, and
// [Handler.SignIn] begins a session with it.
//
// Authenticate may set headers and cookies, and writes no body. An error says that it cannot be found out at the moment: the request gets a 503
// and goes no further, whatever other strategies there are.
type Strategy interface {
	Authenticate(w http.ResponseWriter, r *http.Request) (Outcome, error)
}

// An Outcome is what a [Strategy] came to: [Success], [Fail], [Redirect] or [Pass]. The zero Outcome is a failure.
type Outcome struct {
	kind      outcome
	user      *User
	st        *state // of a session
	status    int
	challenge string
	location  string
}

type outcome int

const (
	failed outcome = iota
	succeeded
	redirected
	passed
)

// String says what it came to, and shows neither where a redirect leads, which may hold a state or an ID Token, nor who it is.
func (o Outcome) String() string {
	return [...]string{failed: "failed", succeeded: "succeeded", redirected: "redirected", passed: "passed"}[o.kind]
}

// Format writes what String says, for every verb.
func (o Outcome) Format(f fmt.State, _ rune) { fmt.Fprint(f, o.String()) }

// Success says who it is. An Identity without an issuer or a subject is a failure: it would be nobody in particular.
func Success(id Identity) Outcome {
	if id.Issuer == "" || id.Subject == "" {
		return Outcome{}
	}
	return Outcome{kind: succeeded, user: &User{s: id.session(time.Now()), info: id.Info}}
}

// Fail says that these credentials are not accepted, or that there are none: with a status, 401 when zero, and a challenge that tells the client
// how to do better (RFC 9110 section 11.6.1); empty for none.
func Fail(status int, challenge string) Outcome { return Outcome{status: status, challenge: challenge} }

// Redirect sends the browser elsewhere, to prove who it is there.
func Redirect(location string) Outcome { return Outcome{kind: redirected, location: location} }

// Pass lets the request through although nobody knows whose it is.
func Pass() Outcome { return Outcome{kind: passed} }

// An Identity is who somebody is according to a strategy.
type Identity struct {
	// Issuer says whose word it is: an issuer identifier, or a URL of the application's own. Subject is unique there and never reassigned.
	Issuer, Subject string
	AuthTime        time.Time // when they proved it; now when zero
	ACR             string
	Scope           []string
	Info            any // for the handler, in [User.Info]; it is not kept in a session
}

// ownProvider is the provider of those whom the application itself has vouched for. No provider can have that name.
const ownProvider = ":application"

func (id Identity) session(now time.Time) *session {
	s := &session{started: now, seen: now, signedIn: now, authTime: id.AuthTime, provider: ownProvider, issuer: id.Issuer, subject: id.Subject, acr: id.ACR,
		scope: strings.Join(id.Scope, " ")}
	if s.authTime.IsZero() {
		s.authTime = now
	}
	return s
}

// Authenticate implements [Strategy]: the session of this browser, if it has what [Handler.With] asks for, or else a login, for browsers, and a 401
// for all others.
func (h *Handler) Authenticate(w http.ResponseWriter, r *http.Request) (Outcome, error) {
	st, err := h.identify(w, r)
	if err != nil {
		return Outcome{}, err
	}
	switch s := st.session(); {
	case s.signed() && h.need.met(s, time.Now()):
		return Outcome{kind: succeeded, st: st}, nil
	case navigates(r) && st.unknown:
		return Fail(http.StatusForbidden, ""), nil
	case navigates(r):
		to, f := h.challengeURL(w, r, s)
		if f != nil {
			return Outcome{}, f.Err
		}
		return Redirect(to), nil
	default:
		return Fail(http.StatusUnauthorized, h.cookieChallenge(s)), nil
	}
}

// FirstOf asks the strategies in turn until one does not fail. When all do, their challenges are sent together, with the status of the first
// that has one of its own.
func FirstOf(strategies ...Strategy) Strategy { return firstOf(strategies) }

type firstOf []Strategy

func (list firstOf) Authenticate(w http.ResponseWriter, r *http.Request) (Outcome, error) {
	var all Outcome
	for _, s := range list {
		o, err := s.Authenticate(w, r)
		if err != nil || o.kind != failed {
			return o, err
		}
		if all.status == 0 {
			all.status = o.status
		}
		if o.challenge != "" {
			if all.challenge != "" {
				all.challenge += ", " // RFC 9110 section 11.6.1: a list
			}
			all.challenge += o.challenge
		}
	}
	return all, nil
}

// Protect lets the requests through that s succeeds with, and keeps nothing of them: for APIs, and for what has no session. Behind it [UserFrom] says who
// it is. report, which may be nil, hears of the errors of s.
func Protect(s Strategy, report func(*http.Request, error)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			o, err := s.Authenticate(w, r)
			switch {
			case err != nil:
				if report != nil {
					report(r, err)
				}
				private(w.Header())
				w.Header().Set("Retry-After", "5")
				writeProblem(w, http.StatusServiceUnavailable, [][2]string{{"type", "about:blank"}, {"title", http.StatusText(http.StatusServiceUnavailable)},
					{"detail", explanations[FailureStore].text}, {"error", FailureStore}}, "")
			case o.kind == passed:
				next.ServeHTTP(w, r)
			case o.kind == succeeded:
				w.Header().Set("Cache-Control", "no-store")
				next.ServeHTTP(w, with(r, o.state()))
			default:
				o.refuse(w)
			}
		})
	}
}

func (o *Outcome) state() *state {
	if o.st != nil {
		return o.st
	}
	return &state{core: o.user.core, s: o.user.s, user: o.user}
}

// refuse answers a request that did not succeed.
func (o *Outcome) refuse(w http.ResponseWriter) {
	private(w.Header())
	if o.kind == redirected {
		redirect(w, o.location)
		return
	}
	status := o.status
	if status < 400 || status > 599 {
		status = http.StatusUnauthorized
	}
	if o.challenge != "" {
		w.Header().Set("WWW-Authenticate", o.challenge)
	}
	writeProblem(w, status, [][2]string{{"type", "about:blank"}, {"title", http.StatusText(status)}}, "")
}

// ErrCredentials is what the Verify functions of [Bearer] and [Basic] return for credentials that are wrong. A refusal of package openid (a
// *[openid.VerificationError] of the token itself, [openid.ErrInactive]) means the same.
var ErrCredentials = errors.New("login: these credentials are not accepted")

// wrongCredentials tells "no" from "cannot say".
func wrongCredentials(err error) bool {
	var invalid *openid.VerificationError
	return errors.Is(err, ErrCredentials) || errors.Is(err, openid.ErrInactive) || errors.As(err, &invalid) && invalid.Err == nil && invalid.Document != "server metadata"
}

// quoteParameter is a quoted-string of a challenge (RFC 9110 section 5.6.4).
func quoteParameter(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f {
			return -1
		}
		return c
	}, s)
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
