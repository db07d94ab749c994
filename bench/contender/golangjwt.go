package contender

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"

	"github.com/openid-client/openid/bench/fixture"
)

var golangJWT = Contender{Name: "golang-jwt + keyfunc", Verifier: golangJWTVerifier, Assertion: golangJWTAssertion}

type golangJWTClaims struct {
	jwt.RegisteredClaims
	AuthorizedParty   string   `json:"azp"`
	AuthTime          int64    `json:"auth_time"`
	Nonce             string   `json:"nonce"`
	AccessTokenHash   string   `json:"at_hash"`
	ACR               string   `json:"acr"`
	AMR               []string `json:"amr"`
	SessionID         string   `json:"sid"`
	Email             string   `json:"email"`
	EmailVerified     bool     `json:"email_verified"`
	Name              string   `json:"name"`
	PreferredUsername string   `json:"preferred_username"`
	Locale            string   `json:"locale"`
}

func golangJWTVerifier(s Server) (Verify, func(), error) {
	key := func(context.Context) jwt.Keyfunc {
		return func(*jwt.Token) (any, error) { return []byte(fixture.ClientSecret), nil }
	}
	stop := nothing
	if s.Algorithm != "HS256" {
		ctx, cancel := context.WithCancel(context.Background())
		set, err := keyfunc.NewDefaultOverrideCtx(ctx, []string{s.JWKSURL}, keyfunc.Override{
			Client:                  s.Client,
			RefreshErrorHandlerFunc: func(string) func(context.Context, error) { return func(context.Context, error) {} },
		})
		if err != nil {
			cancel()
			return nil, nil, err
		}
		key, stop = set.KeyfuncCtx, cancel
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{s.Algorithm}), jwt.WithIssuer(fixture.Issuer),
		jwt.WithAudience(fixture.ClientID), jwt.WithExpirationRequired())
	return func(ctx context.Context, token string) (string, error) {
		var c golangJWTClaims
		if _, err := parser.ParseWithClaims(token, &c, key(ctx)); err != nil {
			return "", err
		}
		if c.Nonce != fixture.Nonce {
			return "", errNonce
		}
		return c.Subject, nil
	}, stop, nil
}

func golangJWTAssertion(alg string, key fixture.Key) (func() error, error) {
	method := jwt.GetSigningMethod(alg)
	return func() error {
		now := time.Now()
		t := jwt.NewWithClaims(method, jwt.RegisteredClaims{
			Issuer: fixture.ClientID, Subject: fixture.ClientID, Audience: jwt.ClaimStrings{fixture.Issuer}, ID: rand.Text(),
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(time.Minute)),
		})
		t.Header["kid"] = key.ID
		_, err := t.SignedString(key.Private)
		return err
	}, nil
}
