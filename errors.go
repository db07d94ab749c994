package openid

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/openid-client/openid/internal/endpoint"
)

// A Code is an error code of the protocol's registries, as a constant error that nobody can reassign:
//
//	if errors.Is(err, openid.ErrInvalidGrant) { /* log in again */ }
//
// Codes that stand in no registry compare as well: errors.Is(err, openid.Code("vendor_code")).
type Code string

// Error returns the code itself.
func (c Code) Error() string { return string(c) }

// The error codes of RFC 6749 (sections 4.1.2.1 and 5.2), RFC 6750 (section 3.1) and OpenID Connect Core (section 3.1.2.6).
const (
	ErrInvalidRequest              Code = "invalid_request"
	ErrInvalidClient               Code = "invalid_client"
	ErrInvalidGrant                Code = "invalid_grant"
	ErrUnauthorizedClient          Code = "unauthorized_client"
	ErrUnsupportedGrantType        Code = "unsupported_grant_type"
	ErrUnsupportedResponseType     Code = "unsupported_response_type"
	ErrInvalidScope                Code = "invalid_scope"
	ErrAccessDenied                Code = "access_denied"
	ErrServerError                 Code = "server_error"
	ErrTemporarilyUnavailable      Code = "temporarily_unavailable"
	ErrInvalidToken                Code = "invalid_token"
	ErrInsufficientScope           Code = "insufficient_scope"
	ErrInteractionRequired         Code = "interaction_required"
	ErrLoginRequired               Code = "login_required"
	ErrAccountSelectionRequired    Code = "account_selection_required"
	ErrConsentRequired             Code = "consent_required"
	ErrInvalidRequestURI           Code = "invalid_request_uri"
	ErrInvalidRequestObject        Code = "invalid_request_object"
	ErrRequestNotSupported         Code = "request_not_supported"
	ErrRequestURINotSupported      Code = "request_uri_not_supported"
	ErrRegistrationNotSupported    Code = "registration_not_supported"
	ErrInvalidTarget               Code = "invalid_target"                // RFC 8707 section 2
	ErrInvalidDetails              Code = "invalid_authorization_details" // RFC 9396 section 5
	ErrInvalidDPoPProof            Code = "invalid_dpop_proof"            // RFC 9449 section 5
	ErrUseDPoPNonce                Code = "use_dpop_nonce"                // RFC 9449 section 8
	ErrAuthorizationPending        Code = "authorization_pending"         // RFC 8628 section 3.5, CIBA section 11
	ErrSlowDown                    Code = "slow_down"
	ErrExpiredToken                Code = "expired_token"
	ErrUnsupportedTokenType        Code = "unsupported_token_type" // RFC 7009 section 2.2.1
	ErrInactive                    Code = "inactive"               // of no registry: what [Client.Introspect] says of a token that is not active
	ErrUnknownUserID               Code = "unknown_user_id"        // CIBA section 13
	ErrExpiredLoginHintToken       Code = "expired_login_hint_token"
	ErrMissingUserCode             Code = "missing_user_code"
	ErrInvalidUserCode             Code = "invalid_user_code"
	ErrInvalidBindingMessage       Code = "invalid_binding_message"
	ErrInvalidRedirectURI          Code = "invalid_redirect_uri" // RFC 7591 section 3.2.2
	ErrInvalidClientMetadata       Code = "invalid_client_metadata"
	ErrInvalidSoftwareStatement    Code = "invalid_software_statement"
	ErrUnapprovedSoftwareStatement Code = "unapproved_software_statement"
)

// A ResponseError says that they refused: the server answered, and its answer is an error (RFC 6749 sections 4.1.2.1 and 5.2). The
// texts are the server's own, cut and escaped; never show them to a browser as HTML.
type ResponseError struct {
	Endpoint    string // "authorization", "token", "userinfo", …
	Code        Code   // empty when the server gave only a status
	Description string // error_description
	URI         string // error_uri
	Status      int    // HTTP status; 0 for an authorization response, which the browser brought
	// Challenges are those of WWW-Authenticate (RFC 9110 section 11.6.1). Code is the body's where both name one.
	Challenges []Challenge
	// RetryAfter is how long the server asks to be left alone (RFC 9110 section 10.2.3); 0 when it does not say.
	RetryAfter time.Duration
}

// Error names the endpoint, the code and the server's own words.
func (e *ResponseError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "openid: %s endpoint refused", e.Endpoint)
	if e.Code != "" {
		fmt.Fprintf(&b, ": %s", printable(string(e.Code), 64))
	}
	if e.Description != "" {
		fmt.Fprintf(&b, ": %s", printable(e.Description, 200))
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, " (status %d)", e.Status)
	}
	return b.String()
}

// Is reports whether target is this error's [Code].
func (e *ResponseError) Is(target error) bool {
	c, ok := target.(Code)
	return ok && c != "" && c == e.Code
}

// A VerificationError says that we refused: something came that fails a check. Nothing of what was checked is handed on.
type VerificationError struct {
	Document string // what was judged: "ID Token", "authorization response", "server metadata", …
	Check    string // the row that failed, usually the name of the claim or parameter
	Expected string
	Got      string // cut and escaped; never a token, a secret or a nonce
	Spec     string // where the rule stands
	Err      error  // what lies beneath, such as the *ExchangeError of an unreachable key server; usually nil
}

// Error names the document, the check, both sides of it and the rule.
func (e *VerificationError) Error() string {
	s := fmt.Sprintf("openid: %s: %s: expected %s, got %s", e.Document, e.Check, e.Expected, e.Got)
	if e.Spec != "" {
		s += " (" + e.Spec + ")"
	}
	if e.Err != nil {
		s += ": " + beneath(e.Err)
	}
	return s
}

// beneath is the text of an error inside another, which has said already whose it is.
func beneath(err error) string { return strings.ReplaceAll(err.Error(), "openid: ", "") }

// Unwrap returns Err.
func (e *VerificationError) Unwrap() error { return e.Err }

// An ExchangeError says that no usable answer came: the server could not be reached, did not answer in time, redirected, answered
// with a page where JSON was expected, or with too much. When Sent is true the request may have been processed, so the outcome of a
// POST is unknown.
type ExchangeError struct {
	Endpoint string
	Sent     bool
	Status   int    // 0 without an answer
	Expected string // empty when nothing came at all
	Got      string
	Err      error
	// RetryAfter is how long the server asks to be left alone (RFC 9110 section 10.2.3); 0 when it does not say.
	RetryAfter time.Duration
}

// Error names the endpoint, what was expected and what came.
func (e *ExchangeError) Error() string {
	s := "openid: " + e.Endpoint + " endpoint gave no usable answer"
	if e.Expected != "" {
		s += ": expected " + e.Expected + ", got " + e.Got
	}
	if e.Err != nil {
		s += ": " + beneath(e.Err)
	}
	if e.Status != 0 {
		s += " (status " + strconv.Itoa(e.Status) + ")"
	}
	return s
}

// Unwrap returns the cause, so that errors.Is(err, context.DeadlineExceeded) works.
func (e *ExchangeError) Unwrap() error { return e.Err }

func exchangeError(name string, err error, sent func() []string) error {
	var e *endpoint.Error
	if errors.As(err, &e) {
		return &ExchangeError{Endpoint: name, Sent: e.Sent, Status: e.Status, Expected: e.Expected, Got: withheld(e.Got, sent()), Err: e.Err}
	}
	return &ExchangeError{Endpoint: name, Err: err}
}

// A LoginRequiredError says that a [TokenSource] has no good tokens and no way to any without the user: there never were some, they have
// expired, or the server does not accept their refresh token any more. It matches [ErrLoginRequired].
type LoginRequiredError struct {
	Err error // the server's refusal; nil: there was nothing to ask it with
	// Unsure: an earlier use of the refresh token never got its answer, so the server may have taken this one for a theft (RFC 9700 section
	// 4.14.2).
	Unsure bool
}

// Error says why, and what to do.
func (e *LoginRequiredError) Error() string {
	s := "openid: the user has to log in again"
	switch {
	case e.Unsure:
		s += " (the answer to an earlier refresh was lost)"
	case e.Err == nil:
		s += ": there are no tokens that are still good, and no refresh token"
	}
	if e.Err != nil {
		s += ": " + beneath(e.Err)
	}
	return s
}

// Unwrap returns Err.
func (e *LoginRequiredError) Unwrap() error { return e.Err }

// Is reports whether target is [ErrLoginRequired].
func (e *LoginRequiredError) Is(target error) bool { return target == ErrLoginRequired }

// A StoreError says that [Config.Store] failed, so that nothing was asked of the server. Err is one of package store's constants, such as
// [store.ErrFull], or what the backend met.
type StoreError struct{ Err error }

// Error says what the store said.
func (e *StoreError) Error() string { return "openid: Config.Store: " + beneath(e.Err) }

// Unwrap returns Err.
func (e *StoreError) Unwrap() error { return e.Err }

// An UnsavedError says that the server answered and that [Config.Store] did not take it: Tokens are what came, and maybe the only copy. The
// [TokenSource] goes on using them, unless Err is [store.ErrLost]: then somebody has replaced or removed them meanwhile, and they had better
// be revoked. Printing it shows no token.
type UnsavedError struct {
	Tokens *Tokens
	Err    error
}

// Error says what the store said.
func (e *UnsavedError) Error() string { return "openid: the tokens are not saved: " + beneath(e.Err) }

// Unwrap returns Err.
func (e *UnsavedError) Unwrap() error { return e.Err }

// maxRetryAfter is an hour: who has to wait longer had better ask somebody.
const maxRetryAfter = time.Hour

// retryAfter reads Retry-After, in seconds or as a date beside the server's own clock; nonsense and the past count as nothing.
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if n, err := strconv.ParseInt(v, 10, 32); err == nil {
		return min(max(time.Duration(n)*time.Second, 0), maxRetryAfter)
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}

// withheld blanks out what was sent in confidence, which some servers repeat in what they answer.
func withheld(s string, sent []string) string {
	for _, secret := range sent {
		if len(secret) < 8 {
			continue // too short to be told from other text
		}
		s = strings.ReplaceAll(s, secret, redacted)
		s = strings.ReplaceAll(s, url.QueryEscape(secret), redacted)
	}
	return s
}

// quoted makes what came from outside fit for a message: cut, escaped, in quotes.
func quoted(s string) string { return strconv.QuoteToASCII(cut(s, 80)) }

// printable makes a server's own words fit for a message or a log line: cut, and no control characters.
func printable(s string, limit int) string {
	q := strconv.Quote(cut(s, limit))
	return q[1 : len(q)-1]
}

func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + "…"
}

// grantError says which part of a grant, in the caller's own code, failed.
type grantError struct {
	what string
	err  error
}

func (e *grantError) Error() string { return "openid: " + e.what + ": " + beneath(e.err) }
func (e *grantError) Unwrap() error { return e.err }

// A ConfigError is one mistake of a [Config]; [New] reports all of them at once, joined.
type ConfigError struct {
	Field, Expected, Got string
	Spec                 string // the clause of [Config].Profile that refuses; empty for a mistake under any profile
}

// Error names the field, both sides of the mistake and the clause.
func (e *ConfigError) Error() string {
	s := "openid: Config." + e.Field + ": expected " + e.Expected + ", got " + e.Got
	if e.Spec != "" {
		s += " (" + e.Spec + ")"
	}
	return s
}
