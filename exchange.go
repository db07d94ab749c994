package openid

import (
	"context"
	"fmt"
	"net/url"
	"slices"

	"github.com/openid-client/openid/internal/strict"
)

// Token types of RFC 8693 section 3, for [TokenExchange] and [Tokens].IssuedType.
const (
	AccessTokenType  = "urn:ietf:params:oauth:token-type:access_token"
	RefreshTokenType = "urn:ietf:params:oauth:token-type:refresh_token"
	IDTokenType      = "urn:ietf:params:oauth:token-type:id_token"
	SAML1Type        = "urn:ietf:params:oauth:token-type:saml1"
	SAML2Type        = "urn:ietf:params:oauth:token-type:saml2"
	JWTType          = "urn:ietf:params:oauth:token-type:jwt"
)

const tokenExchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange"

// TokenExchange is the grant of RFC 8693: one token for another, to act for the user at the next API (delegation, with Actor) or as the
// user (impersonation). What is issued is [Tokens].AccessToken, and [Tokens].IssuedType says what it is; a token that is no access token
// has the Type "N_A" and is presented nowhere by this package.
type TokenExchange struct {
	Subject     Secret // the token of whom it is about; required
	SubjectType string // what Subject is; empty: [AccessTokenType]
	Actor       Secret // the token of who acts; empty: nobody beside the client
	ActorType   string // what Actor is; empty: [AccessTokenType]
	// RequestedType is what to issue; empty: what the server thinks fit. Another type than the one asked for is refused, except that an
	// access token may be asked for as a JWT and the other way round.
	RequestedType        string
	Audience             []string // the services the token is for, by the names the server knows
	Resource             []string // and by their addresses (RFC 8707)
	Scope                []string
	AuthorizationDetails []AuthorizationDetail
	Extra                url.Values // parameters of the server's own
}

// Obtain implements [Grant].
func (g TokenExchange) Obtain(ctx context.Context, c *Client) (*Tokens, error) {
	form, err := grantForm(tokenExchangeGrant, g.Scope, g.Resource, g.AuthorizationDetails)
	if err != nil {
		return nil, err
	}
	if err := g.present(form, "subject", g.Subject, g.SubjectType); err != nil {
		return nil, err
	}
	if !g.Actor.IsEmpty() || g.ActorType != "" {
		if err := g.present(form, "actor", g.Actor, g.ActorType); err != nil {
			return nil, err
		}
	}
	if g.RequestedType != "" {
		form.Set("requested_token_type", g.RequestedType)
	}
	if len(g.Audience) > 0 {
		form["audience"] = slices.Clone(g.Audience)
	}
	return c.obtain(ctx, form, g.Extra, expectation{exchange: &exchangedToken{g.RequestedType}})
}

func (TokenExchange) present(form url.Values, who string, token Secret, kind string) error {
	if token.IsEmpty() {
		return fmt.Errorf("openid: TokenExchange: expected the %s's token, got nothing", who)
	}
	form.Set(who+"_token", token.Reveal())
	form.Set(who+"_token_type", or(kind, AccessTokenType))
	return nil
}

// exchangedToken is what a token exchange expects of the answer (RFC 8693 section 2.2.1).
type exchangedToken struct{ requested string }

// fits judges issued_token_type, which no other grant's answer needs to have.
func (x *exchangedToken) fits(v strict.Value) bool {
	issued, ok := v.Text()
	if x == nil {
		return v == nil || ok
	}
	if !ok || issued == "" {
		return false
	}
	usable := []string{AccessTokenType, JWTType}
	return x.requested == "" || issued == x.requested || slices.Contains(usable, issued) && slices.Contains(usable, x.requested)
}

func (x *exchangedToken) wanted() string {
	switch {
	case x == nil:
		return "nothing, or a string"
	case x.requested == "":
		return "the type of what was issued"
	}
	return quoted(x.requested)
}

// notAccess is the token_type of what is no access token.
const notAccess = "N_A"
