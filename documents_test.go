package openid

import (
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openid-client/openid/internal/hostile"
	"github.com/openid-client/openid/internal/jose"
)

// A documentLie is something false in a document that a browser or an endpoint brings, and the one check that must refuse it.
type documentLie struct {
	name   string
	ask    AuthorizationRequest // with the scope openid where none is said
	tune   func(*Config)
	script func(*hostile.Provider)
	check  string
}

var (
	hybrid = AuthorizationRequest{ResponseType: "code id_token"}
	signed = AuthorizationRequest{ResponseMode: "jwt"}
)

func response(lie func(*hostile.Token)) func(*hostile.Provider) {
	return func(p *hostile.Provider) { p.Response = lie }
}

func front(lie func(*hostile.Token)) func(*hostile.Provider) {
	return func(p *hostile.Provider) { p.FrontIDToken = lie }
}

func pushed(name string, value any) func(*hostile.Provider) {
	return func(p *hostile.Provider) {
		p.Pushed = func(m map[string]any) {
			if m[name] = value; value == nil {
				delete(m, name)
			}
		}
	}
}

func push(cfg *Config)   { cfg.PushAuthorizationRequests = true }
func detach(cfg *Config) { cfg.DetachedSignature = true }
func expose(cfg *Config) { cfg.InsecureAllowFrontChannelTokens = true }

// documentLies are by the document that VerificationError names.
var documentLies = map[string][]documentLie{
	"authorization response": {
		{name: "64 KiB and more", ask: signed, script: response(func(tok *hostile.Token) { tok.Claims["filler"] = strings.Repeat("x", 64<<10) }), check: "compact"},
		{name: "four parts", ask: signed, script: response(compact(func(s string) string { return s + ".x" })), check: "response"},
		{name: "I40 a header that is an array", ask: signed, script: response(func(tok *hostile.Token) { tok.RawHeader = []byte("[]") }), check: "header"},
		{name: "R05 none", ask: signed, script: response(func(tok *hostile.Token) {
			tok.Header["alg"] = "none"
			tok.Compact = hostile.DropSignature
		}), check: "alg"},
		{name: "I04 HS256 with the client secret", ask: signed, script: func(p *hostile.Provider) {
			key := hostile.NewSecretKey("HS256", "", []byte(p.ClientSecret))
			p.Response = func(tok *hostile.Token) { tok.Key, tok.Header = key, map[string]any{"alg": "HS256"} }
		}, check: "alg"},
		{name: "I36 an extension that must be understood", ask: signed, script: response(header("crit", `["x"]`)), check: "crit"},
		{name: "I38 b64", ask: signed, script: response(header("b64", `true`)), check: "b64"},
		{name: "I05 a key in the header", ask: signed, script: response(header("jwk", `{"kty":"EC"}`)), check: "embedded key"},
		{name: "I34 a logout token", ask: signed, script: response(header("typ", `"logout+jwt"`)), check: "typ"},
		{name: "an unknown key", ask: signed, script: response(header("kid", `"nobody's"`)), check: "key"},
		{name: "a broken signature", ask: signed, script: response(compact(hostile.BreakSignature)), check: "signature"},
		{name: "a withdrawn key under a known name", ask: signed, script: func(p *hostile.Provider) {
			old := p.Rotate(p.SigningKey().ID)
			p.Response = func(tok *hostile.Token) { tok.Key = old }
		}, check: "signature"},
		{name: "I08 state twice", ask: signed, script: response(func(tok *hostile.Token) {
			tok.RawPayload = hostile.WithMember(tok.PayloadJSON(), "state", `"other"`)
		}), check: "response"},
		{name: "state missing", ask: signed, script: response(claim("state", "")), check: "state"},
		{name: "R08 an ID Token as the response", ask: signed, script: response(func(tok *hostile.Token) {
			tok.Claims = map[string]any{"iss": tok.Claims["iss"], "aud": tok.Claims["aud"], "exp": tok.Claims["exp"], "iat": time.Now().Unix(), "sub": "alice-sub"}
		}), check: "state"},
		{name: "state a number", ask: signed, script: response(claim("state", "1")), check: "state"},
		{name: "the state of nobody", ask: signed, script: response(claim("state", `"other"`)), check: "state"},
		{name: "R02 iss wrong", ask: signed, script: response(claim("iss", `"https://evil.example"`)), check: "iss"},
		{name: "iss missing", ask: signed, script: response(claim("iss", "")), check: "iss"},
		{name: "R01 aud wrong", ask: signed, script: response(claim("aud", `"another client"`)), check: "aud"},
		{name: "I21 aud missing", ask: signed, script: response(claim("aud", "")), check: "aud"},
		{name: "I23 somebody else besides", ask: signed, script: response(claim("aud", `["client","friend"]`)), check: "aud"},
		{name: "R03 expired", ask: signed, script: response(hostile.Expired), check: "exp"},
		{name: "R04 exp missing", ask: signed, script: response(claim("exp", "")), check: "exp"},
		{name: "I15 exp a string", ask: signed, script: response(claim("exp", `"9999999999"`)), check: "exp"},
		{name: "good for a day", ask: signed, script: response(hostile.At("exp", 24*time.Hour)), check: "lifetime"},
		{name: "I20 made tomorrow", ask: signed, script: response(hostile.At("iat", 24*time.Hour)), check: "iat"},
		{name: "I20 not yet good", ask: signed, script: response(hostile.At("nbf", 24*time.Hour)), check: "nbf"},
		{name: "no code inside", ask: signed, script: response(claim("code", "")), check: "code"},
		{name: "an access token inside", ask: signed, script: response(claim("access_token", `"x"`)), check: "front-channel token"},
		{name: "a response in the response", ask: signed, script: response(claim("response", `"x"`)), check: "front-channel token"},
		{name: "R07 a signed response in the wrong place", ask: AuthorizationRequest{ResponseMode: "query"}, script: func(p *hostile.Provider) {
			p.Callback = func(q url.Values) {
				tok := hostile.NewToken(p.SigningKey(), map[string]any{"iss": p.Issuer, "aud": p.ClientID, "state": q.Get("state"), "code": q.Get("code")})
				clear(q)
				q.Set("response", tok.String())
			}
		}, check: "response_mode"},
		{name: "a code that an implicit login never asked for", ask: AuthorizationRequest{ResponseType: "id_token"},
			script: func(p *hostile.Provider) { p.Callback = setParam("code", "x") }, check: "code"},
		{name: "an error with an ID Token", ask: hybrid, script: func(p *hostile.Provider) {
			p.Callback = func(q url.Values) { q.Del("code"); q.Set("error", "access_denied"); q.Set("iss", p.Issuer) }
		}, check: "front-channel token"},
	},
	"front-channel ID Token": {
		{name: "a broken signature", ask: hybrid, script: front(compact(hostile.BreakSignature)), check: "signature"},
		{name: "the nonce of another login", ask: hybrid, script: front(claim("nonce", `"other"`)), check: "nonce"},
		{name: "no nonce", ask: AuthorizationRequest{ResponseType: "id_token"}, script: front(claim("nonce", "")), check: "nonce"},
		{name: "another audience", ask: hybrid, script: front(claim("aud", `"another client"`)), check: "aud"},
		{name: "c_hash of another code", ask: hybrid, script: front(claim("c_hash", `"AAAAAAAAAAAAAAAAAAAAAA"`)), check: "c_hash"},
		{name: "another code than the one hashed", ask: hybrid, script: func(p *hostile.Provider) { p.Callback = setParam("code", "stolen") }, check: "c_hash"},
		{name: "no c_hash", ask: hybrid, script: front(claim("c_hash", "")), check: "c_hash present"},
		{name: "s_hash of another state", ask: hybrid, script: front(claim("s_hash", `"AAAAAAAAAAAAAAAAAAAAAA"`)), check: "s_hash"},
		{name: "no s_hash in a detached signature", ask: hybrid, tune: detach, script: front(claim("s_hash", "")), check: "s_hash present"},
		{name: "no at_hash", ask: AuthorizationRequest{ResponseType: "id_token token"}, tune: expose, script: front(claim("at_hash", "")), check: "at_hash present"},
		{name: "another access token than the one hashed", ask: AuthorizationRequest{ResponseType: "code id_token token"}, tune: expose,
			script: func(p *hostile.Provider) { p.Callback = setParam("access_token", "mine") }, check: "at_hash"},
		{name: "issued a day ago", ask: hybrid, script: front(func(tok *hostile.Token) { tok.Claims["iat"] = time.Now().Add(-24 * time.Hour).Unix() }), check: "age"},
	},
	"ID Token": {
		{name: "another user than in front", ask: hybrid, script: func(p *hostile.Provider) { p.IDToken = claim("sub", `"mallory"`) }, check: "front sub"},
		{name: "issued a week ago, to a client that wants signed responses", ask: signed, tune: detach, script: inBack(hostile.WeekOld), check: "age"},
	},
	"token response": {
		{name: "an access token in front that is no bearer token", ask: AuthorizationRequest{ResponseType: "id_token token"}, tune: expose,
			script: func(p *hostile.Provider) { p.Callback = setParam("token_type", "mac") }, check: "token_type"},
		{name: "an access token in front with a line break", ask: AuthorizationRequest{ResponseType: "code token"}, tune: expose,
			script: func(p *hostile.Provider) { p.Callback = setParam("access_token", "a\nb") }, check: "access_token"},
	},
	"pushed authorization response": {
		{name: "status 200", tune: push, script: func(p *hostile.Provider) {
			p.Serve("pushed_authorization_request", hostile.Status(200, "application/json", `{"request_uri":"urn:x","expires_in":60}`))
		}, check: "status"},
		{name: "T23 request_uri missing", tune: push, script: pushed("request_uri", nil), check: "request_uri"},
		{name: "T23 request_uri empty", tune: push, script: pushed("request_uri", ""), check: "request_uri"},
		{name: "T23 request_uri relative", tune: push, script: pushed("request_uri", "/x"), check: "request_uri"},
		{name: "T23 request_uri of two lines", tune: push, script: pushed("request_uri", "urn:a\nb"), check: "request_uri"},
		{name: "T23 request_uri a number", tune: push, script: pushed("request_uri", 1), check: "request_uri"},
		{name: "T23 request_uri without end", tune: push, script: pushed("request_uri", "urn:"+strings.Repeat("x", maxRequestURI)), check: "request_uri"},
		{name: "T24 expires_in missing", tune: push, script: pushed("expires_in", nil), check: "expires_in"},
		{name: "T24 expires_in zero", tune: push, script: pushed("expires_in", 0), check: "expires_in"},
		{name: "T24 expires_in negative", tune: push, script: pushed("expires_in", -1), check: "expires_in"},
		{name: "T24 expires_in a word", tune: push, script: pushed("expires_in", "soon"), check: "expires_in"},
	},
	"server metadata": {
		{name: "only plain PKCE", script: metadata("code_challenge_methods_supported", []string{"plain"}), check: "code_challenge_methods_supported"},
		{name: "no algorithm of ours for proofs", tune: func(cfg *Config) { cfg.DPoP = DPoPPerGrant() },
			script: metadata("dpop_signing_alg_values_supported", []string{"RS256"}), check: "dpop_signing_alg_values_supported"},
		{name: "request objects required, none made", script: metadata("require_signed_request_object", true), check: "require_signed_request_object"},
		{name: "request objects required, unsigned ones made", tune: func(cfg *Config) { cfg.RequestObject = &RequestObject{InsecureUnsigned: true} },
			script: metadata("require_signed_request_object", true), check: "require_signed_request_object"},
		{name: "pushing required, and nowhere to push to", script: func(p *hostile.Provider) {
			p.Metadata = func(m map[string]any) {
				m["require_pushed_authorization_requests"] = true
				delete(m, "pushed_authorization_request_endpoint")
			}
		}, check: "pushed_authorization_request_endpoint"},
	},
}

func metadata(name string, value any) func(*hostile.Provider) {
	return func(p *hostile.Provider) { p.Metadata = func(m map[string]any) { m[name] = value } }
}

func (l documentLie) tell(t *testing.T, document, drop string) (*hostile.Provider, error) {
	t.Helper()
	p := hostile.New(t)
	c := newTestClient(t, p)
	if l.tune != nil {
		c = newTestClient(t, p, l.tune)
	}
	c.without(drop)
	l.script(p)
	ask := l.ask
	if ask.Scope == nil {
		ask.Scope = []string{"openid"}
	}
	if strings.HasPrefix(document, "pushed") || document == "server metadata" {
		_, _, err := c.Authorize(t.Context(), ask) // without the row, what comes of it is no business of the provider's
		return p, err
	}
	_, err := play(t, c, p, ask)
	return p, err
}

func TestHostileDocument(t *testing.T) {
	for document, lies := range documentLies {
		for _, l := range lies {
			t.Run(l.name+"/"+document, func(t *testing.T) {
				requests := "discovery pushed_authorization_request? jwks?"
				if document == "ID Token" {
					requests += " token" // what came in front was good
				}
				hostile.Watch(t, requests)
				_, err := l.tell(t, document, "")
				hostile.Hear(err)
				var v *VerificationError
				if !errors.As(err, &v) || v.Check != l.check || v.Document != document {
					t.Fatalf("refused by %v, want %s: %s", err, document, l.check)
				}
				if v.Spec == "" {
					t.Errorf("no rule: %v", err)
				}
			})
		}
	}
}

// TestPushedRefusals: an error body, a challenge, both at once; and what is no answer at all.
func TestPushedRefusals(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p, push)
	if _, err := logIn(t, c, p); err != nil {
		t.Fatal(err)
	}
	for _, header := range []string{``, `Bearer error="invalid_client", DPoP error="use_dpop_nonce"`} {
		// Both at once are both reported, and the body's code is the one that counts.
		p.Serve("pushed_authorization_request", func(w http.ResponseWriter, r *http.Request) {
			if header != "" {
				w.Header().Set("WWW-Authenticate", header)
			}
			hostile.Status(401, "application/json", `{"error":"invalid_request"}`)(w, r)
		})
		_, _, err := c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}})
		var refused *ResponseError
		if !errors.As(err, &refused) || !errors.Is(err, ErrInvalidRequest) || refused.Status != 401 || (len(refused.Challenges) == 2) != (header != "") {
			t.Errorf("%q: got %v", header, err)
		}
	}
	p.Serve("pushed_authorization_request", hostile.Status(400, "application/json", `{"error":"invalid_request","error_description":"no"}`))
	_, _, err := c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}})
	var refused *ResponseError
	if !errors.As(err, &refused) || !errors.Is(err, ErrInvalidRequest) || refused.Endpoint != "pushed authorization request" || refused.Description != "no" {
		t.Errorf("got %v", err)
	}
	p.Serve("pushed_authorization_request", hostile.Status(201, "application/json", `[]`))
	var none *ExchangeError
	if _, _, err := c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}}); !errors.As(err, &none) || !none.Sent {
		t.Errorf("got %v", err)
	}
}

// TestPushedForm: the golden body of RFC 9126 §2.1, without its random parts.
func TestPushedForm(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p, push, func(cfg *Config) { cfg.Auth = PrivateKeyJWT(newKey(t), "k1") })
	rawURL, tx, err := c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid", "account-information"}})
	if err != nil {
		t.Fatal(err)
	}
	form := p.Requests("pushed_authorization_request")[0].Form
	for _, random := range []string{"state", "nonce", "code_challenge", "client_assertion"} {
		if len(form.Get(random)) < 43 {
			t.Errorf("%s is %q", random, form.Get(random))
		}
		form.Del(random)
	}
	const want = "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_id=client&code_challenge_method=S256&" +
		"redirect_uri=https%3A%2F%2Fapp.example%2Fcb&response_type=code&scope=openid+account-information"
	if got := form.Encode(); got != want {
		t.Errorf("pushed %s", got)
	}
	u, err := url.Parse(rawURL)
	if err != nil || len(u.Query()) != 2 || u.Query().Get("client_id") != "client" || !strings.HasPrefix(u.Query().Get("request_uri"), "urn:ietf:params:oauth:request_uri:") {
		t.Errorf("the browser carries %s", rawURL)
	}
	if _, err := c.Callback(t.Context(), p.Authorize(rawURL), tx); err != nil {
		t.Error(err)
	}
}

// TestRequestObject: header and claims of RFC 9101 §4, without their random parts; who signs; what stands beside.
func TestRequestObject(t *testing.T) {
	p := hostile.New(t)
	key := newKey(t)
	c := newTestClient(t, p, func(cfg *Config) { cfg.RequestObject = &RequestObject{Key: key, KeyID: "k2bdc"} })
	if _, err := play(t, c, p, AuthorizationRequest{Scope: []string{"openid"}}); err != nil {
		t.Fatal(err)
	}
	object := string(p.Requests("request object")[0].Body)
	parts := strings.Split(object, ".")
	if raw, _ := base64.RawURLEncoding.DecodeString(parts[0]); string(raw) != `{"alg":"ES256","typ":"oauth-authz-req+jwt","kid":"k2bdc"}` {
		t.Errorf("header %s", raw)
	}
	_, claims := decoded(t, object)
	for name, want := range map[string]string{"iss": `"client"`, "aud": `"` + p.Issuer + `"`, "response_type": `"code"`, "client_id": `"client"`,
		"redirect_uri": `"https://app.example/cb"`, "scope": `"openid"`, "code_challenge_method": `"S256"`} {
		if string(claims[name]) != want {
			t.Errorf("%s is %s, want %s", name, claims[name], want)
		}
	}
	for _, name := range []string{"jti", "iat", "nbf", "exp", "state", "nonce", "code_challenge"} {
		if len(claims[name]) == 0 {
			t.Errorf("%s is missing", name)
		}
	}
	if _, wrong := claims["sub"]; wrong || len(claims) != 14 {
		t.Errorf("%d claims: %v", len(claims), slices.Sorted(maps.Keys(claims)))
	}
	if !verifies(t, key, object) {
		t.Error("the client's key did not sign it")
	}
	outside := p.Requests("authorization")[0].Query
	if got := slices.Sorted(maps.Keys(outside)); !slices.Equal(got, []string{"client_id", "request", "response_type", "scope"}) {
		t.Errorf("beside it stand %q", got)
	}
}

// TestFormOfOneRequest: one request is pushed, or signed, of a client whose others are not; and what may not be.
func TestFormOfOneRequest(t *testing.T) {
	p := hostile.New(t)
	c, key := newTestClient(t, p), newKey(t)
	scope := []string{"openid"}
	object := &RequestObject{Key: key, KeyID: "k1"}
	for _, l := range []struct {
		name    string
		ask     AuthorizationRequest
		carries []string // by the browser
		pushed  int
	}{
		{"plain", AuthorizationRequest{Scope: scope}, []string{"client_id", "code_challenge", "code_challenge_method", "nonce", "redirect_uri", "response_type", "scope", "state"}, 0},
		{"pushed", AuthorizationRequest{Scope: scope, Push: true}, []string{"client_id", "request_uri"}, 1},
		{"signed", AuthorizationRequest{Scope: scope, RequestObject: object}, []string{"client_id", "request", "response_type", "scope"}, 1},
		{"signed and pushed", AuthorizationRequest{Scope: scope, RequestObject: object, Push: true}, []string{"client_id", "request_uri"}, 2},
	} {
		if _, err := play(t, c, p, l.ask); err != nil {
			t.Errorf("%s: %v", l.name, err)
		}
		all := p.Requests("authorization")
		if got := slices.Sorted(maps.Keys(all[len(all)-1].Query)); !slices.Equal(got, l.carries) {
			t.Errorf("%s: the browser carries %q", l.name, got)
		}
		if n := p.Count("pushed_authorization_request"); n != l.pushed {
			t.Errorf("%s: %d requests were pushed", l.name, n)
		}
	}
	for _, r := range p.Requests("request object") {
		if !verifies(t, key, string(r.Body)) {
			t.Error("the client's key did not sign it")
		}
	}
	p.Metadata = func(m map[string]any) { m["require_signed_request_object"] = true }
	strict := newTestClient(t, p)
	if _, _, err := strict.Authorize(t.Context(), AuthorizationRequest{Scope: scope}); refusedBy(err) != "require_signed_request_object" {
		t.Errorf("got %v", err)
	}
	if _, err := play(t, strict, p, AuthorizationRequest{Scope: scope, RequestObject: object}); err != nil {
		t.Error(err)
	}
	for want, wrong := range map[string]RequestEncoding{"expected a RequestObject, or nil": (*RequestObject)(nil), "expected a Key that signs": &RequestObject{}} {
		if _, _, err := c.Authorize(t.Context(), AuthorizationRequest{Scope: scope, RequestObject: wrong}); err == nil || !strings.Contains(err.Error(), "openid: AuthorizationRequest.RequestObject: "+want) {
			t.Errorf("got %v", err)
		}
	}
	hosted := &RequestObject{Key: key, Publish: func(context.Context, string) (string, error) { return "https://app.example/r", nil }}
	if _, _, err := c.Authorize(t.Context(), AuthorizationRequest{Scope: scope, RequestObject: hosted, Push: true}); !errors.Is(err, errPublishPushed) {
		t.Errorf("got %v", err)
	}
	profiled := newTestClient(t, p, func(cfg *Config) { cfg.Profile = OAuth21() })
	if _, _, err := profiled.Authorize(t.Context(), AuthorizationRequest{Scope: scope, RequestObject: object}); err == nil || !strings.Contains(err.Error(), "expected nil under Config.Profile") {
		t.Errorf("under a profile: %v", err)
	}
}

// verifies checks a signature with the key's public half.
func verifies(t *testing.T, key crypto.Signer, compact string) bool {
	t.Helper()
	jws, err := jose.Split(compact)
	if err != nil {
		t.Fatal(err)
	}
	header, err := jose.ParseHeader(jws.Header)
	if err != nil {
		t.Fatal(err)
	}
	public, err := jose.NewKey(key.Public(), "")
	if err != nil {
		t.Fatal(err)
	}
	signature, err := base64Text(string(jws.Signature))
	return err == nil && public.Verify(header.Algorithm, jws.Signed, signature)
}

// TestRequestObjectElsewhere: by an address that the caller hosts, unsigned, modified, and what may not be.
func TestRequestObjectElsewhere(t *testing.T) {
	key := newKey(t)
	t.Run("by an address", func(t *testing.T) {
		p := hostile.New(t)
		hosted := map[string]string{}
		p.FetchRequest = func(uri string) string { return hosted[uri] }
		address := "https://app.example/request/1"
		c := newTestClient(t, p, func(cfg *Config) {
			cfg.RequestObject = &RequestObject{Key: key, Publish: func(_ context.Context, object string) (string, error) {
				hosted[address] = object
				return address, nil
			}}
		})
		if _, err := play(t, c, p, AuthorizationRequest{Scope: []string{"openid"}}); err != nil {
			t.Fatal(err)
		}
		address = "http://app.example/request/1"
		if _, _, err := c.Authorize(t.Context(), AuthorizationRequest{}); err == nil || !strings.Contains(err.Error(), "https") {
			t.Errorf("an address that anybody can change: %v", err)
		}
		p.Metadata = func(m map[string]any) { m["require_pushed_authorization_requests"] = true }
		address = "https://app.example/request/1"
		c = newTestClient(t, p, func(cfg *Config) { cfg.RequestObject = c.cfg.RequestObject })
		if _, _, err := c.Authorize(t.Context(), AuthorizationRequest{}); err != errPublishPushed {
			t.Errorf("pushed as well: %v", err)
		}
	})
	t.Run("fetched there", func(t *testing.T) {
		var hosted sync.Map
		var fetched atomic.Int64
		app := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			object, ok := hosted.Load(r.URL.Path)
			if r.Method != http.MethodGet || !ok {
				http.NotFound(w, r)
				return
			}
			fetched.Add(1)
			w.Header().Set("Content-Type", "application/oauth-authz-req+jwt")
			w.Write([]byte(object.(string)))
		}))
		t.Cleanup(app.Close)
		p := hostile.New(t)
		p.FetchRequest = hostile.Fetch(app.Client())
		c := newTestClient(t, p, func(cfg *Config) {
			cfg.RequestObject = &RequestObject{Key: key, Publish: func(_ context.Context, object string) (string, error) {
				path := "/request/" + random()
				hosted.Store(path, object)
				return app.URL + path, nil
			}}
		})
		for n := range int64(2) {
			if _, err := play(t, c, p, AuthorizationRequest{Scope: []string{"openid"}}); err != nil || fetched.Load() != n+1 {
				t.Fatalf("%v, fetched %d times", err, fetched.Load())
			}
		}
	})
	t.Run("unsigned", func(t *testing.T) {
		p := hostile.New(t)
		c := newTestClient(t, p, func(cfg *Config) { cfg.RequestObject = &RequestObject{InsecureUnsigned: true} })
		if _, err := play(t, c, p, AuthorizationRequest{Scope: []string{"openid"}}); err != nil {
			t.Fatal(err)
		}
		object := string(p.Requests("request object")[0].Body)
		if header, _ := decoded(t, object); string(header["alg"]) != `"none"` || !strings.HasSuffix(object, ".") {
			t.Errorf("header %s", header)
		}
	})
	t.Run("modified", func(t *testing.T) {
		p := hostile.New(t)
		how := Signing{Modify: func(header, claims map[string]json.RawMessage) {
			header["x"], header["alg"] = json.RawMessage("1"), json.RawMessage(`"none"`)
			claims["vendor"] = json.RawMessage(`{"a":[1]}`)
		}}
		c := newTestClient(t, p, func(cfg *Config) {
			cfg.RequestObject, cfg.DPoP, cfg.Auth = &RequestObject{Key: key, Signing: how}, DPoPKey(key).With(how), PrivateKeyJWT(key, "", how)
		})
		if _, err := play(t, c, p, AuthorizationRequest{Scope: []string{"openid"}}); err != nil {
			t.Fatal(err)
		}
		for name, compact := range map[string]string{"request object": string(p.Requests("request object")[0].Body), "proof": p.Proofs()[0].Compact,
			"assertion": p.Requests("token")[0].Form.Get("client_assertion")} {
			header, claims := decoded(t, compact)
			if string(header["alg"]) != `"ES256"` || string(header["x"]) != "1" || string(claims["vendor"]) != `{"a":[1]}` || !verifies(t, key, compact) {
				t.Errorf("%s: %s %s", name, header, claims)
			}
		}
		how.Modify = func(_, claims map[string]json.RawMessage) { claims["x"] = json.RawMessage(`1,"sub":"mallory"`) }
		c = newTestClient(t, p, func(cfg *Config) { cfg.Auth = PrivateKeyJWT(key, "", how) })
		if _, err := c.Tokens(t.Context(), ClientCredentials{}); err == nil || !strings.Contains(err.Error(), "not JSON") {
			t.Errorf("a claim that is no JSON: %v", err)
		}
	})
	t.Run("claims that are the object's own", func(t *testing.T) {
		p := hostile.New(t)
		c := newTestClient(t, p, func(cfg *Config) { cfg.RequestObject = &RequestObject{Key: key} })
		if _, _, err := c.Authorize(t.Context(), AuthorizationRequest{Extra: url.Values{"aud": {"x"}}}); err == nil || !strings.Contains(err.Error(), "aud") {
			t.Errorf("got %v", err)
		}
	})
}

// sealing is a stand-in for encryption for the server.
type sealing struct{ jwks *string }

func (s sealing) Encrypt(_ context.Context, payload, jwks []byte) (string, error) {
	*s.jwks = string(jwks)
	if len(jwks) == 0 {
		return "", errors.New("no key")
	}
	return wrap(string(payload)), nil
}

// TestEncryptedRequestObject: the server's key set is what it is encrypted for, and it is a JWS that is encrypted.
func TestEncryptedRequestObject(t *testing.T) {
	p := hostile.New(t)
	var jwks string
	c := newTestClient(t, p, func(cfg *Config) { cfg.RequestObject = &RequestObject{Key: newKey(t), Encrypter: sealing{&jwks}} })
	rawURL, _, err := c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}})
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(rawURL)
	inside, err := wrapped{}.Decrypt(t.Context(), u.Query().Get("request"))
	if err != nil || !strings.Contains(jwks, `"keys"`) {
		t.Fatalf("%v, for %s", err, jwks)
	}
	if _, claims := decoded(t, string(inside)); string(claims["client_id"]) != `"client"` {
		t.Errorf("inside are %s", claims)
	}
	p.Serve("jwks", hostile.Status(500, "text/plain", "down"))
	c = newTestClient(t, p, func(cfg *Config) { cfg.RequestObject = c.cfg.RequestObject })
	var none *ExchangeError
	if _, _, err := c.Authorize(t.Context(), AuthorizationRequest{}); !errors.As(err, &none) || none.Endpoint != "jwks" {
		t.Errorf("without the server's keys: %v", err)
	}
}

// TestCredentialFiles: read at each use, so that rotation needs no restart, and never shown.
func TestCredentialFiles(t *testing.T) {
	p := hostile.New(t)
	path := filepath.Join(t.TempDir(), "credential")
	write := func(s string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	assertions := newTestClient(t, p, func(cfg *Config) { cfg.Auth = AssertionFile(path) })
	secrets := newTestClient(t, p, func(cfg *Config) { cfg.Auth = ClientSecretFile(path) })
	for i, content := range []string{"jwt.one.x\n", " jwt.two.x "} {
		write(content)
		if _, err := assertions.Tokens(t.Context(), ClientCredentials{}); err != nil {
			t.Fatal(err)
		}
		if got := p.Requests("token")[i].Form.Get("client_assertion"); got != strings.TrimSpace(content) {
			t.Errorf("sent %q", got)
		}
	}
	write(p.ClientSecret + "\n")
	if _, err := secrets.Tokens(t.Context(), ClientCredentials{}); err != nil {
		t.Error(err)
	}
	before := p.Count("token")
	for name, content := range map[string]string{"empty": " \n", "too long": strings.Repeat(hostile.Canary, maxCredential)} {
		write(content)
		for _, c := range []*Client{assertions, secrets} {
			if _, err := c.Tokens(t.Context(), ClientCredentials{}); err == nil || strings.Contains(err.Error(), hostile.Canary) {
				t.Errorf("%s: %.200v", name, err)
			}
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := secrets.Tokens(t.Context(), ClientCredentials{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if p.Count("token") != before {
		t.Error("something was sent without a credential")
	}
}

// TestAssertionAudience: the issuer as a plain string, or what an old server wants.
func TestAssertionAudience(t *testing.T) {
	p := hostile.New(t)
	secret := NewSecret(strings.Repeat("s", 64))
	for want, auth := range map[string]ClientAuth{
		p.Issuer:                PrivateKeyJWT(newKey(t), "k"),
		p.URL("token"):          PrivateKeyJWT(newKey(t), "k", Signing{Audience: p.URL("token")}),
		p.URL("token") + "#512": ClientSecretJWT(secret, Signing{Audience: p.URL("token") + "#512", Algorithm: "HS512"}),
	} {
		c := newTestClient(t, p, func(cfg *Config) { cfg.Auth = auth })
		if _, err := c.Tokens(t.Context(), ClientCredentials{}); err != nil {
			t.Fatal(err)
		}
		requests := p.Requests("token")
		header, claims := decoded(t, requests[len(requests)-1].Form.Get("client_assertion"))
		if string(claims["aud"]) != `"`+want+`"` || strings.HasSuffix(want, "#512") != (string(header["alg"]) == `"HS512"`) {
			t.Errorf("aud %s, alg %s", claims["aud"], header["alg"])
		}
	}
}
