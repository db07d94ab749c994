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
)

// maxCallbackBody bounds a form_post body; URLs are bounded by the HTTP server.
const maxCallbackBody = 64 << 10

// authorizationResponse is what the browser brought back, under judgement.
type authorizationResponse struct {
	c      *Client
	meta   *ServerMetadata
	mode   string // how it came
	values url.Values
	wrong  string // why the request could not be read at all
	tx     *transaction
	none   bool // nothing was pending
	fresh  bool // it was not used before
}

func (*authorizationResponse) kind() string { return "authorization response" }
func (*authorizationResponse) cause() error { return nil }

// tokensInFront are parameters that a response to a plain code request never has.
var tokensInFront = []string{"access_token", "id_token", "response", "token"}

var callbackChecks = []check[*authorizationResponse]{
	{"request", "OAuth 2.0 Multiple Response Types §2.1, OAuth 2.0 Form Post Response Mode §2",
		func(_ context.Context, d *authorizationResponse) bool { return d.wrong == "" },
		func(d *authorizationResponse) (string, string) {
			return "a GET with a query or a POST with a form", d.came()
		}},
	{"repeated parameter", "RFC 6749 §3.1",
		func(_ context.Context, d *authorizationResponse) bool { return d.repeated() == "" },
		func(d *authorizationResponse) (string, string) { return "every parameter once", d.times() }},
	{"state", "RFC 6749 §10.12, RFC 9700 §4.7",
		func(_ context.Context, d *authorizationResponse) bool { return d.tx != nil },
		func(d *authorizationResponse) (string, string) {
			return "the state of a pending login of this browser", d.state()
		}},
	{"response_mode", "OAuth 2.0 Multiple Response Types §2.1",
		func(_ context.Context, d *authorizationResponse) bool {
			return d.tx != nil && d.tx.responseMode == d.mode
		},
		func(d *authorizationResponse) (string, string) {
			if d.tx == nil {
				return "the mode that was asked for", d.mode
			}
			return d.tx.responseMode, d.mode
		}},
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
				return !d.meta.AuthorizationResponseIssParameter && !d.c.cfg.RequireIss
			}
			return d.values.Get("iss") == d.c.cfg.Issuer
		},
		func(d *authorizationResponse) (string, string) {
			if !d.values.Has("iss") {
				return quoted(d.c.cfg.Issuer), "nothing"
			}
			return quoted(d.c.cfg.Issuer), quoted(d.values.Get("iss"))
		}},
	{"code", "RFC 6749 §4.1.2",
		func(_ context.Context, d *authorizationResponse) bool {
			return (d.values.Get("code") == "") != (d.values.Get("error") == "")
		},
		func(d *authorizationResponse) (string, string) { return "either a code or an error", d.content() }},
	{"front-channel token", "RFC 9700 §2.1.2, OAuth 2.0 Multiple Response Types §3",
		func(_ context.Context, d *authorizationResponse) bool { return d.inFront() == "" },
		func(d *authorizationResponse) (string, string) {
			if name := d.inFront(); name != "" {
				return "a code only", "the parameter " + name
			}
			return "a code only", "no token"
		}},
	{"replay", "RFC 9700 §4.7, RFC 6749 §10.5",
		func(_ context.Context, d *authorizationResponse) bool {
			d.fresh = d.tx != nil && d.c.used.first(d.tx.state, time.Now(), d.values.Get("error") == "")
			return d.fresh
		},
		func(d *authorizationResponse) (string, string) {
			if d.fresh {
				return "a response that was not used before", "a fresh one"
			}
			return "a response that was not used before", "a used one"
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
	case d.values.Get("state") == "":
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

func (d *authorizationResponse) inFront() string {
	for _, name := range tokensInFront {
		if d.values.Has(name) {
			return name
		}
	}
	return ""
}

// Callback ends a login: it judges the authorization response in r, redeems the code, once, and verifies what comes. Hand it every
// pending transaction that the browser brought; it picks the one the response belongs to, before any request is sent. A GET answers
// response mode query, a POST form_post.
//
// Errors: *[VerificationError] when a check of the response, of the token response or of the ID Token fails; *[ResponseError] when the
// user or the server refused; *[ExchangeError] when no usable answer came. Each ends this login; the user may start another.
func (c *Client) Callback(ctx context.Context, r *http.Request, pending ...Transaction) (*Tokens, error) {
	mode, values, wrong := readCallback(r)
	return c.callback(ctx, mode, values, wrong, pending)
}

// CallbackValues is [Client.Callback] for programs without an *http.Request: mode says how the values came, "query" or "form_post".
func (c *Client) CallbackValues(ctx context.Context, mode string, v url.Values, pending ...Transaction) (*Tokens, error) {
	wrong := ""
	if mode != "query" && mode != "form_post" {
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
	d.tx = c.pick("login", values.Get("state"), pending)
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
	if err := judge(ctx, c, c.rows.response, d); err != nil {
		return nil, err
	}
	if code := values.Get("error"); code != "" {
		sent := []string{d.tx.state, d.tx.nonce}
		return nil, &ResponseError{Endpoint: "authorization", Code: Code(printable(withheld(code, sent), 64)),
			Description: printable(withheld(values.Get("error_description"), sent), 200), URI: printable(withheld(values.Get("error_uri"), sent), 200)}
	}
	return c.redeemCode(ctx, s, values.Get("code"), d.tx)
}

// redeemCode exchanges the code for tokens (RFC 6749 section 4.1.3). It is sent once, whatever happens.
func (c *Client) redeemCode(ctx context.Context, s *server, code string, tx *transaction) (*Tokens, error) {
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {tx.redirectURI}}
	if tx.verifier != "" {
		form.Set("code_verifier", tx.verifier)
	}
	e := expectation{nonce: tx.nonce, code: code, state: tx.state, maxAge: tx.maxAge}
	if tx.nonce != "" {
		e.idToken = idTokenRequired
	}
	t, err := c.requestTokens(ctx, s, form, e)
	if err != nil {
		return nil, err
	}
	t.AppState = tx.appState
	if t.Scope == nil {
		t.Scope = strings.Fields(tx.scope) // RFC 6749 section 5.1: absent means as requested
	}
	return t, nil
}
