package contender

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/openid-client/openid"

	"github.com/openid-client/openid/bench/fixture"
)

var ours = Contender{
	Name:              "ours",
	Verifier:          func(s Server) (Verify, func(), error) { return oursVerifier(s, false) },
	Assertion:         oursAssertion,
	ClientCredentials: oursClientCredentials,
}

var oursClaims = Contender{
	Name:     "ours + claims",
	Decodes:  true,
	Verifier: func(s Server) (Verify, func(), error) { return oursVerifier(s, true) },
}

func oursVerifier(s Server, claims bool) (Verify, func(), error) {
	client, err := openid.New(openid.Config{
		Issuer:             fixture.Issuer,
		ClientID:           fixture.ClientID,
		Auth:               openid.ClientSecretBasic(openid.NewSecret(fixture.ClientSecret)),
		Metadata:           &openid.ServerMetadata{Issuer: fixture.Issuer, JWKSURI: s.JWKSURL},
		IDTokenSigningAlgs: []string{s.Algorithm},
		HTTPClient:         s.Client,
		InsecureAllowHTTP:  true,
	})
	if err != nil {
		return nil, nil, err
	}
	return func(ctx context.Context, token string) (string, error) {
		t, err := client.VerifyIDToken(ctx, token, fixture.Nonce)
		if err != nil {
			return "", err
		}
		if claims {
			c, err := openid.Claims[fixture.IDClaims](t)
			return c.Subject, err
		}
		return t.Subject(), nil
	}, nothing, nil
}

func oursAssertion(_ string, key fixture.Key) (func() error, error) {
	auth := openid.PrivateKeyJWT(key.Private, key.ID)
	r := &openid.AuthRequest{Header: http.Header{}, Form: url.Values{}, ClientID: fixture.ClientID, Audience: fixture.Issuer,
		Endpoint: fixture.Issuer + "oauth2/token"}
	return func() error {
		clear(r.Form)
		r.Now = time.Now()
		return auth.Authenticate(context.Background(), r)
	}, nil
}

func oursClientCredentials(tokenURL string, hc *http.Client) (Obtain, error) {
	client, err := openid.New(openid.Config{
		Issuer:            fixture.Issuer,
		ClientID:          fixture.ClientID,
		Auth:              openid.ClientSecretBasic(openid.NewSecret(fixture.ClientSecret)),
		Metadata:          &openid.ServerMetadata{Issuer: fixture.Issuer, TokenEndpoint: tokenURL},
		HTTPClient:        hc,
		InsecureAllowHTTP: true,
	})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (string, error) {
		t, err := client.Tokens(ctx, openid.ClientCredentials{Scope: scopes})
		if err != nil {
			return "", err
		}
		return t.AccessToken.Reveal(), nil
	}, nil
}
