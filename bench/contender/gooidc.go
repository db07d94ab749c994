package contender

import (
	"context"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/openid-client/openid/bench/fixture"
)

var goOIDC = Contender{Name: "go-oidc", Verifier: func(s Server) (Verify, func(), error) {
	return goOIDCVerifier(s, func(*oidc.IDToken) error { return nil })
}}

var goOIDCClaims = Contender{Name: "go-oidc + claims", Decodes: true, Verifier: func(s Server) (Verify, func(), error) {
	return goOIDCVerifier(s, func(t *oidc.IDToken) error { return t.Claims(new(fixture.IDClaims)) })
}}

func goOIDCVerifier(s Server, claims func(*oidc.IDToken) error) (Verify, func(), error) {
	if s.Algorithm == "HS256" {
		return nil, nil, nil
	}
	keys := oidc.NewRemoteKeySet(oidc.ClientContext(context.Background(), s.Client), s.JWKSURL)
	v := oidc.NewVerifier(fixture.Issuer, keys, &oidc.Config{ClientID: fixture.ClientID, SupportedSigningAlgs: []string{s.Algorithm}})
	return func(ctx context.Context, token string) (string, error) {
		t, err := v.Verify(ctx, token)
		if err != nil {
			return "", err
		}
		if t.Nonce != fixture.Nonce { // go-oidc leaves it to its caller
			return "", errNonce
		}
		return t.Subject, claims(t)
	}, nothing, nil
}
