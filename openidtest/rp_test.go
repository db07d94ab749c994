package openidtest_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/openid-client/openid/openidtest"
)

const (
	callback = "http://127.0.0.1/callback" // nobody listens there: the browser stops before it
	secret   = "a secret of at least 32 bytes, for HS256"
)

// rp is a relying party that trusts what it gets; checks are the business of the tests.
type rp struct {
	t        *testing.T
	op       *openidtest.Provider
	id       string
	redirect string
	auth     func(r *http.Request, form url.Values) // of token requests
	verifier string
}

func newRP(t *testing.T, op *openidtest.Provider, id string) *rp {
	return &rp{t: t, op: op, id: id, redirect: callback, auth: basic(id, secret), verifier: rand.Text() + rand.Text()}
}

func basic(id, secret string) func(*http.Request, url.Values) {
	return func(r *http.Request, _ url.Values) { r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret)) }
}

func post(id, secret string) func(*http.Request, url.Values) {
	return func(_ *http.Request, form url.Values) {
		form.Set("client_id", id)
		if secret != "" {
			form.Set("client_secret", secret)
		}
	}
}

func assertion(id, aud string, key jose.SigningKey) func(*http.Request, url.Values) {
	return func(_ *http.Request, form url.Values) {
		signer, err := jose.NewSigner(key, nil)
		if err != nil {
			panic(err)
		}
		now := jwt.NumericDate(time.Now().Unix())
		exp := now + 60
		signed, err := jwt.Signed(signer).Claims(jwt.Claims{Issuer: id, Subject: id, Audience: jwt.Audience{aud}, ID: rand.Text(), IssuedAt: &now, Expiry: &exp}).Serialize()
		if err != nil {
			panic(err)
		}
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", signed)
	}
}

// authorizationURL asks for a code; params replace or, when empty, remove.
func (c *rp) authorizationURL(params url.Values) string {
	challenge := sha256.Sum256([]byte(c.verifier))
	q := url.Values{
		"response_type":         {"code"},
		"client_id":             {c.id},
		"redirect_uri":          {c.redirect},
		"scope":                 {"openid profile email"},
		"state":                 {"the state"},
		"nonce":                 {"the nonce"},
		"code_challenge":        {base64.RawURLEncoding.EncodeToString(challenge[:])},
		"code_challenge_method": {"S256"},
	}
	for k, v := range params {
		if q[k] = v; v[0] == "" {
			q.Del(k)
		}
	}
	return c.op.Issuer() + "/authorize?" + q.Encode()
}

// redeem exchanges a code.
func (c *rp) redeem(code string) answer {
	return c.token(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {c.redirect}, "code_verifier": {c.verifier}})
}

func (c *rp) refresh(token any) answer {
	return c.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token.(string)}})
}

func (c *rp) token(form url.Values) answer { return c.post("/token", form) }

func (c *rp) post(path string, form url.Values) answer {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.op.Issuer()+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	form = maps.Clone(form)
	if c.auth != nil {
		c.auth(r, form)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Body = io.NopCloser(strings.NewReader(form.Encode()))
	return do(c.t, c.op, r)
}

// login drives an automatically approved login to its tokens.
func (c *rp) login(params url.Values) answer {
	c.t.Helper()
	got := newBrowser(c.t, c.op).open(c.authorizationURL(params))
	if got.params.Get("code") == "" {
		c.t.Fatalf("no code: %v %s", got.params, got.body)
	}
	return c.redeem(got.params.Get("code")).ok(c.t)
}

// claims verifies an ID Token with the published keys and returns its header and claims.
func (c *rp) claims(idToken any) (jose.Header, map[string]any) {
	c.t.Helper()
	t, err := jwt.ParseSigned(idToken.(string), []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.EdDSA, jose.HS256})
	if err != nil {
		c.t.Fatal(err)
	}
	head, claims := t.Headers[0], map[string]any{}
	var key any = []byte(secret)
	if head.Algorithm != "HS256" {
		var set jose.JSONWebKeySet
		if err := json.Unmarshal(get(c.t, c.op, "/jwks", "").raw, &set); err != nil {
			c.t.Fatal(err)
		}
		found := set.Key(head.KeyID)
		if len(found) != 1 {
			c.t.Fatalf("%d published keys are called %q", len(found), head.KeyID)
		}
		key = found[0].Key
	}
	if err := t.Claims(key, &claims); err != nil {
		c.t.Fatalf("ID Token: %v", err)
	}
	return head, claims
}

// answer is a JSON answer.
type answer struct {
	status  int
	request http.Header
	header  http.Header
	raw     []byte
	doc     map[string]any
}

func (a answer) ok(t *testing.T) answer {
	t.Helper()
	if a.status/100 != 2 {
		t.Fatalf("status %d: %s", a.status, a.raw)
	}
	return a
}

// refused checks the status and the code of an error.
func (a answer) refused(t *testing.T, status int, code string) {
	t.Helper()
	if a.status != status || a.doc["error"] != code {
		t.Errorf("got %d %s, want %d %s", a.status, a.raw, status, code)
	}
}

func do(t *testing.T, op *openidtest.Provider, r *http.Request) answer {
	t.Helper()
	resp, err := op.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, request: r.Header, header: resp.Header, raw: raw}
	_ = json.Unmarshal(raw, &a.doc)
	return a
}

func get(t *testing.T, op *openidtest.Provider, path string, accessToken string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, op.Issuer()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if accessToken != "" {
		r.Header.Set("Authorization", "Bearer "+accessToken)
	}
	return do(t, op, r)
}

// browser follows redirects as long as they stay at the provider.
type browser struct {
	t  *testing.T
	op *openidtest.Provider
	hc *http.Client
}

// stop is where a browser ended up: on a page of the provider, or about to leave it.
type stop struct {
	status int
	body   string
	header http.Header
	left   string     // the address outside, without its query
	params url.Values // of that query, or of the form that is posted there
	form   bool       // by form_post
}

func newBrowser(t *testing.T, op *openidtest.Provider) *browser {
	hc := op.Client()
	hc.Jar, _ = cookiejar.New(nil)
	hc.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if !strings.HasPrefix(r.URL.String(), op.Issuer()+"/") {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return &browser{t, op, hc}
}

func (b *browser) open(address string) stop {
	b.t.Helper()
	resp, err := b.hc.Get(address)
	return b.arrive(resp, err)
}

var (
	formAction = regexp.MustCompile(`<form [^>]*action="([^"]*)"`)
	formInput  = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)
)

// answer submits the form of the page.
func (b *browser) answer(page stop, fields url.Values) stop {
	b.t.Helper()
	m := formAction.FindStringSubmatch(page.body)
	if m == nil {
		b.t.Fatalf("no form on the page: %s", page.body)
	}
	resp, err := b.hc.PostForm(b.op.Issuer()+html.UnescapeString(m[1]), fields)
	return b.arrive(resp, err)
}

func (b *browser) arrive(resp *http.Response, err error) stop {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	s := stop{status: resp.StatusCode, body: string(body), header: resp.Header}
	if u, err := resp.Location(); err == nil {
		s.params = u.Query()
		u.RawQuery = ""
		s.left = u.String()
	} else if m := formAction.FindStringSubmatch(s.body); m != nil && !strings.HasPrefix(m[1], "/") {
		s.left, s.params, s.form = html.UnescapeString(m[1]), url.Values{}, true
		for _, f := range formInput.FindAllStringSubmatch(s.body, -1) {
			s.params.Set(f[1], html.UnescapeString(f[2]))
		}
	}
	return s
}
