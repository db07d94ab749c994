package openid

import (
	"context"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openid-client/openid/internal/strict"
)

// maxCallbackBody bounds a form_post body; URLs are bounded by the HTTP server.
const maxCallbackBody = 64 << 10

// authorizationResponse is what the browser brought back, under judgement.
type authorizationResponse struct {
	c       *Client
	meta    *ServerMetadata
	mode    string // how it came
	values  url.Values
	wrong   string // why the request could not be read at all
	jwt     string // the response as a JWT, decrypted; empty: there was none
	sealed  error  // why it could not be decrypted
	given   string // the state that came
	issuer  string // what iss stands for; empty: there was none
	opaque  bool   // it is no JWT whose parameters can be read
	tx      *transaction
	none    bool  // nothing was pending
	fresh   bool  // it was not used before
	trouble error // why the store could not say
}

func (*authorizationResponse) kind() string   { return "authorization response" }
func (d *authorizationResponse) cause() error { return d.trouble }

// asked is the response type of the login it belongs to.
func (d *authorizationResponse) asked() responseType {
	if d.tx == nil {
		return responseType{}
	}
	rt, _ := findResponseType(d.tx.responseType)
	return rt
}

// modes names how it came, as a response mode, and how it was to come.
func (d *authorizationResponse) modes() (expected, got string) {
	got = d.mode
	if d.jwt != "" || d.sealed != nil {
		got += ".jwt"
	}
	if d.tx == nil {
		return "the mode that was asked for", got
	}
	mode := responseModes[d.tx.responseMode]
	expected = d.asked().carrier(mode)
	if mode.jwt {
		expected += ".jwt"
	}
	return expected, got
}

var callbackChecks = []check[*authorizationResponse]{
	{"request", "OAuth 2.0 Multiple Response Types §2.1, OAuth 2.0 Form Post Response Mode §2",
		func(_ context.Context, d *authorizationResponse) bool { return d.wrong == "" },
		func(d *authorizationResponse) (string, string) {
			return "a GET with a query or a POST with a form", d.came()
		}},
	{"repeated parameter", "RFC 6749 §3.1",
		func(_ context.Context, d *authorizationResponse) bool { return d.repeated() == "" },
		func(d *authorizationResponse) (string, string) { return "every parameter once", d.times() }},
	{"encryption", "JARM §2.4 (1), RFC 7516 §5.2",
		func(_ context.Context, d *authorizationResponse) bool { return d.sealed == nil },
		func(d *authorizationResponse) (string, string) { return decryption(d.sealed) }},
	{"response", "JARM §2.1",
		func(_ context.Context, d *authorizationResponse) bool { return !d.opaque },
		func(d *authorizationResponse) (string, string) {
			if d.opaque {
				return "a JWT, if anything", "something else"
			}
			return "a JWT, if anything", or(map[bool]string{true: "a JWT"}[d.jwt != ""], "nothing")
		}},
	{"state", "RFC 6749 §10.12, RFC 9700 §4.7",
		func(_ context.Context, d *authorizationResponse) bool { return d.tx != nil },
		func(d *authorizationResponse) (string, string) {
			return "the state of a pending login of this browser", d.state()
		}},
	{"response_mode", "OAuth 2.0 Multiple Response Types §2.1, JARM §2.3",
		func(_ context.Context, d *authorizationResponse) bool {
			expected, got := d.modes()
			return expected == got
		},
		func(d *authorizationResponse) (string, string) { return d.modes() }},
	{"age", "RFC 9700 §4.7",
		func(_ context.Context, d *authorizationResponse) bool { return d.tx.young() },
		func(d *authorizationResponse) (string, string) {
			return "a login that " + d.tx.limit(), "one " + d.tx.age()
		}},
}

// responseChecks follow once the server's metadata is there, which nobody's response must cause to be fetched.
var responseChecks = []check[*authorizationResponse]{
	{"iss", "RFC 9207 §2.4",
		func(_ context.Context, d *authorizationResponse) bool {
			if !d.values.Has("iss") {
				// An ID Token says it as well, section 2.4.
				return d.asked().idToken && !d.values.Has("error") || !d.meta.AuthorizationResponseIssParameter && !d.c.cfg.RequireIss
			}
			n, ok := d.c.issuerNamed(d.values.Get("iss"))
			d.issuer = n.issuer
			return ok
		},
		func(d *authorizationResponse) (string, string) {
			if !d.values.Has("iss") {
				return d.c.anyName(), "nothing"
			}
			return d.c.anyName(), quoted(d.values.Get("iss"))
		}},
	{"code", "RFC 6749 §4.1.2",
		func(_ context.Context, d *authorizationResponse) bool {
			code, refused := d.values.Get("code") != "", d.values.Get("error") != ""
			return !(code && refused) && (refused || code == d.asked().code)
		},
		func(d *authorizationResponse) (string, string) {
			if !d.asked().code {
				return "no code", d.content()
			}
			return "either a code or an error", d.content()
		}},
	{"front-channel token", "RFC 9700 §2.1.2, OAuth 2.0 Multiple Response Types §3",
		func(_ context.Context, d *authorizationResponse) bool { return d.inFront() == "" },
		func(d *authorizationResponse) (string, string) {
			if name := d.inFront(); name != "" {
				return d.wanted(), "the parameter " + name
			}
			return d.wanted(), d.wanted()
		}},
	{"id_token", "OpenID Connect Core 1.0 §3.2.2.5, §3.3.2.5",
		func(_ context.Context, d *authorizationResponse) bool { return !d.lacks("id_token", d.asked().idToken) },
		func(d *authorizationResponse) (string, string) { return d.wanted(), d.has("id_token") }},
	{"access_token", "RFC 6749 §4.2.2, OAuth 2.0 Multiple Response Types §5",
		func(_ context.Context, d *authorizationResponse) bool {
			return !d.lacks("access_token", d.asked().token)
		},
		func(d *authorizationResponse) (string, string) { return d.wanted(), d.has("access_token") }},
	{"replay", "RFC 9700 §4.7, RFC 6749 §10.5",
		func(ctx context.Context, d *authorizationResponse) bool {
			if d.tx != nil {
				d.fresh, d.trouble = d.c.first(ctx, d.tx, d.values.Get("error") == "")
			}
			return d.fresh
		},
		func(d *authorizationResponse) (string, string) {
			got := "a used one"
			if d.fresh {
				got = "a fresh one"
			} else if d.trouble != nil {
				got = "one of which Config.Store cannot say that"
			}
			return "a response that was not used before", got
		}},
}

func (d *authorizationResponse) came() string {
	if d.wrong != "" {
		return d.wrong
	}
	return d.mode
}

func (d *authorizationResponse) repeated() string {
	for _, name := range slices.Sorted(maps.Keys(d.values)) {
		if len(d.values[name]) > 1 {
			return name
		}
	}
	return ""
}

func (d *authorizationResponse) times() string {
	if name := d.repeated(); name != "" {
		return quoted(name) + " more than once"
	}
	return "every parameter once"
}

// state explains without showing: a state is a secret of the browser's.
func (d *authorizationResponse) state() string {
	var got string
	switch {
	case d.tx != nil:
		return "the state of a pending login"
	case d.none:
		return "no pending login (was the cookie lost?)"
	case d.given == "":
		got = "no state"
	default:
		got = "another state"
	}
	if code := d.values.Get("error"); code != "" {
		got += ", with the error " + quoted(code) // unproven, yet it saves a developer an hour
	}
	return got
}

func (d *authorizationResponse) content() string {
	code, refused := d.values.Get("code") != "", d.values.Get("error") != ""
	switch {
	case code && refused:
		return "both"
	case code:
		return "a code"
	case refused:
		return "an error"
	}
	return "neither"
}

// inFront names a token that has no place in this response.
func (d *authorizationResponse) inFront() string {
	for _, row := range []struct {
		name  string
		asked bool
	}{{"access_token", d.asked().token}, {"id_token", d.asked().idToken}, {"response", false}, {"token", false}} {
		if d.values.Has(row.name) && (!row.asked || d.values.Has("error")) {
			return row.name
		}
	}
	return ""
}

func (d *authorizationResponse) wanted() string {
	if d.values.Has("error") {
		return "an error only"
	}
	return or(strings.ReplaceAll(d.asked().name, " ", ", "), "code") + " only"
}

func (d *authorizationResponse) lacks(name string, asked bool) bool {
	return asked && d.values.Get(name) == "" && !d.values.Has("error")
}

func (d *authorizationResponse) has(name string) string {
	if d.values.Get(name) == "" {
		return "no " + name
	}
	return "the parameter " + name
}

// Callback ends a login: it judges the authorization response in r, redeems the code, once, and verifies what comes. Hand it every
// pending transaction that the browser brought; it picks the one the response belongs to, before any request is sent. A GET answers
// response mode query, a POST form_post; a response in a fragment never reaches a server, see [Client.CallbackValues].
//
// Errors: *[VerificationError] when a check of the response, of the token response or of the ID Token fails; *[ResponseError] when the
// user or the server refused; *[ExchangeError] when no usable answer came. Each ends this login; the user may start another.
func (c *Client) Callback(ctx context.Context, r *http.Request, pending ...Transaction) (*Tokens, error) {
	mode, values, wrong := readCallback(r)
	return c.callback(ctx, mode, values, wrong, pending)
}

// CallbackValues is [Client.Callback] for programs without an *http.Request: mode says how the values came, "query", "form_post" or
// "fragment".
func (c *Client) CallbackValues(ctx context.Context, mode string, v url.Values, pending ...Transaction) (*Tokens, error) {
	wrong := ""
	if mode != "query" && mode != "form_post" && mode != "fragment" {
		wrong = "response mode " + quoted(mode)
	}
	return c.callback(ctx, mode, v, wrong, pending)
}

// readCallback never merges query and body: RFC 6749 section 3.1 would have no "once" then.
func readCallback(r *http.Request) (mode string, values url.Values, wrong string) {
	switch r.Method {
	case http.MethodGet:
		values, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return "query", nil, "a malformed query"
		}
		return "query", values, ""
	case http.MethodPost:
		if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media != "application/x-www-form-urlencoded" {
			return "form_post", nil, "a POST of " + quoted(media)
		}
		if r.PostForm != nil { // a middleware was faster
			return "form_post", r.PostForm, ""
		}
		if r.Body == nil {
			return "form_post", nil, "a POST without a body"
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, maxCallbackBody+1))
		if err != nil || len(body) > maxCallbackBody {
			return "form_post", nil, "a body that is too long or was cut off"
		}
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return "form_post", nil, "a malformed form"
		}
		return "form_post", values, ""
	}
	return "", nil, "method " + quoted(r.Method)
}

func (c *Client) callback(ctx context.Context, mode string, values url.Values, wrong string, pending []Transaction) (*Tokens, error) {
	d := &authorizationResponse{c: c, mode: mode, values: values, wrong: wrong, none: len(pending) == 0}
	state := values.Get("state")
	// A key is not worked for strangers: whose browser brought no login has nothing to be decrypted.
	if list := values["response"]; len(list) == 1 && c.anyPending("login", pending) {
		if d.jwt, d.sealed = c.decrypted(ctx, list[0]); d.sealed == nil {
			inside, ok := readResponse(d.jwt)
			state, d.opaque = inside.Get("state"), !ok
		}
	}
	d.given = state
	d.tx = c.pick("login", state, pending)
	if d.tx != nil {
		ctx = c.withFlow(ctx, d.tx.flow)
	} else {
		ctx = c.newFlow(ctx)
	}
	if err := judge(ctx, c, c.rows.callback, d); err != nil {
		return nil, err
	}
	s, err := c.current(ctx)
	if err != nil {
		return nil, err
	}
	d.meta = s.meta
	if d.jwt != "" {
		if d.values, err = c.verifyResponse(ctx, s, d.jwt); err != nil {
			return nil, err
		}
	}
	if err := judge(ctx, c, c.rows.response, d); err != nil {
		return nil, err
	}
	if code := d.values.Get("error"); code != "" {
		sent := []string{d.tx.state, d.tx.nonce}
		return nil, &ResponseError{Endpoint: "authorization", Code: Code(printable(withheld(code, sent), 64)),
			Description: printable(withheld(d.values.Get("error_description"), sent), 200), URI: printable(withheld(d.values.Get("error_uri"), sent), 200)}
	}
	t, err := c.takeFront(ctx, s, d)
	if err != nil {
		return nil, err
	}
	if d.asked().code {
		if t, err = c.redeemCode(ctx, s, d, t.IDToken); err != nil {
			return nil, err
		}
	}
	t.AppState = d.tx.appState
	t.SessionState = sessionState(d.values.Get("session_state"))
	if t.Scope == nil && !t.AccessToken.IsEmpty() {
		t.Scope = strings.Fields(d.tx.scope) // RFC 6749 section 5.1: absent means as requested
	}
	return t, nil
}

// takeFront judges what the response itself brought, before anything is sent to the server.
func (c *Client) takeFront(ctx context.Context, s *server, d *authorizationResponse) (*Tokens, error) {
	t := &Tokens{issuer: c.cfg.Issuer}
	asked := d.asked()
	if asked.token {
		front := frontTokens(d.values)
		front.c = c
		if err := judge(ctx, c, c.rows.token, front); err != nil {
			return nil, err
		}
		var err error
		if t, err = c.takeTokens(ctx, s, front, time.Now()); err != nil {
			return nil, err
		}
	}
	if !asked.idToken {
		return t, nil
	}
	e := expectation{issuer: d.issuer, nonce: d.tx.nonce, maxAge: d.tx.maxAge, state: d.tx.state, code: d.values.Get("code"), accessToken: d.values.Get("access_token"),
		front: &frontChannel{code: asked.code, token: asked.token, state: c.cfg.DetachedSignature}}
	var err error
	if t.IDToken, err = c.verifyIDToken(ctx, s, d.values.Get("id_token"), e); err == nil {
		t.issuer = t.IDToken.Issuer()
	}
	return t, err
}

// frontTokens reads the parameters of RFC 6749 section 4.2.2 as the members of a token response. A refresh token has no place there.
func frontTokens(values url.Values) *tokenResponse {
	member := func(name string) strict.Value {
		if !values.Has(name) {
			return nil
		}
		return strict.Value(appendText(nil, values.Get(name)))
	}
	return &tokenResponse{sent: nothing, access: member("access_token"), tokenType: member("token_type"), expiresIn: member("expires_in"), scope: member("scope")}
}

// redeemCode exchanges the code for tokens (RFC 6749 section 4.1.3). It is sent once, whatever happens. front is the ID Token that came
// with the code, if one did.
func (c *Client) redeemCode(ctx context.Context, s *server, d *authorizationResponse, front *IDToken) (*Tokens, error) {
	tx, code := d.tx, d.values.Get("code")
	form := url.Values{}
	if tx.tokenExtra != "" {
		form, _ = url.ParseQuery(tx.tokenExtra) // sealed by this package
	}
	form.Set("grant_type", "authorization_code")
	form.Set("code", code)
	form.Set("redirect_uri", tx.redirectURI)
	if tx.verifier != "" {
		form.Set("code_verifier", tx.verifier)
	}
	e := expectation{issuer: d.issuer, nonce: tx.nonce, code: code, state: tx.state, maxAge: tx.maxAge, shown: front, recent: c.cfg.DetachedSignature, scope: tx.scope}
	if tx.nonce != "" {
		e.idToken = idTokenRequired
	}
	var err error
	if e.key, err = c.cfg.DPoP.restore(tx.dpop); err != nil {
		return nil, err
	}
	return c.requestTokens(ctx, s, form, e)
}
