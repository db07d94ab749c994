package openid_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/internal/hostile"
)

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	return key
}

// A key in a KMS or an HSM works as well: any crypto.Signer does. An old server wants the address of its token endpoint as the audience.
func ExamplePrivateKeyJWT() {
	ctx, op := start()
	defer op.stop()
	key := newKey()

	client := op.client(func(cfg *openid.Config) {
		cfg.Auth = openid.PrivateKeyJWT(key, "2026-11", openid.Signing{Audience: "https://op.example/t/token"})
	})
	tokens, err := client.Tokens(ctx, openid.ClientCredentials{Scope: []string{"accounts"}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tokens.Type, tokens.Scope, op.Requests("token")[0].Auth)
	// Output: Bearer [accounts] client_assertion
}

// The secret itself is never sent.
func ExampleClientSecretJWT() {
	ctx, op := start()
	defer op.stop()

	client := op.client(func(cfg *openid.Config) {
		cfg.Auth = openid.ClientSecretJWT(openid.NewSecret(op.ClientSecret), openid.Signing{Algorithm: "HS512"})
	})
	_, err := client.Tokens(ctx, openid.ClientCredentials{})
	fmt.Println(err, op.Requests("token")[0].Form.Has("client_secret"))
	// Output: <nil> false
}

// Kubernetes projects a token into the pod and renews it; it is read at each use.
func ExampleAssertionFile() {
	ctx, op := start()
	defer op.stop()
	path := filepath.Join(os.TempDir(), rand.Text())
	defer os.Remove(path)
	if err := os.WriteFile(path, []byte("a.projected.token\n"), 0o600); err != nil {
		log.Fatal(err)
	}

	client := op.client(func(cfg *openid.Config) { cfg.Auth = openid.AssertionFile(path) })
	_, err := client.Tokens(ctx, openid.ClientCredentials{})
	fmt.Println(err, op.Requests("token")[0].Form.Get("client_assertion"))
	// Output: <nil> a.projected.token
}

// The certificate authenticates the client, and the server binds the tokens to it. The server's mtls_endpoint_aliases are used by themselves.
func ExampleTLSClientAuth() {
	ctx, op := start()
	defer op.stop()
	op.Aliases = true
	certificate := selfSigned()

	client := op.client(func(cfg *openid.Config) {
		cfg.Auth, cfg.Certificate = openid.TLSClientAuth(), certificate
	})
	_, err := client.Tokens(ctx, openid.ClientCredentials{})
	fmt.Println(err, op.Requests("token")[0].Path)
	// Output: <nil> /t/mtls/token
}

func selfSigned() *tls.Certificate {
	key := newKey()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		log.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// The request is pushed to the server; the browser carries a reference only. Where the server requires that it happens by itself.
func ExampleConfig_pushAuthorizationRequests() {
	ctx, op := start()
	defer op.stop()

	client := op.client(func(cfg *openid.Config) { cfg.PushAuthorizationRequests = true })
	address, _, err := client.Authorize(ctx, openid.AuthorizationRequest{Scope: []string{"openid"}})
	if err != nil {
		log.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(u.Query()), strings.HasPrefix(u.Query().Get("request_uri"), "urn:ietf:params:oauth:request_uri:"))
	// Output: 2 true
}

// The request is a JWT that this client signed: nobody on the way can change it.
func ExampleRequestObject() {
	ctx, op := start()
	defer op.stop()

	client := op.client(func(cfg *openid.Config) { cfg.RequestObject = &openid.RequestObject{Key: newKey(), KeyID: "2026-11"} })
	address, transaction, err := client.Authorize(ctx, openid.AuthorizationRequest{Scope: []string{"openid"}})
	if err != nil {
		log.Fatal(err)
	}
	tokens, err := client.Callback(ctx, op.browse(address), transaction)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tokens.IDToken.Subject(), strings.Contains(address, "code_challenge"))
	// Output: alice-sub false
}

// One payment is asked for; what was granted comes back with the tokens.
func ExampleAuthorizationDetail() {
	ctx, op := start()
	defer op.stop()
	client := op.client()

	address, transaction, err := client.Authorize(ctx, openid.AuthorizationRequest{
		Scope:    []string{"openid"},
		Resource: []string{"https://pay.example"},
		AuthorizationDetails: []openid.AuthorizationDetail{{
			Type:    "payment_initiation",
			Actions: []string{"initiate"},
			Extra:   map[string]json.RawMessage{"instructedAmount": json.RawMessage(`{"currency":"EUR","amount":"123.50"}`)},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	tokens, err := client.Callback(ctx, op.browse(address), transaction)
	if err != nil {
		log.Fatal(err)
	}
	granted := tokens.AuthorizationDetails[0]
	fmt.Println(granted.Type, granted.Actions, string(granted.Extra["instructedAmount"]))
	// Output: payment_initiation [initiate] {"currency":"EUR","amount":"123.50"}
}

// Single claims, beside those that scopes stand for.
func ExampleClaimsRequest() {
	ctx, op := start()
	defer op.stop()

	address, _, err := op.client().Authorize(ctx, openid.AuthorizationRequest{
		Scope: []string{"openid"},
		Claims: &openid.ClaimsRequest{
			IDToken:  map[string]openid.ClaimRequest{"acr": {Essential: true, Values: []string{"urn:bank:high"}}},
			UserInfo: map[string]openid.ClaimRequest{"email": {}},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(u.Query().Get("claims"))
	// Output: {"id_token":{"acr":{"essential":true,"value":"urn:bank:high"}},"userinfo":{"email":null}}
}

// The response itself is signed: iss, aud and exp of it are checked before anything is sent to the server.
func ExampleAuthorizationRequest_jarm() {
	ctx, op := start()
	defer op.stop()
	client := op.client()

	address, transaction, err := client.Authorize(ctx, openid.AuthorizationRequest{Scope: []string{"openid"}, ResponseMode: "jwt"})
	if err != nil {
		log.Fatal(err)
	}
	callback := op.browse(address)
	fmt.Println("parameters:", len(callback.URL.Query()), callback.URL.Query().Has("response"))
	tokens, err := client.Callback(ctx, callback, transaction)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tokens.IDToken.Subject())
	// Output:
	// parameters: 1 true
	// alice-sub
}

// An ID Token comes with the code and vouches for it, and is verified before the code is sent. A program that sees the fragment, such as a
// native one, hands its values over.
func ExampleClient_CallbackValues() {
	ctx, op := start()
	defer op.stop()
	client := op.client()

	address, transaction, err := client.Authorize(ctx, openid.AuthorizationRequest{Scope: []string{"openid"}, ResponseType: "code id_token", ResponseMode: "fragment"})
	if err != nil {
		log.Fatal(err)
	}
	values, err := url.ParseQuery(op.browse(address).URL.Fragment)
	if err != nil {
		log.Fatal(err)
	}
	tokens, err := client.CallbackValues(ctx, "fragment", values, transaction)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tokens.IDToken.Subject())

	_, transaction, err = client.Authorize(ctx, openid.AuthorizationRequest{Scope: []string{"openid"}, ResponseType: "code id_token", ResponseMode: "fragment"})
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.CallbackValues(ctx, "fragment", values, transaction) // another login's
	fmt.Println(err)
	// Output:
	// alice-sub
	// openid: authorization response: state: expected the state of a pending login of this browser, got another state (RFC 6749 §10.12, RFC 9700 §4.7)
}

// A stolen token is of no use without the key. A client keeps its key in a KMS, or in a file that it guards; tokens remember which of the
// keys they are bound to.
func ExampleDPoPKey() {
	ctx, op := start()
	defer op.stop()
	op.DPoP.Nonce = true
	var current, old crypto.Signer = newKey(), newKey()

	client := op.client(func(cfg *openid.Config) { cfg.DPoP = openid.DPoPKey(current, old) })
	tokens, err := client.Tokens(ctx, openid.ClientCredentials{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tokens.Type, len(tokens.DPoPThumbprint()), "requests:", op.Count("token")) // the first one only missed the server's nonce
	// Output: DPoP 43 requests: 2
}

// A fresh key for each login: it travels sealed in the transaction, and is kept with the tokens.
func ExampleDPoPPerGrant() {
	ctx, op := start()
	defer op.stop()
	client := op.client(func(cfg *openid.Config) { cfg.DPoP = openid.DPoPPerGrant() })

	tokens := op.logIn(client, "openid", "offline_access")
	kept, err := tokens.MarshalBinary()
	if err != nil {
		log.Fatal(err)
	}
	var loaded openid.Tokens
	if err := loaded.UnmarshalBinary(kept); err != nil {
		log.Fatal(err)
	}
	fresh, err := client.Refresh(ctx, &loaded)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(fresh.DPoPThumbprint() == tokens.DPoPThumbprint())
	// Output: true
}

// The token goes to the named origin and nowhere else, with a proof where it is bound to a key.
func ExampleClient_HTTPClient() {
	_, op := start()
	defer op.stop()
	client := op.client(func(cfg *openid.Config) { cfg.DPoP = openid.DPoPPerGrant() })
	tokens := op.logIn(client, "openid")

	api := client.HTTPClient(tokens, "https://op.example")
	answer, err := api.Get("https://op.example/t/resource")
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	fmt.Println(answer.Status)

	_, err = api.Get("https://elsewhere.example/")
	fmt.Println(err)
	// Output:
	// 200 OK
	// Get "https://elsewhere.example/": openid: the access token is for https://op.example:443 only, not for "https://elsewhere.example"
}

// One request; what the server answers comes back as it is.
func ExampleClient_Do() {
	ctx, op := start()
	defer op.stop()
	op.Serve("resource", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="payments"`)
		w.WriteHeader(http.StatusForbidden)
	})
	client := op.client()
	tokens := op.logIn(client, "openid")

	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://op.example/t/resource", strings.NewReader(`{"amount":"1.00"}`))
	if err != nil {
		log.Fatal(err)
	}
	answer, err := client.Do(r, tokens)
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	for _, c := range openid.Challenges(answer.Header) {
		fmt.Println(answer.StatusCode, errors.Is(c.Code(), openid.ErrInsufficientScope), c.Params["scope"])
	}
	// Output: 403 true payments
}

// A server may offer several ways to ask again.
func ExampleChallenges() {
	h := http.Header{}
	h.Add("WWW-Authenticate", `Bearer realm="api", resource_metadata="https://api.example/.well-known/oauth-protected-resource", DPoP algs="ES256 EdDSA"`)
	for _, c := range openid.Challenges(h) {
		fmt.Println(c)
	}
	// Output:
	// bearer realm="api", resource_metadata="https://api.example/.well-known/oauth-protected-resource"
	// dpop algs="ES256 EdDSA"
}

// An assertion that a server wants a little different.
func ExampleSigning() {
	ctx, op := start()
	defer op.stop()

	client := op.client(func(cfg *openid.Config) {
		cfg.Auth = openid.PrivateKeyJWT(newKey(), "2026-11", openid.Signing{Modify: func(header, claims map[string]json.RawMessage) {
			header["typ"] = json.RawMessage(`"client-authentication+jwt"`)
			delete(claims, "iat")
		}})
	})
	_, err := client.Tokens(ctx, openid.ClientCredentials{})
	fmt.Println(err)
	// Output: <nil>
}

// The key of Decrypter is one of package jwe's: cfg.Decrypter = jwe.Keys(privateKey). Here something else takes its place.
func ExampleDecrypter() {
	ctx, op := start()
	defer op.stop()
	op.Encrypt = func(jws string) string { return "sealed.." + strings.ReplaceAll(jws, ".", "~") + ".." }
	op.UserInfoJWT = func(*hostile.Token) {}

	client := op.client(func(cfg *openid.Config) { cfg.Decrypter = unsealing{} })
	tokens := op.logIn(client, "openid")
	info, err := client.UserInfo(ctx, tokens)
	fmt.Println(tokens.IDToken.Subject(), info.Subject(), err)
	// Output: alice-sub alice-sub <nil>
}

type unsealing struct{}

func (unsealing) Decrypt(_ context.Context, compact string) ([]byte, error) {
	inside := strings.TrimSuffix(strings.TrimPrefix(compact, "sealed.."), "..")
	return []byte(strings.ReplaceAll(inside, "~", ".")), nil
}
