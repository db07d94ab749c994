package openid_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/openid-client/openid"
)

// Somebody types who they are. Their host says which issuer they use; this program says whether it lets that one log users in.
func ExampleFindIssuer() {
	ctx, op := start()
	defer op.stop()
	partners := map[string]bool{"https://op.example/t": true}
	cfg := openid.Config{HTTPClient: op.HTTPClient()}

	issuer, err := openid.FindIssuer(ctx, cfg, "alice@op.example", func(issuer string) bool { return partners[issuer] })
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(issuer)

	partners = nil
	_, err = openid.FindIssuer(ctx, cfg, "alice@op.example", func(issuer string) bool { return partners[issuer] })
	fmt.Println(err)
	// Output:
	// https://op.example/t
	// openid: WebFinger response: allow: expected an issuer that is allowed, got "https://op.example/t" (RFC 9700 §4.4)
}

// An API that refuses a call says in its challenge where its metadata lies, and those say where to get a token for it.
func ExampleFindResource() {
	ctx, op := start()
	defer op.stop()
	const api = "https://op.example/t/resource"
	refusal, err := op.HTTPClient().Get(api)
	if err != nil {
		log.Fatal(err)
	}
	refusal.Body.Close()

	metadata, err := openid.FindResource(ctx, openid.Config{HTTPClient: op.HTTPClient()}, api, openid.Challenges(refusal.Header)...)
	if err != nil {
		log.Fatal(err)
	}
	if metadata.AuthorizationServers[0] != "https://op.example/t" {
		log.Fatal("the API wants us to trust somebody we do not know")
	}
	client := op.client()
	source := client.TokenSource(api, openid.ClientCredentials{Resource: []string{api}, Scope: metadata.ScopesSupported})
	res, err := source.HTTPClient("https://op.example").Get(api)
	if err != nil {
		log.Fatal(err)
	}
	res.Body.Close()
	fmt.Println(refusal.StatusCode, metadata.ResourceName, metadata.ScopesSupported, res.StatusCode)
	// Output: 401 Accounts [accounts:read] 200
}

// Metadata that nobody vouches for is refused.
func ExampleSignedMetadata() {
	ctx, op := start()
	defer op.stop()
	client := op.client(func(cfg *openid.Config) {
		cfg.SignedMetadata = &openid.SignedMetadata{
			Issuer: "https://federation.example",
			JWKS:   json.RawMessage(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"2026","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`),
		}
	})
	_, err := client.Metadata(ctx)
	fmt.Println(err)
	// Output: openid: signed metadata: signed_metadata: expected a JWT, which Config.SignedMetadata demands, got nothing (RFC 8414 §2.1, RFC 9728 §2.2)
}

// A program that comes to servers it has never met: its identifier is the address of its own metadata, and where a server does not read those, it
// registers.
func ExampleEnrollment() {
	ctx, op := start()
	defer op.stop()
	op.ClientID = "https://app.example/oauth/client"
	op.Metadata = func(m map[string]any) { m["client_id_metadata_document_supported"] = true }

	metadata := openid.ClientMetadata{ClientName: "Shop", RedirectURIs: []string{"https://app.example/cb"}}
	document, err := openid.NewClientDocument("https://app.example/oauth/client", metadata)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /oauth/client", document)

	kept := map[string]*openid.Registration{} // a store that keeps secrets
	enrollment := openid.Enrollment{
		Registered: func(_ context.Context, issuer string) (*openid.Registration, error) { return kept[issuer], nil },
		Document:   document,
		Metadata:   &metadata,
		Keep: func(_ context.Context, r *openid.Registration) error {
			kept["https://op.example/t"] = r
			return nil
		},
	}
	cfg, err := enrollment.Config(ctx, openid.Config{Issuer: "https://op.example/t", HTTPClient: op.HTTPClient()})
	if err != nil {
		log.Fatal(err)
	}
	client, err := openid.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(client)
	fmt.Println(op.logIn(client, "openid").IDToken.Subject())
	// Output:
	// openid.Client "https://app.example/oauth/client" at "https://op.example/t"
	// alice-sub
}

// What a server sees that fetches the document.
func ExampleClientDocument() {
	document, err := openid.NewClientDocument("https://app.example/oauth/client", openid.ClientMetadata{RedirectURIs: []string{"https://app.example/cb"}})
	if err != nil {
		log.Fatal(err)
	}
	w := httptest.NewRecorder()
	document.ServeHTTP(w, httptest.NewRequest("GET", document.ClientID(), nil))
	body, _ := io.ReadAll(w.Body)
	fmt.Println(w.Header().Get("Content-Type"), w.Header().Get("Cache-Control"))
	fmt.Println(string(body))

	_, err = openid.NewClientDocument("https://app.example/oauth/client", openid.ClientMetadata{TokenEndpointAuthMethod: "client_secret_basic"})
	fmt.Println(err)
	// Output:
	// application/json public, max-age=3600
	// {"client_id":"https://app.example/oauth/client","redirect_uris":["https://app.example/cb"],"token_endpoint_auth_method":"none"}
	// openid: NewClientDocument: expected a TokenEndpointAuthMethod without a shared secret, got "client_secret_basic"
}

// The next key is published a day before it signs.
func ExampleSigningKeys() {
	ctx, op := start()
	defer op.stop()
	keys, err := openid.NewSigningKeys([]openid.SigningKey{
		{Key: newKey(), KeyID: "2026-11"},
		{Key: newKey(), KeyID: "2027-05", From: time.Now().Add(24 * time.Hour)},
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /jwks", keys) // at the jwks_uri that the client is registered with

	client := op.client(func(cfg *openid.Config) { cfg.Auth = keys.PrivateKeyJWT() })
	if _, err := client.Tokens(ctx, openid.ClientCredentials{}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(keys)
	// Output: 2 signing keys, of which "2026-11" signs now
}

// An address that came from outside leads into no network of our own.
func ExamplePublicTransport() {
	client, err := openid.New(openid.Config{
		Issuer:     "https://169.254.169.254",
		ClientID:   "app",
		Auth:       openid.None(),
		HTTPClient: &http.Client{Transport: openid.PublicTransport()},
	})
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.Metadata(context.Background())
	var failed *openid.ExchangeError
	fmt.Println(errors.As(err, &failed), failed.Sent)
	fmt.Println(failed.Err)
	// Output:
	// true false
	// dial tcp 169.254.169.254:443: 169.254.169.254 is not a public address
}
