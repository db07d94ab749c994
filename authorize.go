package openid

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
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
	// Resource names the APIs that the tokens are for, each an absolute URI without fragment (RFC 8707 section 2).
	Resource []string
	// AuthorizationDetails ask for more than a scope can say (RFC 9396 section 2). What was granted is in [Tokens].AuthorizationDetails.
	AuthorizationDetails []AuthorizationDetail
	// Claims asks for single claims (OpenID Connect Core 1.0 section 5.5).
	Claims *ClaimsRequest
	// Prompt lists "login", "consent", "select_account" or "create"; "none", alone, asks for an answer without any page.
	Prompt []string
	// ACRValues are the authentication classes wanted, the best first. The answer is in [IDToken.ACR], for the caller to compare.
	ACRValues []string
	// LoginHint tells the server who is about to log in, for example an email address.
	LoginHint string
	// IDTokenHint tells the server who is expected to be logged in already.
	IDTokenHint *IDToken
	// UILocales are the languages of the server's pages, the best first (RFC 5646).
	UILocales []string
	// Display is "page", "popup", "touch" or "wap".
	Display string
	// RedirectURI replaces [Config].RedirectURI.
	RedirectURI string
	// ResponseType is "" or "code"; "code id_token" (hybrid) or "id_token" (implicit), whose ID Token comes through the browser and needs
	// the scope openid; or one with "token", which needs [Config].InsecureAllowFrontChannelTokens (OAuth 2.0 Multiple Response Types).
	ResponseType string
	// ResponseMode is how the browser brings the response: "query", the default for a code; "form_post", the default for all else: a POST,
	// for which the cookie that holds the transaction needs SameSite=None; or "fragment", which no server sees, see
	// [Client.CallbackValues]. "jwt", "query.jwt", "form_post.jwt" and "fragment.jwt" have it signed (JARM section 2.3).
	ResponseMode string
	// AppState comes back in [Tokens].AppState: where the user wanted to go, say. It is sealed in the transaction and never leaves for the
	// server; what it was made from is still the caller's to check, before a browser is sent to an address that came from outside. At most
	// 1 KiB of UTF-8.
	AppState string
	// MaxAge asks for a login that is no older; zero asks for a new one. The ID Token's auth_time is checked against it. Without the scope
	// openid there is no ID Token, and the API alone can tell (RFC 9470 section 6).
	MaxAge *time.Duration
	// Push sends this request to the server first also where neither [Config].PushAuthorizationRequests nor the server demands that (RFC 9126):
	// one whose details the browser shall not see, or that is too long for an address.
	Push bool
	// RequestObject makes this request a signed JWT (RFC 9101), in place of what [Config].RequestObject says; nil: as that says. A profile judges
	// the one in Config, and allows no other.
	RequestObject RequestEncoding
	// Extra parameters of the server's own. They cannot replace what the fields above and the client say.
	Extra url.Values
	// TokenExtra are parameters of the token request that redeems the code, such as the one resource this access token is for.
	TokenExtra url.Values
}

const maxAppState = 1 << 10

// ownParameters are set by this package alone.
var ownParameters = []string{"client_assertion", "client_assertion_type", "client_id", "client_secret", "code_challenge", "code_challenge_method", "dpop_jkt", "max_age", "nonce", "redirect_uri", "request",
	"request_uri", "response_mode", "response_type", "scope", "state"}

// fieldParameters have a field of [AuthorizationRequest] and may stand in its Extra instead.
var fieldParameters = map[string]string{"resource": "Resource", "authorization_details": "AuthorizationDetails", "claims": "Claims", "prompt": "Prompt",
	"acr_values": "ACRValues", "login_hint": "LoginHint", "id_token_hint": "IDTokenHint", "ui_locales": "UILocales", "display": "Display"}

// ownTokenParameters are those of a token request.
var ownTokenParameters = []string{"grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "client_id", "client_secret", "client_assertion",
	"client_assertion_type"}

// Authorize starts a login: it returns the URL to send the browser to and the transaction to keep until the callback. State, nonce and
// PKCE (S256, RFC 7636) are always used. Where the server requires pushed authorization requests, or [Config].PushAuthorizationRequests
// says so, the parameters are sent to the server first and the URL only refers to them (RFC 9126).
//
// Errors: a mistake in r; the server's metadata could not be had or the request not be pushed (*[ExchangeError]), does not fit
// (*[VerificationError]), or the server refused it (*[ResponseError]).
func (c *Client) Authorize(ctx context.Context, r AuthorizationRequest) (string, Transaction, error) {
	t := &transaction{
		purpose:      "login",
		flow:         random()[:12],
		state:        random(),
		redirectURI:  cmp.Or(r.RedirectURI, c.cfg.RedirectURI),
		responseType: cmp.Or(r.ResponseType, "code"),
		responseMode: r.ResponseMode,
		scope:        strings.Join(r.Scope, " "),
		appState:     r.AppState,
		tokenExtra:   r.TokenExtra.Encode(),
		created:      time.Now(),
	}
	ctx = c.withFlow(ctx, t.flow)
	if c.cfg.Profile != nil {
		if err := c.cfg.Profile.login(ctx, c, t); err != nil {
			return "", "", err
		}
	}
	if err := c.mistake(&r, t); err != nil {
		return "", "", err
	}
	s, err := c.current(ctx)
	if err != nil {
		return "", "", err
	}
	endpoint, err := s.url(authorizationEndpoint)
	if err != nil {
		return "", "", err
	}
	d := &requestSupport{c: c, meta: s.meta, pushed: r.Push || c.cfg.PushAuthorizationRequests || s.meta.RequirePushedAuthorizationRequests}
	if d.object, err = c.encoding(&r); err != nil {
		return "", "", err
	}
	var key proofKey
	if c.cfg.DPoP.enabled() && t.code() {
		if key, err = c.cfg.DPoP.keys.fresh(); err != nil {
			return "", "", err
		}
		t.dpop, d.proofAlg = key.record(), key.algorithm()
	}
	if err := judge(ctx, c, c.rows.request, d); err != nil {
		return "", "", err
	}
	params := c.parameters(&r, t, d.s256() && t.code())
	if d.object != nil {
		if params, err = d.object.encode(ctx, c, s, params, d.pushed); err != nil {
			return "", "", err
		}
	}
	if d.pushed {
		if params, err = c.push(ctx, s, params, key); err != nil {
			return "", "", err
		}
	}
	tx, err := c.sealTransaction(t)
	if err != nil {
		return "", "", err
	}
	// RFC 6749 section 3.1: the endpoint's own query is kept.
	q := endpoint.Query()
	maps.Copy(q, params)
	u := *endpoint
	u.RawQuery = q.Encode()
	return u.String(), tx, nil
}

// encoding is the form that this request travels in; nil: plain parameters.
func (c *Client) encoding(r *AuthorizationRequest) (requestEncoder, error) {
	if r.RequestObject == nil {
		return c.requests, nil
	}
	e, expected, got := r.RequestObject.encoder(&c.cfg)
	if expected == "" && c.cfg.Profile != nil {
		expected, got = "nil under Config.Profile, which judges Config.RequestObject", "one"
	}
	if expected != "" {
		return nil, fmt.Errorf("openid: AuthorizationRequest.RequestObject: expected %s, got %s", expected, got)
	}
	return e, nil
}

// parameters puts the request into the form of RFC 6749 section 4.1.1, and what is to be remembered of it into t.
func (c *Client) parameters(r *AuthorizationRequest, t *transaction, pkce bool) url.Values {
	q := maps.Clone(r.Extra)
	if q == nil {
		q = url.Values{}
	}
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	set("acr_values", strings.Join(r.ACRValues, " "))
	set("display", r.Display)
	set("login_hint", r.LoginHint)
	set("prompt", strings.Join(r.Prompt, " "))
	set("ui_locales", strings.Join(r.UILocales, " "))
	if r.IDTokenHint != nil {
		set("id_token_hint", r.IDTokenHint.content().raw)
	}
	if len(r.Resource) > 0 {
		q["resource"] = slices.Clone(r.Resource)
	}
	if len(r.AuthorizationDetails) > 0 {
		set("authorization_details", string(appendDetails(nil, r.AuthorizationDetails)))
	}
	if r.Claims != nil {
		set("claims", string(r.Claims.append(nil)))
	}
	set("response_type", t.responseType)
	set("client_id", c.cfg.ClientID)
	set("redirect_uri", t.redirectURI)
	set("state", t.state)
	set("scope", t.scope)
	set("dpop_jkt", recordedThumbprint(t.dpop))
	if slices.Contains(r.Scope, "openid") {
		t.nonce = random()
		set("nonce", t.nonce)
	}
	if t.responseMode != "query" {
		set("response_mode", t.responseMode)
	}
	if r.MaxAge != nil {
		t.maxAge = strconv.FormatInt(int64(*r.MaxAge/time.Second), 10)
		set("max_age", t.maxAge)
	}
	if pkce {
		t.verifier = random()
		sum := sha256.Sum256([]byte(t.verifier))
		set("code_challenge", base64.RawURLEncoding.EncodeToString(sum[:]))
		set("code_challenge_method", "S256")
	}
	return q
}

// mistake says what the caller got wrong, before anything is sent. It settles the response mode.
func (c *Client) mistake(r *AuthorizationRequest, t *transaction) error {
	wrong := func(field, expected, got string) error {
		return fmt.Errorf("openid: AuthorizationRequest.%s: expected %s, got %s", field, expected, got)
	}
	for _, s := range r.Scope {
		if !isScope(s) {
			return fmt.Errorf("openid: AuthorizationRequest.Scope: %s is not one scope (RFC 6749 §3.3)", quoted(s))
		}
	}
	if t.redirectURI == "" {
		return fmt.Errorf("openid: neither Config.RedirectURI nor AuthorizationRequest.RedirectURI is set")
	}
	if expected := badRedirectURI(t.redirectURI); expected != "" {
		return wrong("RedirectURI", expected, quoted(t.redirectURI))
	}
	if err := c.responseMistake(r, t); err != nil {
		return err
	}
	for _, u := range r.Resource {
		if expected := badResource(u); expected != "" {
			return wrong("Resource", expected, quoted(u))
		}
	}
	if err := detailsMistake("AuthorizationRequest", r.AuthorizationDetails); err != nil {
		return err
	}
	for _, list := range []struct {
		field  string
		values []string
	}{{"Prompt", r.Prompt}, {"ACRValues", r.ACRValues}, {"UILocales", r.UILocales}} {
		for _, v := range list.values {
			if !isScope(v) { // with a space in it, it would be two
				return wrong(list.field, "one value in each element", quoted(v))
			}
		}
	}
	if r.Claims != nil && !slices.Contains(r.Scope, "openid") {
		return wrong("Claims", "none, or the Scope openid too (OpenID Connect Core 1.0 §5.5)", "Claims without it")
	}
	if len(r.Prompt) > 1 && slices.Contains(r.Prompt, "none") {
		return wrong("Prompt", `"none" alone (OpenID Connect Core 1.0 §3.1.2.1)`, quoted(strings.Join(r.Prompt, " ")))
	}
	if slices.Contains(r.Prompt, "none") && r.MaxAge != nil && *r.MaxAge == 0 {
		return wrong("Prompt", "no page to be shown, which a MaxAge of 0 demands", `"none"`)
	}
	if err := c.own("", r.IDTokenHint); err != nil {
		return err
	}
	if len(r.AppState) > maxAppState || !utf8.ValidString(r.AppState) {
		return wrong("AppState", fmt.Sprintf("at most %d bytes of UTF-8", maxAppState), fmt.Sprintf("%d bytes", len(r.AppState)))
	}
	if r.MaxAge != nil && *r.MaxAge < 0 {
		return wrong("MaxAge", "0 or more", r.MaxAge.String())
	}
	set := map[string]bool{"resource": r.Resource != nil, "authorization_details": r.AuthorizationDetails != nil, "claims": r.Claims != nil,
		"prompt": r.Prompt != nil, "acr_values": r.ACRValues != nil, "login_hint": r.LoginHint != "", "id_token_hint": r.IDTokenHint != nil,
		"ui_locales": r.UILocales != nil, "display": r.Display != ""}
	for name := range r.Extra {
		if slices.Contains(ownParameters, name) {
			return fmt.Errorf("openid: AuthorizationRequest.Extra: %s is set by this package and cannot be replaced", name)
		}
		if set[name] {
			return fmt.Errorf("openid: AuthorizationRequest: both %s and Extra say %s", fieldParameters[name], name)
		}
		if c.cfg.RequestObject != nil && slices.Contains(requestObjectClaims, name) {
			return fmt.Errorf("openid: AuthorizationRequest.Extra: %s is a claim of the request object that Config.RequestObject makes", name)
		}
	}
	return extraMistake("AuthorizationRequest.TokenExtra", r.TokenExtra)
}

// responseMistake judges response type and mode, which depend on each other.
func (c *Client) responseMistake(r *AuthorizationRequest, t *transaction) error {
	rt, known := findResponseType(t.responseType)
	if !known {
		var names []string
		for _, rt := range responseTypes {
			names = append(names, strconv.Quote(rt.name))
		}
		return fmt.Errorf("openid: AuthorizationRequest.ResponseType: expected one of %s, got %s", strings.Join(names, ", "), quoted(t.responseType))
	}
	t.responseMode = cmp.Or(t.responseMode, rt.defaultMode())
	mode, known := responseModes[t.responseMode]
	switch {
	case !known:
		return fmt.Errorf("openid: AuthorizationRequest.ResponseMode: expected one of %s, got %s",
			strings.Join(slices.Sorted(maps.Keys(responseModes)), ", "), quoted(t.responseMode))
	case rt.token && !c.cfg.InsecureAllowFrontChannelTokens:
		return fmt.Errorf("openid: AuthorizationRequest.ResponseType: %q brings an access token through the browser (RFC 9700 §2.1.2), which needs Config.InsecureAllowFrontChannelTokens", rt.name)
	case rt.inFront() && mode.carrier == "query":
		return fmt.Errorf("openid: AuthorizationRequest: ResponseType %q and ResponseMode %q exclude each other (OAuth 2.0 Multiple Response Types §3)", rt.name, t.responseMode)
	case rt.idToken && !slices.Contains(r.Scope, "openid"):
		return fmt.Errorf("openid: AuthorizationRequest: ResponseType %q needs the Scope openid", rt.name)
	case !rt.code && len(r.TokenExtra) > 0:
		return fmt.Errorf("openid: AuthorizationRequest: ResponseType %q brings no code to redeem, which TokenExtra is for", rt.name)
	case rt.name == "id_token" && r.Claims != nil && r.Claims.UserInfo != nil:
		return fmt.Errorf("openid: AuthorizationRequest: ResponseType %q brings no access token for UserInfo, which Claims.UserInfo is for (OpenID Connect Core 1.0 §5.5)", rt.name)
	case rt.token && !rt.code && c.cfg.DPoP.enabled():
		return fmt.Errorf("openid: AuthorizationRequest: ResponseType %q brings a token that is bound to no key, and Config.DPoP wants it bound", rt.name)
	case c.cfg.DetachedSignature && !rt.idToken && !mode.jwt:
		return fmt.Errorf(`openid: AuthorizationRequest: ResponseType %q and ResponseMode %q bring an unsigned response, and Config.DetachedSignature wants "code id_token" or a JWT (FAPI 1.0 Advanced §5.2.2)`, rt.name, t.responseMode)
	}
	return nil
}

func isScope(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '"' || c == '\\' })
}

// badResource says what is expected where a resource breaks RFC 8707 section 2.
func badResource(resource string) string {
	if u, err := url.Parse(resource); err != nil || !u.IsAbs() || u.Fragment != "" || strings.HasSuffix(resource, "#") {
		return "an absolute URI without a fragment (RFC 8707 §2)"
	}
	return ""
}

// extraMistake: extra parameters of a token request never override its own.
func extraMistake(where string, extra url.Values) error {
	for name := range extra {
		if slices.Contains(ownTokenParameters, name) {
			return fmt.Errorf("openid: extra parameters of %s: %s is set by this package and cannot be replaced", where, name)
		}
	}
	return nil
}

// requestSupport is what the server's metadata says of the request at hand, under judgement.
type requestSupport struct {
	c        *Client
	meta     *ServerMetadata
	proofAlg string // of DPoP proofs; empty: none are made
	pushed   bool
	object   requestEncoder // nil: plain parameters
}

func (*requestSupport) kind() string { return "server metadata" }
func (*requestSupport) cause() error { return nil }

// s256 reports whether a code challenge is sent. A server that does not say what it supports gets one: who does not know the parameter
// ignores it.
func (d *requestSupport) s256() bool {
	methods := d.meta.CodeChallengeMethodsSupported
	return len(methods) == 0 || slices.Contains(methods, "S256")
}

var requestChecks = []check[*requestSupport]{
	{"code_challenge_methods_supported", "RFC 9700 §2.1.1, RFC 7636 §4.2",
		func(_ context.Context, d *requestSupport) bool { return d.s256() || d.c.cfg.InsecureAllowNoPKCE },
		func(d *requestSupport) (string, string) {
			return "S256, or nothing", listed(d.meta.CodeChallengeMethodsSupported)
		}},
	{"dpop_signing_alg_values_supported", "RFC 9449 §5.1",
		func(_ context.Context, d *requestSupport) bool {
			algs := d.meta.DPoPSigningAlgValuesSupported
			return d.proofAlg == "" || len(algs) == 0 || slices.Contains(algs, d.proofAlg)
		},
		func(d *requestSupport) (string, string) {
			return or(d.proofAlg, "nothing") + ", the algorithm of Config.DPoP", listed(d.meta.DPoPSigningAlgValuesSupported)
		}},
	{"require_signed_request_object", "RFC 9101 §10.5",
		func(_ context.Context, d *requestSupport) bool {
			return !d.meta.RequireSignedRequestObject || d.object != nil && d.object.signs()
		},
		func(d *requestSupport) (string, string) {
			if d.meta.RequireSignedRequestObject {
				return "what a RequestObject makes", "signed request objects required"
			}
			return "what a RequestObject makes", "nothing required"
		}},
}

func listed(list []string) string { return or(quoted(strings.Join(list, " ")), "nothing") }
