package openid_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/openid-client/openid"
)

// A command on a machine without a browser: the user opens the address on another device and enters the code there.
func ExampleDevice() {
	ctx, op := start()
	defer op.stop()
	op.Decision.Interval = 1 // second, so that nobody waits long here

	tokens, err := op.client().Tokens(ctx, openid.Device{
		Scope: []string{"openid", "offline_access"},
		Show:  func(p openid.DevicePrompt) { fmt.Println(p) }, // p.QR() is the text for a QR code
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tokens.IDToken.Subject())
	// Output:
	// To log in, open https://op.example/t/device
	// and enter the code WDJB-MJHT, or open https://op.example/t/device?user_code=WDJB-MJHT
	// alice-sub
}

// The user says no, on the other device.
func ExampleDevice_refused() {
	ctx, op := start()
	defer op.stop()
	op.Decision.Interval, op.Decision.Answers = 1, []string{"access_denied"}

	_, err := op.client().Tokens(ctx, openid.Device{Show: func(openid.DevicePrompt) {}})
	fmt.Println(errors.Is(err, openid.ErrAccessDenied))
	// Output: true
}

// The telephone of the user asks; the server then tells the application at its notification endpoint that there is an answer.
func ExampleCIBA() {
	ctx, op := start()
	defer op.stop()

	pings := new(openid.PingEndpoint)
	mux := http.NewServeMux()
	mux.Handle("POST /ping", pings) // at the address that the client is registered with

	op.Decision.Backchannel = func(m map[string]any) {
		go func() { // what the server does
			body := fmt.Sprintf(`{"auth_req_id":%q}`, m["auth_req_id"])
			r := httptest.NewRequestWithContext(ctx, http.MethodPost, "https://app.example/ping", strings.NewReader(body))
			r.Header.Set("Authorization", "Bearer "+op.Pings()[0].Token)
			mux.ServeHTTP(httptest.NewRecorder(), r)
		}()
	}
	tokens, err := op.client().Tokens(ctx, openid.CIBA{LoginHint: "alice@op.example", BindingMessage: "W4SCT", Ping: pings})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tokens.IDToken.Subject())
	// Output: alice-sub
}

// A bank's terms (FAPI-CIBA): the request is signed, the tokens are bound to a key. What the profile does not allow is not sent.
func ExampleCIBA_fapi() {
	ctx, op := start()
	defer op.stop()
	op.Decision.Interval = 1 // second, so that nobody waits long here
	key := newKey()
	client := op.client(func(cfg *openid.Config) {
		cfg.Auth, cfg.DPoP = openid.PrivateKeyJWT(key, "k1"), openid.DPoPKey(key)
		cfg.RequestObject = &openid.RequestObject{Key: key, KeyID: "k1"}
	})

	payment := openid.CIBA{LoginHint: "alice@op.example", FAPI: true}
	_, err := client.Tokens(ctx, payment)
	fmt.Println(err)

	payment.BindingMessage = "W4SCT" // shown on the till and on the telephone
	tokens, err := client.Tokens(ctx, payment)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tokens.Type, tokens.IDToken.Subject())
	// Output:
	// openid: backchannel authentication request: authorization context: expected a BindingMessage, AuthorizationDetails, or an Extra that says what the user decides about, got 0 bytes, 0 details and 0 of Extra (FAPI-CIBA §5.2.3)
	// DPoP alice-sub
}

// An API that calls the next one for its user: a token for that API alone, and with fewer rights.
func ExampleTokenExchange() {
	ctx, op := start()
	defer op.stop()
	client := op.client()
	users := op.logIn(client, "openid", "profile")

	tokens, err := client.Tokens(ctx, openid.TokenExchange{
		Subject:  users.AccessToken,
		Audience: []string{"orders"},
		Scope:    []string{"orders:read"},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tokens.Type, tokens.Scope, tokens.IssuedType == openid.AccessTokenType)
	// Output: Bearer [orders:read] true
}

// Somebody whom the server trusts vouches for the subject.
func ExampleJWTBearer() {
	ctx, op := start()
	defer op.stop()

	tokens, err := op.client().Tokens(ctx, openid.JWTBearer{
		Assertion: func(context.Context) (openid.Secret, error) { return openid.NewSecret("header.claims.signature"), nil },
		Scope:     []string{"orders:read"},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tokens.Type, tokens.Scope)
	// Output: Bearer [orders:read]
}

// The same with SAML: the XML as it is.
func ExampleSAMLBearer() {
	ctx, op := start()
	defer op.stop()

	tokens, err := op.client().Tokens(ctx, openid.SAMLBearer{
		Assertion: func(context.Context) (openid.Secret, error) {
			return openid.NewSecret("<Assertion>…</Assertion>"), nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tokens.Type)
	// Output: Bearer
}

// A grant that this package does not know.
func ExampleCustomGrant() {
	ctx, op := start()
	defer op.stop()

	_, err := op.client().Tokens(ctx, openid.CustomGrant{
		Type: "urn:vendor:grant-type:badge",
		Form: url.Values{"badge": {"1234"}, "scope": {"doors"}},
	})
	fmt.Println(errors.Is(err, openid.ErrUnsupportedGrantType)) // nor does this server
	// Output: true
}

// Whether a token is good, and for what: the server says.
func ExampleClient_Introspect() {
	ctx, op := start()
	defer op.stop()
	client := op.client()
	tokens := op.logIn(client, "openid", "orders:read")

	answer, err := client.Introspect(ctx, tokens.AccessToken)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer.Subject(), answer.Scope())

	if err := client.Revoke(ctx, tokens.AccessToken); err != nil {
		log.Fatal(err)
	}
	_, err = client.Introspect(ctx, tokens.AccessToken)
	fmt.Println(errors.Is(err, openid.ErrInactive))
	// Output:
	// alice-sub [openid orders:read]
	// true
}
