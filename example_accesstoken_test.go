package openid_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/internal/hostile"
)

// An API that takes bearer tokens. Over mutual TLS it takes those that are bound to the caller's certificate as well.
func ExampleClient_VerifyAccessToken() {
	ctx, op := start()
	defer op.stop()
	op.AccessToken = func(*hostile.Token) {} // the server's access tokens are JWTs
	token, err := op.client().Tokens(ctx, openid.ClientCredentials{Scope: []string{"orders:read"}})
	if err != nil {
		log.Fatal(err)
	}

	verifier := op.client(func(cfg *openid.Config) { cfg.ClientID, cfg.Auth = "orders", openid.None() })
	api := func(w http.ResponseWriter, r *http.Request) {
		raw, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			w.Header().Set("WWW-Authenticate", "Bearer")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		how := openid.Bearer()
		if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
			how = how.Over(r.TLS.PeerCertificates[0])
		}
		token, err := verifier.VerifyAccessToken(r.Context(), raw, "https://api.example", how)
		if err != nil {
			fmt.Println(err)
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Println(token.ClientID(), "may read orders:", slices.Contains(token.Scope(), "orders:read"))
	}

	r := httptest.NewRequest("GET", "https://api.example/orders", nil)
	r.Header.Set("Authorization", "Bearer "+token.AccessToken.Reveal())
	api(httptest.NewRecorder(), r)

	op.AccessToken = func(tok *hostile.Token) { tok.Claims["aud"] = "https://other.example" }
	if token, err = op.client().Tokens(ctx, openid.ClientCredentials{}); err != nil {
		log.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token.AccessToken.Reveal())
	api(httptest.NewRecorder(), r)
	// Output:
	// client may read orders: true
	// openid: access token: aud: expected "https://api.example", maybe among others, got "https://other.example" (RFC 9068 §2.2, §4)
}

// A token that is bound to a key is worth nothing without a proof: not as a bearer token, and not with another key.
func ExampleConfirmation() {
	ctx, op := start()
	defer op.stop()
	op.AccessToken = func(*hostile.Token) {}
	client := op.client(func(cfg *openid.Config) { cfg.DPoP = openid.DPoPPerGrant() })
	tokens, err := client.Tokens(ctx, openid.ClientCredentials{})
	if err != nil {
		log.Fatal(err)
	}

	for _, how := range []openid.Confirmation{
		openid.ProvenByDPoP(tokens.DPoPThumbprint()), // once the proof in the DPoP header is verified
		openid.Bearer(),
		openid.ProvenByDPoP("somebody else's"),
		{},
	} {
		_, err := client.VerifyAccessToken(ctx, tokens.AccessToken.Reveal(), "https://api.example", how)
		fmt.Println(err == nil)
	}
	// Output:
	// true
	// false
	// false
	// false
}
