package openid

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// An AuthorizationRequest says what to ask the user's consent for (RFC 6749 section 4.1.1, OpenID Connect Core 1.0 section 3.1.2.1).
type AuthorizationRequest struct {
	// Scope, for example "openid", "profile", "offline_access". With "openid" this is a login and the callback brings a verified ID
	// Token; without it, it is plain OAuth and brings an access token only.
	Scope []string
	// RedirectURI replaces [Config].RedirectURI.
	RedirectURI string
	// ResponseMode is "" or "query", or "form_post": the browser then brings the response in a POST, for which the cookie that holds the
	// transaction needs SameSite=None (OAuth 2.0 Form Post Response Mode).
	ResponseMode string
	// AppState comes back in [Tokens].AppState: where the user wanted to go, say. It is sealed in the transaction and never leaves for the
	// server; what it was made from is still the caller's to check, before a browser is sent to an address that came from outside. At most
	// 1 KiB of UTF-8.
	AppState string
	// MaxAge asks for a login that is no older; zero asks for a new one. The ID Token's auth_time is checked against it.
	MaxAge *time.Duration
	// Extra parameters, such as prompt or login_hint. They cannot replace what the fields above and the client say.
	Extra url.Values
}

const maxAppState = 1 << 10

// ownParameters are set by this package alone.
var ownParameters = []string{"client_id", "code_challenge", "code_challenge_method", "max_age", "nonce", "redirect_uri", "request",
	"request_uri", "response_mode", "response_type", "scope", "state"}

// Authorize starts a login: it returns the URL to send the browser to and the transaction to keep until the callback. State, nonce and
// PKCE (S256, RFC 7636) are always used.
//
// Errors: a mistake in r; the server's metadata could not be had (*[ExchangeError]) or does not fit (*[VerificationError]).
func (c *Client) Authorize(ctx context.Context, r AuthorizationRequest) (string, Transaction, error) {
	t := &transaction{
		purpose:      "login",
		flow:         random()[:12],
		state:        random(),
		redirectURI:  cmp.Or(r.RedirectURI, c.cfg.RedirectURI),
		responseMode: cmp.Or(r.ResponseMode, "query"),
		scope:        strings.Join(r.Scope, " "),
		appState:     r.AppState,
		created:      time.Now(),
	}
	if err := r.mistake(t); err != nil {
		return "", "", err
	}
	ctx = c.withFlow(ctx, t.flow)
	s, err := c.current(ctx)
	if err != nil {
		return "", "", err
	}
	endpoint, err := s.url(authorizationEndpoint)
	if err != nil {
		return "", "", err
	}

	// RFC 6749 section 3.1: the endpoint's own query is kept.
	q := endpoint.Query()
	for name, values := range r.Extra {
		q[name] = values
	}
	q.Set("response_type", "code")
	q.Set("client_id", c.cfg.ClientID)
	q.Set("redirect_uri", t.redirectURI)
	q.Set("state", t.state)
	if t.scope != "" {
		q.Set("scope", t.scope)
	}
	if slices.Contains(r.Scope, "openid") {
		t.nonce = random()
		q.Set("nonce", t.nonce)
	}
	if t.responseMode != "query" {
		q.Set("response_mode", t.responseMode)
	}
	if r.MaxAge != nil {
		t.maxAge = strconv.FormatInt(int64(*r.MaxAge/time.Second), 10)
		q.Set("max_age", t.maxAge)
	}
	if pkce, err := c.pkce(ctx, s.meta); err != nil {
		return "", "", err
	} else if pkce {
		t.verifier = random()
		sum := sha256.Sum256([]byte(t.verifier))
		q.Set("code_challenge", base64.RawURLEncoding.EncodeToString(sum[:]))
		q.Set("code_challenge_method", "S256")
	}
	tx, err := c.sealTransaction(t)
	if err != nil {
		return "", "", err
	}
	u := *endpoint
	u.RawQuery = q.Encode()
	return u.String(), tx, nil
}

func (r *AuthorizationRequest) mistake(t *transaction) error {
	for _, s := range r.Scope {
		if s == "" || strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '"' || c == '\\' }) {
			return fmt.Errorf("openid: AuthorizationRequest.Scope: %s is not one scope (RFC 6749 §3.3)", quoted(s))
		}
	}
	if t.redirectURI == "" {
		return fmt.Errorf("openid: neither Config.RedirectURI nor AuthorizationRequest.RedirectURI is set")
	}
	if expected := badRedirectURI(t.redirectURI); expected != "" {
		return fmt.Errorf("openid: AuthorizationRequest.RedirectURI: expected %s, got %s", expected, quoted(t.redirectURI))
	}
	if t.responseMode != "query" && t.responseMode != "form_post" {
		return fmt.Errorf("openid: AuthorizationRequest.ResponseMode: expected query or form_post, got %s", quoted(t.responseMode))
	}
	if len(r.AppState) > maxAppState || !utf8.ValidString(r.AppState) {
		return fmt.Errorf("openid: AuthorizationRequest.AppState: expected at most %d bytes of UTF-8, got %d bytes", maxAppState, len(r.AppState))
	}
	if r.MaxAge != nil && *r.MaxAge < 0 {
		return fmt.Errorf("openid: AuthorizationRequest.MaxAge: expected 0 or more, got %v", *r.MaxAge)
	}
	for name := range r.Extra {
		if slices.Contains(ownParameters, name) {
			return fmt.Errorf("openid: AuthorizationRequest.Extra: %s is set by this package and cannot be replaced", name)
		}
	}
	return nil
}

// pkceSupport is what the server says of PKCE, under judgement.
type pkceSupport struct {
	c       *Client
	methods []string
}

func (*pkceSupport) kind() string { return "server metadata" }
func (*pkceSupport) cause() error { return nil }

func (d *pkceSupport) s256() bool { return len(d.methods) == 0 || slices.Contains(d.methods, "S256") }

var pkceChecks = []check[*pkceSupport]{
	{"code_challenge_methods_supported", "RFC 9700 §2.1.1, RFC 7636 §4.2",
		func(_ context.Context, d *pkceSupport) bool { return d.s256() || d.c.cfg.InsecureAllowNoPKCE },
		func(d *pkceSupport) (string, string) {
			if len(d.methods) == 0 {
				return "S256, or nothing", "nothing"
			}
			return "S256, or nothing", quoted(strings.Join(d.methods, " "))
		}},
}

// pkce reports whether a code challenge is sent. A server that does not say what it supports gets one: who does not know the parameter
// ignores it.
func (c *Client) pkce(ctx context.Context, m *ServerMetadata) (bool, error) {
	d := &pkceSupport{c, m.CodeChallengeMethodsSupported}
	return d.s256(), judge(ctx, c, c.rows.pkce, d)
}
