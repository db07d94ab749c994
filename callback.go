package openid

import (
	"context"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/openid-client/openid/internal/strict"
)

// maxCallbackBody bounds a form_post body; URLs are bounded by the HTTP server.
const maxCallbackBody = 64 << 10

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
			return "", nil, "a malformed query"
		}
		return "query", values, ""
	case http.MethodPost:
		if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media != "application/x-www-form-urlencoded" {
			return "", nil, "a POST of " + quoted(media)
		}
		if r.PostForm != nil { // a middleware was faster
			return "form_post", r.PostForm, ""
		}
		if r.Body == nil {
			return "", nil, "a POST without a body"
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, maxCallbackBody+1))
		if err != nil || len(body) > maxCallbackBody {
			return "", nil, "a body that is too long or was cut off"
		}
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return "", nil, "a malformed form"
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
		d.jwt, d.sealed = c.decrypted(ctx, list[0])
		inside, ok := readResponse(d.jwt)
		state, d.opaque = inside.Get("state"), !ok
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
	if t.IDToken, err = c.verifyIDToken(ctx, s, d.values.Get("id_token"), e); err != nil {
		return nil, err
	}
	t.issuer = t.IDToken.Issuer()
	return t, nil
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
	form, _ := url.ParseQuery(tx.tokenExtra) // sealed by this package
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
