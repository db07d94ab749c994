package login

import (
	"errors"
	"net/http"

	"github.com/openid-client/openid"
)

// Kinds of [Failure], by what the user can do about it.
const (
	FailureDenied      = "denied"      // the user, or the provider for them, said no
	FailureRefused     = "refused"     // the application said no: OnLogin
	FailureCredentials = "credentials" // [Handler.SignIn]: they are wrong
	FailureExpired     = "expired"     // the login took too long, was answered before, or belongs to another browser or another session
	FailureCookies     = "cookies"     // the browser sent none with the answer to a login: it keeps none, or another one started it
	FailureUnmet       = "unmet"       // the provider did not give what With asked for
	FailureProvider    = "provider"    // no usable answer from the provider
	FailureServer      = "server"      // the provider refused: it or the application is not set up right
	FailureInvalid     = "invalid"     // the provider's answer fails a check
	FailureStore       = "store"       // the store, or the application's own, cannot be asked
	FailureRequest     = "request"     // the request itself is wrong, or names a provider that does not exist
	FailureInternal    = "internal"    // the application is not set up right
)

// A Failure is a login, or a request behind it, that did not succeed.
type Failure struct {
	Kind   string
	Status int
	Err    error
	// Text explains it to the user; it has nothing from outside in it but the text of a [Refusal].
	Text string
	// Retry is the address that tries again; empty when that is no use.
	Retry string

	retry string
	login bool // it ended a login
}

// storeError: nobody knows whose request it is, or it cannot be kept.
type storeError struct {
	what string
	err  error
}

func (e *storeError) Error() string { return "login: " + e.what + ": " + e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

// kept marks an error as one of the store's.
func kept(err error) error {
	if err == nil {
		return nil
	}
	return &storeError{"the session cannot be kept", err}
}

// applicationError is what Config.OnLogin said.
type applicationError struct{ err error }

func (e *applicationError) Error() string { return "login: Config.OnLogin: " + e.err.Error() }
func (e *applicationError) Unwrap() error { return e.err }

var explanations = map[string]struct {
	status int
	retry  bool
	text   string
}{
	FailureDenied:      {http.StatusForbidden, true, "The login was cancelled, or not allowed. You can try again."},
	FailureRefused:     {http.StatusForbidden, true, "You are not allowed to use this application with that account."},
	FailureCredentials: {http.StatusForbidden, true, "That did not fit. Please try again."},
	FailureExpired:     {http.StatusBadRequest, true, "This login took too long, was finished before, or was started in another browser. You can start again."},
	FailureCookies:     {http.StatusBadRequest, true, "A login needs cookies, and this browser sent none: it may not keep any, or the login was started long ago or in another browser. Allow cookies for this site, then try again."},
	FailureUnmet:       {http.StatusForbidden, false, "This page needs a stronger login or a further permission, and the login service did not give it."},
	FailureProvider:    {http.StatusBadGateway, true, "The login service does not answer at the moment. Please try again in a while."},
	FailureServer:      {http.StatusBadGateway, true, "The login service refused this login. Please try again, or tell those who run this application."},
	FailureInvalid:     {http.StatusBadGateway, true, "The answer of the login service could not be verified, so it was not accepted. Please try again."},
	FailureStore:       {http.StatusServiceUnavailable, false, "We cannot find out at the moment whether you are signed in. Please try again in a while."},
	FailureRequest:     {http.StatusBadRequest, false, "This request cannot be answered."},
	FailureInternal:    {http.StatusInternalServerError, false, "Something is wrong with this application. Please tell those who run it."},
}

// unmetRequirements is a provider that says itself that it cannot do better (OpenID Connect Core Error Code unmet_authentication_requirements 1.0).
const unmetRequirements openid.Code = "unmet_authentication_requirements"

// kindOf tells who said no.
func kindOf(err error) string {
	var refused *openid.ResponseError
	var invalid *openid.VerificationError
	var failed *openid.ExchangeError
	var away *openid.StoreError
	var unsaved *openid.UnsavedError
	var ours *storeError
	switch {
	case errors.As(err, new(Refusal)), errors.Is(err, ErrNoAccount):
		return FailureRefused
	case errors.Is(err, ErrNoProvider):
		return FailureRequest
	case errors.Is(err, errEnded), errors.Is(err, errOther):
		return FailureExpired
	case errors.As(err, &ours), errors.As(err, &away), errors.As(err, &unsaved):
		return FailureStore
	case errors.Is(err, errSwap), errors.Is(err, openid.ErrAccessDenied), errors.Is(err, openid.ErrLoginRequired), errors.Is(err, openid.ErrInteractionRequired),
		errors.Is(err, openid.ErrConsentRequired), errors.Is(err, openid.ErrAccountSelectionRequired): // the last four: prompt "none"
		return FailureDenied
	case errors.Is(err, errUnmet), errors.Is(err, unmetRequirements):
		return FailureUnmet
	case errors.As(err, &invalid) && invalid.Document == "authorization response" && invalid.Check == "replay" && invalid.Err != nil:
		return FailureStore
	case errors.As(err, &failed), errors.Is(err, openid.ErrTemporarilyUnavailable), errors.As(err, &refused) && refused.Status >= 500:
		return FailureProvider
	case errors.As(err, &invalid) && invalid.Document == "authorization response" &&
		(invalid.Check == "state" || invalid.Check == "age" || invalid.Check == "replay"):
		return FailureExpired
	case errors.As(err, &invalid):
		return FailureInvalid
	case errors.As(err, &refused):
		return FailureServer
	}
	return FailureInternal
}

// fail answers a request that did not succeed.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, f *Failure) {
	private(w.Header())
	if f.Kind == "" {
		f.Kind = kindOf(f.Err)
	}
	e := explanations[f.Kind]
	if f.Status == 0 {
		f.Status = e.status
	}
	f.Text = e.text
	var refusal Refusal
	if errors.As(f.Err, &refusal) {
		f.Text = string(refusal)
	}
	if e.retry {
		f.Retry = f.retry
	}
	if f.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	h.report(r, f.Err)
	if h.cfg.OnFailure != nil {
		h.cfg.OnFailure(w, r, f)
		return
	}
	if h.cfg.FailurePage != "" && f.login && wantsHTML(r) {
		err := h.goWithNotice(w, f)
		if err == nil {
			return
		}
		h.report(r, err)
	}
	h.showFailure(w, r, f)
}

func (c *core) report(r *http.Request, err error) {
	if c.cfg.Report != nil && err != nil {
		c.cfg.Report(r, err)
	}
}
