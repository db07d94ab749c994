package openid

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/openid-client/openid/internal/hostile"
	"github.com/openid-client/openid/store"
)

// A callbackLie is something wrong with an authorization response, and the one check that must refuse it.
type callbackLie struct {
	name    string
	lie     func(url.Values)                                                  // changes what the server sends
	request func(r *http.Request) *http.Request                               // changes how it comes
	pending func(t *testing.T, c *Client, tx Transaction) []Transaction       // changes what the browser kept
	before  func(t *testing.T, c *Client, r *http.Request, tx ...Transaction) // what happened first
	ask     func(*AuthorizationRequest)                                       // changes what was asked for
	check   string
}

var testKeys = []Secret{NewSecret(strings.Repeat("k1", 16))}

func setParam(name, value string) func(url.Values) {
	return func(q url.Values) { q.Set(name, value) }
}

func dropParam(name string) func(url.Values) { return func(q url.Values) { q.Del(name) } }

func post(query string, form url.Values) *http.Request {
	r := httptest.NewRequest("POST", "https://app.example/cb"+query, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// deny makes an error of a response, which then brings nothing else.
func deny(q url.Values) {
	q.Del("code")
	q.Del("id_token")
	q.Set("error", "access_denied")
}

var callbackLies = []callbackLie{
	{name: "HEAD", request: func(r *http.Request) *http.Request { r.Method = "HEAD"; return r }, check: "request"},
	{name: "a malformed query", request: func(r *http.Request) *http.Request { r.URL.RawQuery += "&%zz"; return r }, check: "request"},
	{name: "a multipart form that a middleware has read", request: func(r *http.Request) *http.Request {
		q := r.URL.Query()
		r = post("", nil)
		r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		r.PostForm = q
		return r
	}, check: "request"},
	{name: "a POST of JSON", request: func(*http.Request) *http.Request {
		r := post("", nil)
		r.Header.Set("Content-Type", "application/json")
		return r
	}, check: "request"},
	{name: "a POST without a body", request: func(r *http.Request) *http.Request {
		r = post("", r.URL.Query())
		r.Body = nil
		return r
	}, check: "request"},
	{name: "a malformed form", request: func(r *http.Request) *http.Request {
		q := r.URL.RawQuery
		r = post("", nil)
		r.Body = io.NopCloser(strings.NewReader(q + "&%zz"))
		return r
	}, check: "request"},
	{name: "a form that breaks off", request: func(r *http.Request) *http.Request {
		r = post("", r.URL.Query())
		r.Body = io.NopCloser(io.MultiReader(r.Body, iotest.ErrReader(io.ErrUnexpectedEOF)))
		return r
	}, check: "request"},
	{name: "C17 a form of 1 MB", request: func(r *http.Request) *http.Request {
		return post("", url.Values{"state": {strings.Repeat("s", 1<<20)}})
	}, check: "request"},
	{name: "C02 state twice", lie: func(q url.Values) { q.Add("state", q.Get("state")) }, check: "repeated parameter"},
	{name: "C02 code twice", lie: func(q url.Values) { q.Add("code", "other") }, check: "repeated parameter"},
	{name: "C07 iss twice", lie: func(q url.Values) { q.Add("iss", q.Get("iss")) }, check: "repeated parameter"},
	{name: "error twice", lie: func(q url.Values) { q["error"] = []string{"a", "b"} }, check: "repeated parameter"},
	{name: "something else twice", lie: func(q url.Values) { q["vendor"] = []string{"a", "b"} }, check: "repeated parameter"},
	{name: "C17 a state of 1 MB", lie: setParam("state", strings.Repeat("s", 1<<20)), check: "state"},
	{name: "C01 no cookie", pending: func(*testing.T, *Client, Transaction) []Transaction { return nil }, check: "state"},
	{name: "C03 the state of another browser", pending: func(t *testing.T, c *Client, _ Transaction) []Transaction {
		_, other, err := c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}})
		if err != nil {
			t.Fatal(err)
		}
		return []Transaction{other}
	}, check: "state"},
	{name: "state wrong", lie: setParam("state", "other"), check: "state"},
	{name: "state missing", lie: dropParam("state"), check: "state"},
	{name: "state empty", lie: setParam("state", ""), check: "state"},
	{name: "state in another case", lie: func(q url.Values) { q.Set("STATE", q.Get("state")); q.Del("state") }, check: "state"},
	{name: "S01 a flipped bit in the cookie", pending: func(_ *testing.T, _ *Client, tx Transaction) []Transaction {
		b := []byte(tx)
		b[len(b)/2] ^= 1
		return []Transaction{Transaction(b)}
	}, check: "state"},
	{name: "S02 the cookie of another client", pending: func(t *testing.T, c *Client, _ Transaction) []Transaction {
		other, err := New(Config{Issuer: c.cfg.Issuer, ClientID: "other", Auth: None(), Keys: testKeys, HTTPClient: c.cfg.HTTPClient, RedirectURI: c.cfg.RedirectURI})
		if err != nil {
			t.Fatal(err)
		}
		_, tx, err := other.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}})
		if err != nil {
			t.Fatal(err)
		}
		return []Transaction{tx}
	}, check: "state"},
	{name: "S03 the transaction of a logout", pending: func(t *testing.T, c *Client, tx Transaction) []Transaction {
		login, _ := c.openTransaction(tx)
		login.purpose = "logout"
		sealed, err := c.sealTransaction(login)
		if err != nil {
			t.Fatal(err)
		}
		return []Transaction{sealed}
	}, check: "state"},
	{name: "C11 a POST though query was asked", request: func(r *http.Request) *http.Request { return post("", r.URL.Query()) }, check: "response_mode"},
	{name: "C10 code in the query, state in the body", request: func(r *http.Request) *http.Request {
		q := r.URL.Query()
		return post("?code="+q.Get("code"), url.Values{"state": q["state"], "iss": q["iss"]})
	}, check: "response_mode"},
	{name: "S04 a login of yesterday", pending: func(t *testing.T, c *Client, tx Transaction) []Transaction {
		login, _ := c.openTransaction(tx)
		login.created = login.created.Add(-transactionLifetime - time.Second)
		sealed, err := c.sealTransaction(login)
		if err != nil {
			t.Fatal(err)
		}
		return []Transaction{sealed}
	}, check: "age"},
	{name: "C05 iss missing though announced", lie: dropParam("iss"), check: "iss"},
	{name: "C06 iss of another server", lie: setParam("iss", "https://evil.example"), check: "iss"},
	{name: "C07 iss empty", lie: setParam("iss", ""), check: "iss"},
	{name: "neither code nor error", lie: dropParam("code"), check: "code"},
	{name: "code empty", lie: setParam("code", ""), check: "code"},
	{name: "C17 code and error together", lie: setParam("error", "access_denied"), check: "code"},
	{name: "C12 an access token in front", lie: setParam("access_token", "x"), check: "front-channel token"},
	{name: "an ID Token in front", lie: setParam("id_token", "x"), check: "front-channel token"},
	{name: "a token under its short name in front", lie: setParam("token", "x"), check: "front-channel token"},
	{name: "one part where a JWT stands", lie: setParam("response", "x"), check: "response"},
	{name: "no JWT where a JWT stands", lie: setParam("response", "x.y.z"), check: "response"},
	{name: "a JWT with an array inside", lie: setParam("response", "e30.W10.AA"), check: "response"},
	{name: "a JWE, and nothing to decrypt with", lie: setParam("response", "a.b.c.d.e"), check: "encryption"},
	{name: "R06 a plain response where a JWT was asked for", ask: func(r *AuthorizationRequest) { r.ResponseMode = "jwt" },
		request: func(r *http.Request) *http.Request {
			q := r.URL.Query()
			if jwt := q.Get("response"); jwt != "" {
				q, _ = readResponse(jwt)
				r.URL.RawQuery = q.Encode()
			}
			return r
		}, check: "response_mode"},
	{name: "a hybrid response without its ID Token", lie: dropParam("id_token"),
		ask: func(r *AuthorizationRequest) { r.ResponseType = "code id_token" }, check: "id_token"},
	{name: "a hybrid response without its access token", lie: dropParam("access_token"),
		ask: func(r *AuthorizationRequest) { r.ResponseType = "code token" }, check: "access_token"},
	{name: "an error of a hybrid login that does not say whose", lie: deny, ask: func(r *AuthorizationRequest) { r.ResponseType = "code id_token" }, check: "iss"},
	{name: "an error and a token", lie: func(q url.Values) { deny(q); q.Set("access_token", "x") }, check: "front-channel token"},
	{name: "C04 the same callback again", before: func(t *testing.T, c *Client, r *http.Request, tx ...Transaction) {
		if _, err := c.Callback(t.Context(), r, tx...); err != nil {
			t.Fatal(err)
		}
	}, check: "replay"},
}

func (l callbackLie) tell(t *testing.T, drop string) (*hostile.Provider, error) {
	t.Helper()
	p := hostile.New(t)
	c := newTestClient(t, p, func(cfg *Config) { cfg.Keys, cfg.InsecureAllowFrontChannelTokens = testKeys, true })
	c.without(drop)
	p.Callback = l.lie
	ask := AuthorizationRequest{Scope: []string{"openid"}}
	if l.ask != nil {
		l.ask(&ask)
	}
	rawURL, tx, err := c.Authorize(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	r := p.Authorize(rawURL)
	if l.request != nil {
		r = l.request(r)
	}
	pending := []Transaction{tx}
	if l.pending != nil {
		pending = l.pending(t, c, tx)
	}
	if l.before != nil {
		l.before(t, c, r, pending...)
	}
	// Without its state row a response of nobody's login has no transaction to go on with: a crash would be red enough, and hides nothing.
	defer func() {
		if recover() != nil && drop == "" {
			t.Error("panic")
		}
	}()
	_, err = c.Callback(t.Context(), r, pending...)
	return p, err
}

func TestHostileCallback(t *testing.T) {
	for _, l := range callbackLies {
		t.Run(l.name, func(t *testing.T) {
			requests := "discovery discovery?" // for the login; the second is that of another client
			if l.before != nil {
				requests = "discovery token jwks"
			}
			hostile.Watch(t, requests)
			_, err := l.tell(t, "")
			hostile.Hear(err)
			var v *VerificationError // a token response has a row access_token as well
			if !errors.As(err, &v) || v.Check != l.check || v.Document != "authorization response" {
				t.Errorf("refused by %v, want %q", err, l.check)
			}
		})
	}
}

func TestHostileCallbackError(t *testing.T) {
	t.Run("C13 markup, line breaks and 1 KB", func(t *testing.T) {
		hostile.Watch(t, "discovery token jwks")
		p := hostile.New(t)
		p.Callback = func(q url.Values) {
			q.Del("code")
			q.Set("error", "access_denied")
			q.Set("error_description", "<script>alert(1)</script>\r\n"+strings.Repeat("x", 1<<10))
		}
		c := newTestClient(t, p)
		_, err := logIn(t, c, p)
		var refused *ResponseError
		if !errors.As(err, &refused) || !errors.Is(err, ErrAccessDenied) || refused.Endpoint != "authorization" {
			t.Fatalf("got %v, want a *ResponseError with access_denied", err)
		}
		if text := err.Error(); strings.ContainsAny(text, "\r\n") || len(text) > 400 {
			t.Errorf("the description is not escaped and cut: %q", text)
		}
		if errors.Is(err, ErrInvalidGrant) || errors.Is(err, Code("")) {
			t.Error("the error matches codes it does not carry")
		}
		// A login that failed can be started again.
		p.Callback = nil
		if _, err := logIn(t, c, p); err != nil {
			t.Error(err)
		}
	})
}

// TestHostileCallbackTabs: interleaved.
func TestHostileCallbackTabs(t *testing.T) {
	t.Run("C08 two tabs, interleaved", func(t *testing.T) {
		hostile.Watch(t, "discovery token jwks token")
		p := hostile.New(t)
		c := newTestClient(t, p)
		first, tx1, err1 := c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}, AppState: "one"})
		second, tx2, err2 := c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}, AppState: "two"})
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		for _, tab := range []struct{ url, want string }{{second, "two"}, {first, "one"}} {
			tokens, err := c.Callback(t.Context(), p.Authorize(tab.url), "not sealed by anybody", tx1, tx2)
			hostile.Hear(err)
			if err != nil {
				t.Fatal(err)
			}
			if tokens.AppState != tab.want {
				t.Errorf("AppState %q, want %q", tokens.AppState, tab.want)
			}
		}
	})
}

// TestCallbackInAFlow: a response that belongs to no login is told apart from others too, and one that does continues the login's flow.
func TestCallbackInAFlow(t *testing.T) {
	p := hostile.New(t)
	var flows []string
	c := newTestClient(t, p, func(cfg *Config) {
		cfg.Trace = func(_ context.Context, e Event) {
			if len(flows) == 0 || flows[len(flows)-1] != e.Flow {
				flows = append(flows, e.Flow)
			}
		}
	})
	rawURL, tx, err := c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}})
	if err != nil {
		t.Fatal(err)
	}
	r := p.Authorize(rawURL)
	var v *VerificationError
	if _, err := c.Callback(t.Context(), r); !errors.As(err, &v) || v.Check != "state" || v.Got != "no pending login (was the cookie lost?)" {
		t.Errorf("got %v", err)
	}
	if _, err := c.CallbackValues(t.Context(), "query", url.Values{"state": {"other"}}, tx); !errors.As(err, &v) || v.Check != "state" || v.Got != "another state" {
		t.Errorf("got %v", err)
	}
	flows = slices.Delete(flows, 2, len(flows))
	if _, err := c.Callback(t.Context(), r, tx); err != nil {
		t.Fatal(err)
	}
	if len(flows) != 3 || flows[0] == "" || flows[1] == "" || flows[1] == flows[0] || flows[2] != flows[0] {
		t.Errorf("flows: %q", flows)
	}
}

// TestCallbackHandsOver: what the response and the transaction say beside the tokens.
func TestCallbackHandsOver(t *testing.T) {
	p := hostile.New(t)
	p.BrowserState = "browser-state"
	p.TokenResponse = func(m map[string]any) { delete(m, "scope") } // RFC 6749 section 5.1: as it was asked for
	tokens, err := logIn(t, newTestClient(t, p), p, func(r *AuthorizationRequest) { r.AppState = "here" })
	if err != nil {
		t.Fatal(err)
	}
	if tokens.AppState != "here" || !slices.Equal(tokens.Scope, []string{"openid", "offline_access"}) || tokens.SessionState == "" {
		t.Errorf("got %q %q %q", tokens.AppState, tokens.Scope, tokens.SessionState)
	}
	tokens, err = logIn(t, newTestClient(t, p), p, func(r *AuthorizationRequest) { r.ResponseType = "id_token" })
	if err != nil || tokens.Scope != nil {
		t.Errorf("no access token, and its scope is %q, %v", tokens.Scope, err)
	}
	p.TokenResponse = func(m map[string]any) { m["scope"] = "openid" }
	if tokens, err = logIn(t, newTestClient(t, p), p); err != nil || !slices.Equal(tokens.Scope, []string{"openid"}) {
		t.Errorf("got %q, %v", tokens.Scope, err)
	}
}

// TestCallbackDenied: an error of a hybrid login brings no tokens, and need not; it may come again, since nothing was redeemed.
func TestCallbackDenied(t *testing.T) {
	p := hostile.New(t)
	p.Callback = func(q url.Values) { deny(q); q.Set("iss", p.Issuer) }
	c := newTestClient(t, p)
	rawURL, tx, err := c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}, ResponseType: "code id_token"})
	if err != nil {
		t.Fatal(err)
	}
	r := p.Authorize(rawURL)
	r.ParseForm()
	for range 2 {
		if tokens, err := c.Callback(t.Context(), r, tx); !errors.Is(err, ErrAccessDenied) || tokens != nil {
			t.Errorf("got %v, %v", tokens, err)
		}
	}
}

// TestSignedResponseHoldsOtherThings: a claim that is no text is no parameter, whatever its name.
func TestSignedResponseHoldsOtherThings(t *testing.T) {
	p := hostile.New(t)
	p.Response = and(claim("access_token", "7"), claim("error", "null"))
	if _, err := play(t, newTestClient(t, p), p, AuthorizationRequest{Scope: []string{"openid"}, ResponseMode: "jwt"}); err != nil {
		t.Error(err)
	}
}

// TestHashesThatNeedNotCome: of the state only a detached signature says something, of a code or a token only where it came along.
func TestHashesThatNeedNotCome(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p)
	for responseType, absent := range map[string][]string{"code id_token": {"s_hash", "at_hash"}, "id_token": {"s_hash", "c_hash", "at_hash"}} {
		p.FrontIDToken = func(tok *hostile.Token) {
			for _, name := range absent {
				delete(tok.Claims, name)
			}
		}
		if _, err := logIn(t, c, p, func(r *AuthorizationRequest) { r.ResponseType = responseType }); err != nil {
			t.Errorf("%s: %v", responseType, err)
		}
	}
}

// TestSignedResponseExpiresIn: in a JWT it may be a number, as in a token response.
func TestSignedResponseExpiresIn(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p, func(cfg *Config) { cfg.InsecureAllowFrontChannelTokens = true })
	for value, want := range map[string]time.Duration{`120`: 2 * time.Minute, `"120"`: 2 * time.Minute} {
		p.Response = claim("expires_in", value)
		tokens, err := play(t, c, p, AuthorizationRequest{Scope: []string{"openid"}, ResponseType: "id_token token", ResponseMode: "form_post.jwt"})
		if err != nil {
			t.Fatal(err)
		}
		if d := time.Until(tokens.Expiry); d > want || d < want-time.Minute {
			t.Errorf("%s: %s", value, d)
		}
	}
	p.Response, p.Callback = nil, dropParam("expires_in")
	tokens, err := play(t, c, p, AuthorizationRequest{Scope: []string{"openid"}, ResponseType: "id_token token", ResponseMode: "form_post"})
	if err != nil || !tokens.Expiry.IsZero() || !slices.Equal(tokens.Scope, []string{"openid"}) {
		t.Errorf("nothing said of the end and of the scope: %v, %q, %v", tokens.Expiry, tokens.Scope, err)
	}
}

// TestCallbackWithoutItsKey: a code that is bound to a key is not sent where that key is not known.
func TestCallbackWithoutItsKey(t *testing.T) {
	p := hostile.New(t)
	share := func(cfg *Config) { cfg.Keys = testKeys }
	rawURL, tx, err := newTestClient(t, p, both(share, bind)).Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}})
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := newTestClient(t, p, share).Callback(t.Context(), p.Authorize(rawURL), tx)
	if refusedBy(err) != "DPoP key" || tokens != nil || p.Count("token") != 0 {
		t.Errorf("got %v, %v, %d requests", tokens, err, p.Count("token"))
	}
}

// TestCallbackWithoutMetadata: another process gets the response, and cannot ask the server anything.
func TestCallbackWithoutMetadata(t *testing.T) {
	p := hostile.New(t)
	share := func(cfg *Config) { cfg.Keys = testKeys }
	rawURL, tx, err := newTestClient(t, p, share).Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}})
	if err != nil {
		t.Fatal(err)
	}
	r := p.Authorize(rawURL)
	p.Serve("discovery", hostile.Reset())
	tokens, err := newTestClient(t, p, share).Callback(t.Context(), r, tx)
	var exchange *ExchangeError
	if !errors.As(err, &exchange) || exchange.Endpoint != "discovery" || tokens != nil || p.Count("token") != 0 {
		t.Errorf("got %v, %v, %d requests", tokens, err, p.Count("token"))
	}
}

func TestCallbackFormPost(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p)
	formPost := func(r *AuthorizationRequest) { r.ResponseMode = "form_post" }
	if _, err := logIn(t, c, p, formPost); err != nil {
		t.Fatal(err)
	}
	// The body was read by a middleware already.
	rawURL, tx, err := c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}, ResponseMode: "form_post"})
	if err != nil {
		t.Fatal(err)
	}
	r := p.Authorize(rawURL)
	if err := r.ParseForm(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Callback(t.Context(), r, tx); err != nil {
		t.Fatal(err)
	}
	rawURL, tx, err = c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}, ResponseMode: "form_post"})
	if err != nil {
		t.Fatal(err)
	}
	r = p.Authorize(rawURL)
	r.ParseForm()
	if _, err := c.CallbackValues(t.Context(), "form_post", r.PostForm, tx); err != nil {
		t.Fatal(err)
	}
	// As much as is read, and a byte more.
	for padding, check := range map[int]string{0: "", 1: "request"} {
		rawURL, tx, err := c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}, ResponseMode: "form_post"})
		if err != nil {
			t.Fatal(err)
		}
		r := p.Authorize(rawURL)
		r.ParseForm()
		r.PostForm.Set("vendor", "")
		r.PostForm.Set("vendor", strings.Repeat("v", maxCallbackBody-len(r.PostForm.Encode())+padding))
		if _, err := c.Callback(t.Context(), post("", r.PostForm), tx); refusedBy(err) != check || check == "" && err != nil {
			t.Errorf("%d bytes above the limit: %v", padding, err)
		}
	}
	for mode, check := range map[string]string{"fragment": "response_mode", "cookie": "request"} {
		if _, err := c.CallbackValues(t.Context(), mode, r.PostForm, tx); refusedBy(err) != check {
			t.Errorf("mode %s: %v", mode, err)
		}
	}
}

// TestHostileSealingKeysRotate: what the key of before has sealed is opened, and a key that is gone opens nothing.
func TestHostileSealingKeysRotate(t *testing.T) {
	t.Run("S08 the key of before", func(t *testing.T) {
		hostile.Watch(t, "discovery discovery token jwks")
		p := hostile.New(t)
		old, fresh := NewSecret(strings.Repeat("o1", 16)), NewSecret(strings.Repeat("n1", 16))
		before := newTestClient(t, p, func(cfg *Config) { cfg.Keys = []Secret{old} })
		after := newTestClient(t, p, func(cfg *Config) { cfg.Keys = []Secret{fresh, old} })
		gone := newTestClient(t, p, func(cfg *Config) { cfg.Keys = []Secret{fresh} })
		rawURL, tx, err := before.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}})
		if err != nil {
			t.Fatal(err)
		}
		r := p.Authorize(rawURL)
		_, err = gone.Callback(t.Context(), r, tx)
		hostile.Hear(err)
		if refusedBy(err) != "state" {
			t.Errorf("a forgotten key still opens: %v", err)
		}
		if _, err := after.Callback(t.Context(), r, tx); err != nil {
			t.Errorf("the old key does not open: %v", err)
		}
	})
}

// TestHostileTransactionIsWhole: no bit of it can be changed, nor its end.
func TestHostileTransactionIsWhole(t *testing.T) {
	t.Run("S01 a flipped bit anywhere", func(t *testing.T) {
		hostile.Watch(t, "discovery")
		p := hostile.New(t)
		c := newTestClient(t, p)
		_, tx, err := c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}, AppState: "here"})
		hostile.Hear(tx, err)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := c.openTransaction(tx); !ok {
			t.Fatal("the honest one does not open")
		}
		for i := range len(tx) {
			if _, ok := c.openTransaction(tx[:i]); ok {
				t.Errorf("%d of %d characters open", i, len(tx))
			}
			for bit := range 8 {
				changed := []byte(tx)
				changed[i] ^= 1 << bit
				if _, ok := c.openTransaction(Transaction(changed)); ok {
					t.Errorf("it opens with bit %d of character %d changed", bit, i)
				}
			}
		}
		if _, ok := c.openTransaction(tx + "A"); ok {
			t.Error("it opens with a character more")
		}
	})
}

// TestHostileTransactionFitsACookie: with all that may be in it, name and attributes beside it (RFC 6265 section 6.1).
func TestHostileTransactionFitsACookie(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p, func(cfg *Config) { cfg.DPoP = DPoPPerGrant() })
	ask := AuthorizationRequest{Scope: []string{"openid"}, ResponseMode: "form_post", AppState: strings.Repeat("a", maxAppState)}
	t.Run("S10 the largest", func(t *testing.T) {
		hostile.Watch(t, "discovery?")
		_, tx, err := c.Authorize(t.Context(), ask)
		hostile.Hear(err)
		if err != nil || len(tx) > 3500 {
			t.Errorf("%d characters, %v", len(tx), err)
		}
	})
	t.Run("S10 larger", func(t *testing.T) {
		hostile.Watch(t, "discovery?")
		ask.AppState += "a"
		_, tx, err := c.Authorize(t.Context(), ask)
		hostile.Hear(err)
		if tx != "" || err == nil || !strings.Contains(err.Error(), "AuthorizationRequest.AppState") {
			t.Errorf("%d characters, %v", len(tx), err)
		}
	})
}

// TestLoginsAreOverOnce: in all processes that share a store, and where it cannot say, nowhere.
func TestLoginsAreOverOnce(t *testing.T) {
	p := hostile.New(t)
	shared := store.Memory(1)
	key := NewSecret(strings.Repeat("k", 31) + "!")
	share := func(cfg *Config) { cfg.Store, cfg.Keys = shared, []Secret{key} }
	here, there := newTestClient(t, p, share), newTestClient(t, p, share)
	var responses []*http.Request
	var pending []Transaction
	for range 2 {
		location, tx, err := here.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}})
		if err != nil {
			t.Fatal(err)
		}
		responses, pending = append(responses, p.Authorize(location)), append(pending, tx)
	}
	if _, err := here.Callback(t.Context(), responses[0], pending...); err != nil {
		t.Fatal(err)
	}
	if _, err := there.Callback(t.Context(), responses[0], pending...); refusedBy(err) != "replay" || p.Count("token") != 1 {
		t.Errorf("the other process: %v, %d requests", err, p.Count("token"))
	}
	_, err := here.Callback(t.Context(), responses[1], pending...)
	if refusedBy(err) != "replay" || !errors.Is(err, store.ErrFull) || p.Count("token") != 1 {
		t.Errorf("a store that is full: %v, %d requests", err, p.Count("token"))
	}
}
