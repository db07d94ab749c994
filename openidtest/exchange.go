package openidtest

import (
	"context"
	"errors"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/luikyv/go-oidc/pkg/goidc"
)

// exchange takes the access tokens and the ID Tokens that this provider issued, of whoever holds them (RFC 8693).
func (p *Provider) exchange(ctx context.Context, r goidc.TokenExchangeRequest) (goidc.TokenExchangeResult, error) {
	subject, err := p.subjectOf(ctx, r.SubjectToken, r.SubjectTokenType)
	if err == nil && r.ActorToken != "" {
		_, err = p.subjectOf(ctx, r.ActorToken, r.ActorTokenType)
	}
	if err != nil {
		return goidc.TokenExchangeResult{}, goidc.WrapError(goidc.ErrorCodeInvalidRequest, "invalid token", err)
	}
	return goidc.TokenExchangeResult{Subject: subject}, nil
}

func (p *Provider) subjectOf(ctx context.Context, token string, kind goidc.TokenTypeIdentifier) (string, error) {
	switch kind {
	case goidc.TokenTypeIdentifierAccessToken:
		info, err := p.op.Introspect(ctx, token)
		if err != nil || !info.IsActive {
			return "", errors.New("the access token is not active")
		}
		return info.Subject, nil
	case goidc.TokenTypeIdentifierIDToken:
		return p.idTokenSubject(ctx, token)
	}
	return "", errors.New("only access tokens and ID Tokens are exchanged here")
}

func (p *Provider) idTokenSubject(ctx context.Context, token string) (string, error) {
	set, err := p.signingKeys(ctx)
	if err != nil {
		return "", err
	}
	t, err := jwt.ParseSigned(token, idTokenAlgs)
	if err != nil {
		return "", errors.New("the ID Token cannot be read")
	}
	var claims jwt.Claims
	if key, err := set.Key(t.Headers[0].KeyID); err != nil || t.Claims(key.Public().Key, &claims) != nil {
		return "", errors.New("the ID Token is not of this provider")
	}
	return claims.Subject, claims.Validate(jwt.Expected{Issuer: p.issuer})
}

// vouched takes assertions that a registered client, as their issuer, signed with a key of its own, about one of the users (RFC 7523).
func (p *Provider) vouched(_ context.Context, assertion string) (goidc.JWTBearerResult, error) {
	t, err := jwt.ParseSigned(assertion, assertionAlgs)
	if err != nil {
		return goidc.JWTBearerResult{}, errors.New("the assertion cannot be read")
	}
	var claims jwt.Claims
	_ = t.UnsafeClaimsWithoutVerification(&claims) // whom to ask for the key
	c, err := p.client(claims.Issuer)
	if err != nil || c.JWKS == nil {
		return goidc.JWTBearerResult{}, errors.New("the assertion is of nobody who is known here")
	}
	if err := t.Claims(c.JWKS.ToJOSE(), &claims); err != nil {
		return goidc.JWTBearerResult{}, errors.New("the assertion is not signed by its issuer")
	}
	u := p.userBySubject(claims.Subject)
	switch {
	case claims.Expiry == nil:
		return goidc.JWTBearerResult{}, errors.New("the assertion has no exp")
	case claims.Subject == "" || u.Subject != claims.Subject:
		return goidc.JWTBearerResult{}, errors.New("the assertion is about no user")
	}
	return goidc.JWTBearerResult{Subject: claims.Subject}, claims.Validate(jwt.Expected{AnyAudience: jwt.Audience{p.issuer, p.issuer + "/token"}})
}
