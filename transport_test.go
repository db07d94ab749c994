package openid

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/openid-client/openid/internal/hostile"
)

// resource is tokens for p's protected resource and a client that holds them.
func resource(t *testing.T, p *hostile.Provider, dpop DPoP) (*Client, *Tokens) {
	t.Helper()
	c := newTestClient(t, p, func(cfg *Config) { cfg.DPoP = dpop })
	tokens, err := logIn(t, c, p)
	if err != nil {
		t.Fatal(err)
	}
	return c, tokens
}

func TestProtectedResource(t *testing.T) {
	for name, dpop := range map[string]DPoP{"Bearer": {}, "DPoP": DPoPPerGrant()} {
		t.Run(name, func(t *testing.T) {
			p := hostile.New(t)
			p.DPoP.Nonce = dpop.enabled()
			c, tokens := resource(t, p, dpop)
			h := c.HTTPClient(tokens, p.URL("")[:strings.Index(p.URL(""), "/t/")])
			for i := range 3 {
				res, err := h.Post(p.URL("resource")+"?a=b", "text/plain", strings.NewReader("the body"))
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(res.Body)
				res.Body.Close()
				if res.StatusCode != 200 || !bytes.Contains(body, []byte(`"the body"`)) {
					t.Errorf("%d: %s, %s", i, res.Status, body)
				}
			}
			// With nonces the first request is made twice; after that each answer brings the next nonce.
			want := map[string]int{"Bearer": 3, "DPoP": 4}[name]
			if n := p.Count("resource"); n != want {
				t.Errorf("%d requests, want %d", n, want)
			}
			r := p.Requests("resource")[0]
			if got := r.Header.Get("Authorization"); !strings.HasPrefix(got, name+" ") {
				t.Errorf("presented as %.8s", got)
			}
		})
	}
}

// TestOneShot: the request's own origin is the one the token goes to, and its answer comes back whatever the status.
func TestOneShot(t *testing.T) {
	p := hostile.New(t)
	c, tokens := resource(t, p, DPoPKey(newKey(t)))
	r, _ := http.NewRequestWithContext(t.Context(), "DELETE", p.URL("resource"), nil)
	res, err := c.Do(r, tokens)
	if err != nil || res.StatusCode != 200 {
		t.Fatal(res, err)
	}
	res.Body.Close()
	if r.Header.Get("Authorization") != "" || r.Header.Get("DPoP") != "" {
		t.Error("the caller's request was changed")
	}
	p.Serve("resource", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("WWW-Authenticate", `Bearer error="insufficient_scope", scope="pay"`)
		w.WriteHeader(403)
	})
	res, err = c.Do(r, tokens)
	if err != nil || res.StatusCode != 403 {
		t.Fatal(res, err)
	}
	res.Body.Close()
	if list := Challenges(res.Header); len(list) != 1 || !errors.Is(list[0].Code(), ErrInsufficientScope) || list[0].Params["scope"] != "pay" {
		t.Errorf("challenges %v", list)
	}
}

// TestTokenStaysHome: each way to lure the token elsewhere ends before anything is sent.
func TestTokenStaysHome(t *testing.T) {
	p := hostile.New(t)
	c, tokens := resource(t, p, DPoP{})
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("a request reached a stranger, with %d bytes of Authorization", len(r.Header.Get("Authorization")))
	}))
	defer stranger.Close()
	home := strings.TrimSuffix(p.URL(""), "/t/")
	other := hostile.New(t)
	foreign, err := logIn(t, newTestClient(t, other), other)
	if err != nil {
		t.Fatal(err)
	}
	before := p.Count("resource")
	for name, row := range map[string]struct {
		origin, url string
		tokens      *Tokens
		change      func(*http.Request)
	}{
		"another host":                {home, stranger.URL, tokens, nil},
		"plain http":                  {strings.Replace(home, "https", "http", 1), strings.Replace(p.URL("resource"), "https", "http", 1), tokens, nil},
		"another port":                {"https://127.0.0.1:1", p.URL("resource"), tokens, nil},
		"an origin with a path":       {home + "/t", p.URL("resource"), tokens, nil},
		"no origin":                   {"", p.URL("resource"), tokens, nil},
		"a user in the address":       {home, strings.Replace(p.URL("resource"), "https://", "https://u:p@", 1), tokens, nil},
		"where a redirect leads":      {home, p.URL("resource"), tokens, func(r *http.Request) { r.Response = new(http.Response) }},
		"an Authorization of its own": {home, p.URL("resource"), tokens, func(r *http.Request) { r.Header.Set("Authorization", "Basic x") }},
		"a proof of its own":          {home, p.URL("resource"), tokens, func(r *http.Request) { r.Header.Set("DPoP", "x") }},
		"one in lower case":           {home, p.URL("resource"), tokens, func(r *http.Request) { r.Header["authorization"] = []string{"Basic x"} }},
		"a proof under its full name": {home, p.URL("resource"), tokens, func(r *http.Request) { r.Header["DPoP"] = []string{"x"} }},
		"another Host":                {home, p.URL("resource"), tokens, func(r *http.Request) { r.Host = "evil.example" }},
		"another address on the wire": {home, p.URL("resource"), tokens, func(r *http.Request) { r.URL.Opaque = "//evil.example/t/resource" }},
		"no tokens":                   {home, p.URL("resource"), nil, nil},
		"no access token":             {home, p.URL("resource"), new(Tokens), nil},
		"tokens of another issuer":    {home, p.URL("resource"), foreign, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), "POST", row.url, strings.NewReader("x"))
			if err != nil {
				t.Fatal(err)
			}
			if row.change != nil {
				row.change(r)
			}
			closed := false
			r.Body = closing{r.Body, &closed}
			res, err := c.Transport(row.tokens, row.origin).RoundTrip(r)
			if err == nil {
				res.Body.Close()
				t.Fatal("it was sent")
			}
			if strings.Contains(err.Error(), hostile.Canary) || !closed {
				t.Errorf("%v; body closed: %v", err, closed)
			}
		})
	}
	if p.Count("resource") != before {
		t.Error("something was sent")
	}
	// A redirect is the caller's to look at.
	p.Serve("resource", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, stranger.URL, http.StatusTemporaryRedirect)
	})
	res, err := c.HTTPClient(tokens, home).Get(p.URL("resource"))
	if err != nil || res.StatusCode != http.StatusTemporaryRedirect {
		t.Fatal(res, err)
	}
	res.Body.Close()
}

type closing struct {
	io.ReadCloser
	closed *bool
}

func (c closing) Close() error { *c.closed = true; return c.ReadCloser.Close() }

// TestBodyIsReplayedOnlyThroughGetBody: a stream that was read is not sent again as if it were empty.
func TestBodyIsReplayedOnlyThroughGetBody(t *testing.T) {
	for name, row := range map[string]struct {
		change   func(*http.Request)
		status   int
		requests int
	}{
		"a body that can be had again": {func(*http.Request) {}, 200, 2},
		"no body":                      {func(r *http.Request) { r.Body, r.GetBody, r.ContentLength = nil, nil, 0 }, 200, 2},
		"a stream":                     {func(r *http.Request) { r.GetBody = nil }, 401, 1},
		"a body that is gone":          {func(r *http.Request) { r.GetBody = func() (io.ReadCloser, error) { return nil, io.ErrUnexpectedEOF } }, 401, 1},
	} {
		t.Run(name, func(t *testing.T) {
			p := hostile.New(t)
			c, tokens := resource(t, p, DPoPPerGrant())
			p.DPoP.Nonce = true
			r, _ := http.NewRequestWithContext(t.Context(), "POST", p.URL("resource"), strings.NewReader("x"))
			row.change(r)
			res, err := c.Do(r, tokens)
			if err != nil || res.StatusCode != row.status || p.Count("resource") != row.requests {
				t.Fatalf("%v, %v, %d requests", res, err, p.Count("resource"))
			}
			body, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if row.requests == 2 && r.Body != nil && !bytes.Contains(body, []byte(`"body":"x"`)) {
				t.Errorf("the second body was %s", body)
			}
		})
	}
	// A server that never stops asking is asked twice.
	p := hostile.New(t)
	c, tokens := resource(t, p, DPoPPerGrant())
	p.DPoP.Endless = true
	r, _ := http.NewRequestWithContext(t.Context(), "GET", p.URL("resource"), nil)
	res, err := c.Do(r, tokens)
	if err != nil || res.StatusCode != 401 || p.Count("resource") != 2 {
		t.Fatalf("%v, %v, %d requests", res, err, p.Count("resource"))
	}
	res.Body.Close()
}

// TestUserInfoNonce: the UserInfo endpoint is a resource server, whose nonces are not those of the authorization server.
func TestUserInfoNonce(t *testing.T) {
	p := hostile.New(t)
	p.DPoP.Nonce = true
	c, tokens := resource(t, p, DPoPKey(newKey(t)))
	for range 2 {
		if _, err := c.UserInfo(t.Context(), tokens); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.Count("userinfo"); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
	for _, proof := range p.Proofs() {
		nonce, _ := proof.Claims["nonce"].(string)
		if role := map[string]string{"userinfo": "rs"}[proof.Endpoint]; nonce != "" && !strings.HasPrefix(nonce, or(role, "as")) {
			t.Errorf("%s got the nonce %s", proof.Endpoint, nonce)
		}
	}
	p.DPoP = hostile.DPoP{Endless: true}
	_, err := c.UserInfo(t.Context(), tokens)
	var refused *ResponseError
	if !errors.As(err, &refused) || !errors.Is(err, ErrUseDPoPNonce) || len(refused.Challenges) != 2 || refused.Challenges[1].Scheme != "dpop" {
		t.Errorf("got %v", err)
	}
}

// TestNoncesOfTwoServers: each answer brings a new nonce, the authorization server's and the resource server's being others. The newest goes
// back to where it came from, and only the first request to each is sent twice.
func TestNoncesOfTwoServers(t *testing.T) {
	p := hostile.New(t)
	p.DPoP.Nonce = true
	c, tokens := resource(t, p, DPoPPerGrant())
	for range 3 {
		r, _ := http.NewRequestWithContext(t.Context(), "GET", p.URL("resource"), nil)
		res, err := c.Do(r, tokens)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if _, err := c.UserInfo(t.Context(), tokens); err != nil {
			t.Fatal(err)
		}
		if tokens, err = c.Refresh(t.Context(), tokens); err != nil {
			t.Fatal(err)
		}
	}
	if n, m := p.Count("token"), p.Count("resource")+p.Count("userinfo"); n != 1+1+3 || m != 1+6 {
		t.Errorf("%d requests to the authorization server, %d to the resource server", n, m)
	}
	seen := map[string]bool{"": true}
	without := map[string]int{}
	for _, proof := range p.Proofs() {
		nonce, _ := proof.Claims["nonce"].(string)
		role := or(map[string]string{"userinfo": "rs", "resource": "rs"}[proof.Endpoint], "as")
		switch {
		case nonce == "":
			without[role]++
		case !strings.HasPrefix(nonce, role+"-") || seen[nonce]:
			t.Errorf("%s got the nonce %s", proof.Endpoint, nonce)
		}
		seen[nonce] = true
	}
	if without["as"] != 1 || without["rs"] != 1 {
		t.Errorf("proofs without a nonce: %v", without)
	}
}

// TestHostileNonceOfAnyAnswer: a nonce that comes with any answer, a refusal or not, is in the next proof for that role, and in no other.
func TestHostileNonceOfAnyAnswer(t *testing.T) {
	for name, row := range map[string]struct {
		status   int
		nonces   []string
		requests int
		next     string
	}{
		"P09 a success":                        {200, []string{"rs-one"}, 1, "rs-one"},
		"P09 a refusal that wants no nonce":    {403, []string{"rs-one"}, 1, "rs-one"},
		"a 401 without a challenge":            {401, []string{"rs-one"}, 1, "rs-one"},
		"P16 two nonces":                       {200, []string{"rs-one", "rs-two"}, 1, ""},
		"P16 a nonce with a quote":             {200, []string{`rs"one`}, 1, ""},
		"P16 a nonce of a megabyte, nearly so": {200, []string{strings.Repeat("n", 100<<10)}, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			hostile.Watch(t, "discovery token jwks resource resource token")
			p := hostile.New(t)
			c, tokens := resource(t, p, DPoPPerGrant())
			p.Serve("resource", func(w http.ResponseWriter, r *http.Request) {
				w.Header()["Dpop-Nonce"] = row.nonces
				hostile.Status(row.status, "text/plain", "")(w, r)
			})
			ask := func() (nonce string) {
				t.Helper()
				r, _ := http.NewRequestWithContext(t.Context(), "GET", p.URL("resource"), nil)
				res, err := c.Do(r, tokens)
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				requests := p.Requests("resource")
				_, claims := decoded(t, requests[len(requests)-1].Header.Get("DPoP"))
				return strings.Trim(string(claims["nonce"]), `"`)
			}
			if got := ask(); got != "" || p.Count("resource") != row.requests {
				t.Fatalf("the first proof has the nonce %s, of %d requests", got, p.Count("resource"))
			}
			if got := ask(); got != row.next {
				t.Errorf("the next proof has the nonce %q, want %q", got, row.next)
			}
			if _, err := c.Refresh(t.Context(), tokens); err != nil {
				t.Fatal(err)
			}
			proofs := p.Proofs()
			if last := proofs[len(proofs)-1]; last.Endpoint != "token" || last.Claims["nonce"] != nil {
				t.Errorf("the nonce of the resource server went to %s", last.Endpoint)
			}
		})
	}
}
