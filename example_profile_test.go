package openid_test

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"log"
	"net/url"

	"github.com/openid-client/openid"
)

func newRSAKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		log.Fatal(err)
	}
	return key
}

// A bank's API under FAPI 2.0: beside profile, keys and issuer there is nothing to say. The request is pushed, the assertion signed with PS256,
// the tokens bound to the key.
func ExampleFAPI2Security() {
	ctx, op := start()
	defer op.stop()
	op.Alg = "PS256"
	signing, binding := newRSAKey(), newKey() // any crypto.Signer: a KMS or an HSM as well

	client, err := openid.New(openid.Config{
		Profile:     openid.FAPI2Security(),
		Issuer:      "https://op.example/t",
		ClientID:    "client",
		Auth:        openid.PrivateKeyJWT(signing, "2026-11"),
		DPoP:        openid.DPoPKey(binding),
		RedirectURI: "https://app.example/cb",
		HTTPClient:  op.HTTPClient(),
	})
	if err != nil {
		log.Fatal(err)
	}
	address, transaction, err := client.Authorize(ctx, openid.AuthorizationRequest{Scope: []string{"openid", "accounts"}})
	if err != nil {
		log.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(u.Query()), "parameters:", u.Query().Has("client_id"), u.Query().Has("request_uri"))
	tokens, err := client.Callback(ctx, op.browse(address), transaction)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tokens.Type)
	// Output:
	// 2 parameters: true true
	// DPoP
}

// Request and response are signed as well: the key that authenticates signs the requests too, and the response comes as a JWT.
func ExampleFAPI2MessageSigning() {
	ctx, op := start()
	defer op.stop()
	key := newKey()

	client := op.client(func(cfg *openid.Config) {
		cfg.Profile, cfg.Auth, cfg.DPoP = openid.FAPI2MessageSigning(), openid.PrivateKeyJWT(key, "2026-11"), openid.DPoPPerGrant()
	})
	address, transaction, err := client.Authorize(ctx, openid.AuthorizationRequest{Scope: []string{"openid", "payments"}})
	if err != nil {
		log.Fatal(err)
	}
	back := op.browse(address)
	fmt.Println(len(op.Requests("request object")), "request object;", "a response:", back.URL.Query().Has("response"), "a bare code:", back.URL.Query().Has("code"))
	tokens, err := client.Callback(ctx, back, transaction)
	fmt.Println(tokens.Type, err)
	// Output:
	// 1 request object; a response: true a bare code: false
	// DPoP <nil>
}

// FAPI 1.0 binds tokens to a certificate. Requests are signed by the key that authenticates; the response comes as a JWT.
func ExampleFAPI1Advanced() {
	ctx, op := start()
	defer op.stop()
	op.Metadata = func(m map[string]any) { m["tls_client_certificate_bound_access_tokens"] = true }
	key, certificate := newKey(), selfSigned()

	client := op.client(func(cfg *openid.Config) {
		cfg.Profile, cfg.Auth, cfg.Certificate = openid.FAPI1Advanced(), openid.PrivateKeyJWT(key, "2026-11"), certificate
	})
	address, transaction, err := client.Authorize(ctx, openid.AuthorizationRequest{Scope: []string{"openid", "accounts"}})
	if err != nil {
		log.Fatal(err)
	}
	back := op.browse(address)
	tokens, err := client.Callback(ctx, back, transaction)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tokens.IDToken.Subject(), len(op.Requests("request object")), back.URL.Query().Has("response"))
	// Output: alice-sub 1 true
}

// Contradictions are refused by New, all at once, each by the name of its clause.
func ExampleOAuth21() {
	_, err := openid.New(openid.Config{
		Profile:             openid.OAuth21(),
		Issuer:              "https://op.example/t",
		ClientID:            "client",
		Auth:                openid.None(),
		RedirectURI:         "app:/cb",
		InsecureAllowNoPKCE: true,
	})
	var mistake *openid.ConfigError
	fmt.Println(errors.As(err, &mistake), mistake.Field, mistake.Spec)
	fmt.Println(err)
	// Output:
	// true InsecureAllowNoPKCE draft-ietf-oauth-v2-1-16 §4.1.1
	// openid: Config.InsecureAllowNoPKCE: expected false under Profile OAuth21, got true (draft-ietf-oauth-v2-1-16 §4.1.1)
	// openid: Config.RedirectURI: expected https, http on a loopback address, or a scheme with a period under Profile OAuth21, got "app:/cb" (draft-ietf-oauth-v2-1-16 §1.5, §2.3.1, §8.4.3)
}

// Clauses lists what a profile demands, for an auditor or a log.
func ExampleProfile() {
	for _, clause := range openid.OAuth21().Clauses()[:2] {
		fmt.Println(clause.When, "|", clause.Name, "|", clause.Text, "|", clause.Spec)
	}
	// Output:
	// New | InsecureAllowNoPKCE | Requests are protected by PKCE. | draft-ietf-oauth-v2-1-16 §4.1.1
	// New | InsecureAllowFrontChannelTokens | No access token comes through the browser. | draft-ietf-oauth-v2-1-16 §10.1
}
