package openid

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

// TestTokensOfAnotherIssuerStayHere: the wrong client for the tokens in hand is told nothing.
func TestTokensOfAnotherIssuerStayHere(t *testing.T) {
	honest, evil := hostile.New(t), hostile.New(t)
	c, wrong := newTestClient(t, honest), newTestClient(t, evil)
	tokens, err := logIn(t, c, honest)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := tokens.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	loaded := new(Tokens)
	if err := loaded.UnmarshalBinary(stored); err != nil {
		t.Fatal(err)
	}
	plain, err := logIn(t, c, honest, func(r *AuthorizationRequest) { r.Scope = []string{"offline_access"} })
	if err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]*Tokens{"fresh": tokens, "stored": loaded, "without an ID Token": plain} {
		if _, err := wrong.Refresh(t.Context(), k); refusedBy(err) != "issuer" {
			t.Errorf("%s: refresh: %v", name, err)
		}
		if k.IDToken == nil {
			continue
		}
		if _, err := wrong.UserInfo(t.Context(), k); refusedBy(err) != "issuer" {
			t.Errorf("%s: UserInfo: %v", name, err)
		}
		if _, _, err := wrong.LogoutURL(t.Context(), k.IDToken, ""); refusedBy(err) != "issuer" {
			t.Errorf("%s: logout: %v", name, err)
		}
	}
	if n := evil.Count(""); n != 0 {
		t.Errorf("%d requests to the wrong server", n)
	}
}

// TestForgedCallbackCausesNoRequest: whoever has no login under way is refused before anything is fetched.
func TestForgedCallbackCausesNoRequest(t *testing.T) {
	p := hostile.New(t)
	_, err := newTestClient(t, p).Callback(t.Context(), httpGet("https://app.example/cb?code=x&state=y"), "forged")
	if refusedBy(err) != "state" || p.Count("") != 0 {
		t.Errorf("%v after %d requests", err, p.Count(""))
	}
}

// TestErrorResponsesFillNoMemory: refusing consent costs a stranger nothing, so nothing is kept of it; it does not make room for a replay.
// unlocked counts what reaches the private key.
type unlocked struct {
	wrapped
	n *int
}

func (u unlocked) Decrypt(ctx context.Context, compact string) ([]byte, error) {
	*u.n++
	return u.wrapped.Decrypt(ctx, compact)
}

// TestNothingIsDecryptedForStrangers: a private key is not worked for whoever finds the callback's address, nor after a login is over.
func TestNothingIsDecryptedForStrangers(t *testing.T) {
	p := hostile.New(t)
	p.Encrypt = wrap
	n := 0
	c := newTestClient(t, p, func(cfg *Config) { cfg.Decrypter, cfg.Keys = unlocked{n: &n}, testKeys })
	rawURL, tx, err := c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}, ResponseMode: "jwt"})
	if err != nil {
		t.Fatal(err)
	}
	r := p.Authorize(rawURL)
	old, _ := c.openTransaction(tx)
	old.created = old.created.Add(-transactionLifetime - time.Second)
	yesterday, err := c.sealTransaction(old)
	if err != nil {
		t.Fatal(err)
	}
	for name, pending := range map[string][]Transaction{"no cookie": nil, "a forged cookie": {"forged"}, "the cookie of yesterday": {yesterday}} {
		if _, err := c.Callback(t.Context(), r, pending...); refusedBy(err) != "state" || n != 0 {
			t.Errorf("%s: %v, decrypted %d times", name, err, n)
		}
	}
	if _, err := c.Callback(t.Context(), r, tx); err != nil || n == 0 {
		t.Errorf("the login itself: %v", err)
	}
}

func TestErrorResponsesFillNoMemory(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p)
	rawURL, tx, err := c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}})
	if err != nil {
		t.Fatal(err)
	}
	good := p.Authorize(rawURL)
	q := good.URL.Query()
	refused := url.Values{"error": {"access_denied"}, "state": q["state"], "iss": q["iss"]}
	for range 2 {
		if _, err := c.CallbackValues(t.Context(), "query", refused, tx); err == nil || refusedBy(err) != "" {
			t.Errorf("got %v, want what the server said", err)
		}
	}
	if used, err := c.store.Get(t.Context(), c.storeKey("used", q.Get("state"))); used != nil || err != nil {
		t.Error("an error response is remembered")
	}
	if _, err := c.Callback(t.Context(), good, tx); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CallbackValues(t.Context(), "query", refused, tx); refusedBy(err) != "replay" {
		t.Errorf("an error for a login that is over: %v", err)
	}
}

// TestMetadataMovesInNoTwoSteps: leaving an endpoint out does not make its host forgotten.
func TestMetadataMovesInNoTwoSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := hostile.Pipe(t)
		c := newTestClient(t, p)
		renew := func(lie func(map[string]any)) *ServerMetadata {
			t.Helper()
			p.Change(func() { p.Metadata = lie })
			time.Sleep(2 * metadataAge)
			c.Metadata(t.Context())
			synctest.Wait()
			m, err := c.Metadata(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		renew(nil)
		if m := renew(func(m map[string]any) { delete(m, "token_endpoint") }); m.TokenEndpoint != "" {
			t.Fatal("the first step was not taken")
		}
		if m := renew(func(m map[string]any) { m["token_endpoint"] = "https://evil.example/token" }); strings.Contains(m.TokenEndpoint, "evil") {
			t.Error("the endpoint moved in two steps")
		}
		c.without("moved")
		if m := renew(func(m map[string]any) { m["token_endpoint"] = "https://evil.example/token" }); !strings.Contains(m.TokenEndpoint, "evil") {
			t.Error("without its row the move is refused all the same")
		}
	})
}

// TestRequireIss: with several servers behind one redirect URI, a response must say whose it is.
func TestRequireIss(t *testing.T) {
	p := hostile.New(t)
	p.Metadata = func(m map[string]any) { delete(m, "authorization_response_iss_parameter_supported") }
	p.Callback = func(q url.Values) { q.Del("iss") }
	if _, err := logIn(t, newTestClient(t, p), p); err != nil {
		t.Errorf("a server that never heard of iss: %v", err)
	}
	if _, err := logIn(t, newTestClient(t, p, func(cfg *Config) { cfg.RequireIss = true }), p); refusedBy(err) != "iss" {
		t.Errorf("got %v", err)
	}
}

// TestTheZeroIDTokenIsNobodys: whoever writes one down instead of verifying gets nowhere, and no panic.
func TestTheZeroIDTokenIsNobodys(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p)
	forged := &Tokens{AccessToken: NewSecret("a"), RefreshToken: NewSecret("r"), IDToken: &IDToken{}}
	if _, err := c.UserInfo(t.Context(), forged); refusedBy(err) != "issuer" {
		t.Errorf("UserInfo: %v", err)
	}
	if _, err := c.Refresh(t.Context(), forged); refusedBy(err) != "issuer" {
		t.Errorf("refresh: %v", err)
	}
	if _, _, err := c.LogoutURL(t.Context(), forged.IDToken, ""); refusedBy(err) != "issuer" {
		t.Errorf("logout: %v", err)
	}
	if id := forged.IDToken; id.Issuer()+id.Subject()+id.ACR()+id.SessionID() != "" || len(id.Payload()) != 0 || new(UserInfo).Subject() != "" {
		t.Error("the zero value says something")
	}
	if n := p.Count(""); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// secretive authenticates by a header of its own, with a secret that contains another one.
type secretive struct{}

func (secretive) Authenticate(_ context.Context, r *AuthRequest) error {
	r.Form.Set("client_id", r.ClientID)
	r.Header.Set("X-Api-Key", "key-of-the-house")
	r.Form.Set("inner", "key-of-the")
	return nil
}

// TestEchoesAreBlankedOut: whatever was sent in confidence, and however a server repeats it.
func TestEchoesAreBlankedOut(t *testing.T) {
	p := hostile.New(t)
	p.Serve("token", func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		hostile.Error(400, "invalid_client", "the key "+r.Header.Get("X-Api-Key")+" and "+url.QueryEscape(r.PostForm.Get("code_verifier")+"+"))(w, r)
	})
	c := newTestClient(t, p, func(cfg *Config) { cfg.Auth = secretive{} })
	_, err := logIn(t, c, p)
	verifier := p.Requests("token")[0].Form.Get("code_verifier")
	if err == nil || strings.Contains(err.Error(), "house") || strings.Contains(err.Error(), verifier) || !strings.Contains(err.Error(), redacted) {
		t.Errorf("got %v", err)
	}
	p.Serve("token", nil)
	p.Callback = func(q url.Values) {
		q.Del("code")
		q.Set("error", "access_denied")
		q.Set("error_description", "not with "+q.Get("state"))
	}
	if _, err = logIn(t, c, p); err == nil || !strings.Contains(err.Error(), "not with "+redacted) {
		t.Errorf("the state in an error of the browser's: %v", err)
	}
}

// TestTokensShareNothing: who changes the new tokens does not change the old.
func TestTokensShareNothing(t *testing.T) {
	p := hostile.New(t)
	c := newTestClient(t, p)
	before, err := logIn(t, c, p)
	if err != nil {
		t.Fatal(err)
	}
	p.TokenResponse = func(m map[string]any) { delete(m, "scope") }
	after, err := c.Refresh(t.Context(), before)
	if err != nil {
		t.Fatal(err)
	}
	asked := []string{"orders:read"}
	service, err := c.Tokens(t.Context(), ClientCredentials{Scope: asked})
	if err != nil {
		t.Fatal(err)
	}
	after.Scope[0], service.Scope[0] = "admin", "admin"
	if before.Scope[0] == "admin" || asked[0] == "admin" {
		t.Error("a scope is shared")
	}
}

// TestHostileClaimsAreNoErrands: an address in a claim is the user's word, or an attacker's; nothing is fetched from it.
func TestHostileClaimsAreNoErrands(t *testing.T) {
	t.Run("U07 addresses of the inside and sources of claims", func(t *testing.T) {
		hostile.Watch(t, "discovery token jwks userinfo token")
		p := hostile.New(t)
		errands := func(m map[string]any) {
			m["picture"], m["website"], m["profile"] = "http://169.254.169.254/latest/meta-data", p.URL("errand"), p.URL("errand")
			m["_claim_names"] = map[string]any{"address": "src1", "shoe_size": "src2"}
			m["_claim_sources"] = map[string]any{"src1": map[string]any{"endpoint": p.URL("errand"), "access_token": "x"}, "src2": map[string]any{"JWT": "e30.e30."}}
		}
		p.IDToken = func(tok *hostile.Token) { errands(tok.Claims) }
		p.UserInfo = errands
		c := newTestClient(t, p)
		tokens, err := logIn(t, c, p)
		if err != nil {
			t.Fatal(err)
		}
		info, err := c.UserInfo(t.Context(), tokens)
		if err != nil || !strings.Contains(string(info.Payload()), "_claim_sources") {
			t.Errorf("%v, %v", info, err)
		}
		if _, err := c.Refresh(t.Context(), tokens); err != nil {
			t.Error(err)
		}
		if n := p.Count("errand"); n != 0 {
			t.Errorf("%d errands were run", n)
		}
	})
}

// TestHostileNoVerifier: a login whose verifier is gone ends in an error. Nobody can take it out of a transaction, which is sealed.
func TestHostileNoVerifier(t *testing.T) {
	t.Run("C09 no verifier", func(t *testing.T) {
		hostile.Watch(t, "discovery token")
		p := hostile.New(t)
		c := newTestClient(t, p)
		rawURL, tx, err := c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}})
		if err != nil {
			t.Fatal(err)
		}
		login, _ := c.openTransaction(tx)
		login.verifier = ""
		if tx, err = c.sealTransaction(login); err != nil {
			t.Fatal(err)
		}
		var refused *ResponseError
		_, err = c.Callback(t.Context(), p.Authorize(rawURL), tx)
		hostile.Hear(err)
		if !errors.As(err, &refused) || refused.Code != ErrInvalidGrant {
			t.Errorf("got %v", err)
		}
	})
}

// TestHostileAssertionAudience: the audience of an assertion is the issuer as one string, whichever endpoint it goes to: another server that is
// handed it can do nothing with it.
func TestHostileAssertionAudience(t *testing.T) {
	t.Run("T19 every endpoint", func(t *testing.T) {
		hostile.Watch(t, "discovery pushed_authorization_request token jwks introspection revocation device_authorization token backchannel_authentication token token token")
		synctest.Test(t, func(t *testing.T) {
			p := hostile.Pipe(t)
			c := newTestClient(t, p, push, func(cfg *Config) { cfg.Auth = PrivateKeyJWT(newKey(t), "k") })
			tokens, err := logIn(t, c, p)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Introspect(t.Context(), tokens.AccessToken); err != nil {
				t.Error(err)
			}
			if err := c.Revoke(t.Context(), tokens.AccessToken); err != nil {
				t.Error(err)
			}
			for _, grant := range []Grant{Device{Show: quietly}, CIBA{LoginHint: "alice"}, ClientCredentials{}, TokenExchange{Subject: tokens.RefreshToken}} {
				_, err := c.Tokens(t.Context(), grant)
				hostile.Hear(err)
			}
			seen := map[string]bool{}
			ids := map[string]bool{}
			for _, r := range p.Requests("") {
				assertion := r.Form.Get("client_assertion")
				if assertion == "" {
					continue
				}
				seen[r.Endpoint] = true
				_, claims := decoded(t, assertion)
				if string(claims["aud"]) != `"`+p.Issuer+`"` || ids[string(claims["jti"])] {
					t.Errorf("%s: aud %s, or a jti that was used before", r.Endpoint, claims["aud"])
				}
				ids[string(claims["jti"])] = true
			}
			for _, endpoint := range []string{"token", "pushed_authorization_request", "introspection", "revocation", "device_authorization", "backchannel_authentication"} {
				if !seen[endpoint] {
					t.Errorf("no assertion went to %s", endpoint)
				}
			}
		})
	})
}
