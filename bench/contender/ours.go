package contender

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/store"

	"github.com/openid-client/openid/bench/fixture"
)

var ours = Contender{
	Name:              "ours",
	Verifier:          func(s Server) (Verify, func(), error) { return oursVerifier(s, false) },
	Assertion:         oursAssertion,
	ClientCredentials: oursClientCredentials,
	Kept:              oursKept,
	Login:             oursLogin,
	Resume:            oursResume,
	Session:           oursWeb(false),
	SealedSession:     oursWeb(true),
	WebLogin:          oursWeb(false),
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

func oursKept() (Obtain, error) {
	return oursSource(openid.Config{}, &openid.Tokens{AccessToken: openid.NewSecret("access"), RefreshToken: openid.NewSecret("refresh"), Type: "Bearer",
		Expiry: time.Now().Add(24 * time.Hour)})
}

func oursLogin(dir, tokenURL, refreshToken string) error {
	_, err := oursInDirectory(dir, tokenURL, nil, &openid.Tokens{AccessToken: openid.NewSecret("old"), RefreshToken: openid.NewSecret(refreshToken), Type: "Bearer",
		Expiry: time.Now().Add(-time.Hour)})
	return err
}

func oursResume(dir, tokenURL string, hc *http.Client) (Obtain, error) {
	return oursInDirectory(dir, tokenURL, hc, nil)
}

func oursInDirectory(dir, tokenURL string, hc *http.Client, first *openid.Tokens) (Obtain, error) {
	s, err := store.File(filepath.Join(dir, "store"), bytes.Repeat([]byte{1}, 32))
	if err != nil {
		return nil, err
	}
	return oursSource(openid.Config{Store: s, HTTPClient: hc, Metadata: &openid.ServerMetadata{Issuer: fixture.Issuer, TokenEndpoint: tokenURL}}, first)
}

func oursSource(cfg openid.Config, first *openid.Tokens) (Obtain, error) {
	cfg.Issuer, cfg.ClientID, cfg.Auth, cfg.InsecureAllowHTTP = fixture.Issuer, fixture.ClientID, openid.None(), true
	client, err := openid.New(cfg)
	if err != nil {
		return nil, err
	}
	source := client.TokenSource("alice", nil)
	if first != nil {
		if err := source.Save(context.Background(), first); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context) (string, error) {
		t, err := source.Token(ctx)
		if err != nil {
			return "", err
		}
		return t.AccessToken.Reveal(), nil
	}, nil
}
