package openidtest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/openid-client/openid/openidtest"
)

// prover makes DPoP proofs as RFC 9449 §4.2 prints them.
type prover struct {
	t      *testing.T
	signer jose.Signer
}

func newProver(t *testing.T) prover {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt"))
	if err != nil {
		t.Fatal(err)
	}
	return prover{t, signer}
}

func (p prover) proof(method, address, nonce, accessToken string) string {
	p.t.Helper()
	claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": address, "iat": time.Now().Unix()}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	if accessToken != "" {
		sum := sha256.Sum256([]byte(accessToken))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	signed, err := jwt.Signed(p.signer).Claims(claims).Serialize()
	if err != nil {
		p.t.Fatal(err)
	}
	return signed
}

// TestDPoPNonces: a proof without the nonce is refused and costs nothing, a nonce is good once, and those of the two servers are apart.
func TestDPoPNonces(t *testing.T) {
	op := start(t, openidtest.Config{AutoApprove: "alice", DPoPNonces: true,
		Clients: []openidtest.Client{{ID: "app", Secret: secret, RedirectURIs: []string{callback}}}})
	app, key := newRP(t, op, "app"), newProver(t)
	code := newBrowser(t, op).open(app.authorizationURL(nil)).params.Get("code")
	token := op.Issuer() + "/token"
	redeem := func(nonce string) answer {
		app.auth = func(r *http.Request, form url.Values) {
			basic("app", secret)(r, form)
			r.Header.Set("DPoP", key.proof("POST", token, nonce, ""))
		}
		return app.redeem(code)
	}
	first := redeem("")
	first.refused(t, 400, "use_dpop_nonce")
	nonce := first.header.Get("DPoP-Nonce")
	if nonce == "" {
		t.Fatal("no nonce was given")
	}
	redeem("made up").refused(t, 400, "use_dpop_nonce")
	got := redeem(nonce).ok(t)
	if got.doc["token_type"] != "DPoP" || got.header.Get("DPoP-Nonce") == nonce {
		t.Errorf("token_type %v, the same nonce again: %v", got.doc["token_type"], got.header.Get("DPoP-Nonce") == nonce)
	}
	access := got.doc["access_token"].(string)
	ask := func(nonce string) answer {
		r, err := http.NewRequestWithContext(t.Context(), "GET", op.Issuer()+"/userinfo", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "DPoP "+access)
		r.Header.Set("DPoP", key.proof("GET", op.Issuer()+"/userinfo", nonce, access))
		return do(t, op, r)
	}
	refused := ask(got.header.Get("DPoP-Nonce")) // the token endpoint's
	if refused.status != 401 || !strings.Contains(refused.header.Get("WWW-Authenticate"), `DPoP error="use_dpop_nonce"`) {
		t.Errorf("status %d, %q", refused.status, refused.header.Get("WWW-Authenticate"))
	}
	used := refused.header.Get("DPoP-Nonce")
	if info := ask(used).ok(t); info.doc["sub"] != "alice" {
		t.Errorf("UserInfo %v", info.doc)
	}
	if again := ask(used); again.status != 401 {
		t.Errorf("a used nonce: status %d", again.status)
	}
	// A bound token is no bearer token.
	if bearer := get(t, op, "/userinfo", access); bearer.status != 401 {
		t.Errorf("presented as a bearer token: status %d", bearer.status)
	}
}

func TestTwoProofs(t *testing.T) {
	op := start(t, openidtest.Config{Clients: []openidtest.Client{{ID: "app", Secret: secret}}})
	app, key := newRP(t, op, "app"), newProver(t)
	app.auth = func(r *http.Request, form url.Values) {
		basic("app", secret)(r, form)
		for range 2 {
			r.Header.Add("DPoP", key.proof("POST", op.Issuer()+"/token", "", ""))
		}
	}
	app.token(url.Values{"grant_type": {"client_credentials"}}).refused(t, 400, "invalid_dpop_proof")
}

// TestRequestThatIsNotRegistered: the provider does not fetch what a stranger names.
func TestRequestThatIsNotRegistered(t *testing.T) {
	op := start(t, openidtest.Config{Clients: []openidtest.Client{{ID: "app", Secret: secret, RedirectURIs: []string{callback}, RequestURIs: []string{"http://127.0.0.1:1/request"}}}})
	for _, uri := range []string{"http://127.0.0.1:1/other", "https://elsewhere.example/request", "http://127.0.0.1:1/request?id=1"} {
		q := url.Values{"client_id": {"app"}, "request_uri": {uri}}
		if page := newBrowser(t, op).open(op.Issuer() + "/authorize?" + q.Encode()); !strings.Contains(page.body, "invalid_request_uri") {
			t.Errorf("%s: %s", uri, page.body)
		}
	}
}

// TestClientMetadataMistakes: what the engine could not do is said at the start.
func TestClientMetadataMistakes(t *testing.T) {
	for name, c := range map[string]openidtest.Client{
		"a response type of nobody": {ID: "a", Secret: secret, ResponseTypes: []string{"code something"}},
		"metadata of another kind":  {ID: "a", Secret: secret, Metadata: map[string]any{"dpop_bound_access_tokens": "yes"}},
		"metadata that is no JSON":  {ID: "a", Secret: secret, Metadata: map[string]any{"x": func() {}}},
	} {
		if _, err := openidtest.Start(openidtest.Config{Clients: []openidtest.Client{c}}); err == nil {
			t.Error(fmt.Sprint(name, " is taken"))
		}
	}
}
