package openid_test

import (
	"errors"
	"fmt"
	"log"

	"github.com/openid-client/openid"
)

// A program that registers itself: once in its life, since each call makes another client.
func ExampleRegister() {
	ctx, op := start()
	defer op.stop()
	cfg := openid.Config{Issuer: "https://op.example/t", HTTPClient: op.HTTPClient()}

	registration, err := openid.Register(ctx, cfg, openid.ClientMetadata{
		ClientName:              "Shop",
		RedirectURIs:            []string{"https://app.example/cb"},
		TokenEndpointAuthMethod: "client_secret_basic",
	})
	if err != nil {
		log.Fatal(err)
	}
	stored, err := registration.MarshalBinary() // for a store that keeps secrets: the server says them once
	if err != nil {
		log.Fatal(err)
	}

	// From now on, at each start:
	registration = new(openid.Registration)
	if err := registration.UnmarshalBinary(stored); err != nil {
		log.Fatal(err)
	}
	if cfg, err = registration.Config(cfg); err != nil {
		log.Fatal(err)
	}
	client, err := openid.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(registration)
	fmt.Println(op.logIn(client, "openid").IDToken.Subject())
	// Output:
	// registration of "client" at "https://op.example/t"
	// alice-sub
}

// What a registration returns is the one to keep, also with an error: the server may have replaced the token that manages it.
func ExampleRegistration_Update() {
	ctx, op := start()
	defer op.stop()
	op.Registration.Rotate = true
	cfg := openid.Config{Issuer: "https://op.example/t", HTTPClient: op.HTTPClient()}
	registration, err := openid.Register(ctx, cfg, openid.ClientMetadata{RedirectURIs: []string{"https://app.example/cb"}})
	if err != nil {
		log.Fatal(err)
	}

	metadata := registration.Metadata // all of it: what an update leaves out is forgotten
	metadata.ClientName = "The Shop"
	registration, err = registration.Update(ctx, cfg, metadata)
	if err != nil {
		log.Print(err)
	}
	fmt.Println(registration.Metadata.ClientName)

	if err := registration.Delete(ctx, cfg); err != nil {
		log.Fatal(err)
	}
	_, err = registration.Read(ctx, cfg)
	fmt.Println(errors.Is(err, openid.ErrInvalidToken))
	// Output:
	// The Shop
	// true
}

// A server that registers something else than it was asked for is refused. The client is there all the same: delete it, or keep it.
func ExampleRegistrationError() {
	ctx, op := start()
	defer op.stop()
	op.Registration.Lie = func(m map[string]any) { m["token_endpoint_auth_method"] = "none" }
	cfg := openid.Config{Issuer: "https://op.example/t", HTTPClient: op.HTTPClient()}

	_, err := openid.Register(ctx, cfg, openid.ClientMetadata{
		RedirectURIs:            []string{"https://app.example/cb"},
		TokenEndpointAuthMethod: "private_key_jwt",
		JWKSURI:                 "https://app.example/jwks",
	})
	var refused *openid.RegistrationError
	if errors.As(err, &refused) {
		fmt.Println(refused.Err)
		fmt.Println(refused.Registration.Delete(ctx, cfg))
	}
	// Output:
	// openid: client registration: token_endpoint_auth_method: expected "private_key_jwt", which was asked for, got "none" (RFC 7591 §2, §3.2.1)
	// <nil>
}
