package openid

import (
	"context"
	"encoding/base64"
	"net/url"
)

// SAMLBearer is the grant of RFC 7522 section 2.1: JWTBearer with a SAML 2.0 assertion.
type SAMLBearer struct {
	// Assertion returns the XML of one assertion or one EncryptedAssertion, as it is: this package encodes it. It is called for each request.
	Assertion            func(context.Context) (Secret, error)
	Scope                []string
	Resource             []string // the APIs the token is for (RFC 8707 section 2.2)
	AuthorizationDetails []AuthorizationDetail
	Extra                url.Values // parameters of the server's own
}

// Obtain implements [Grant].
func (g SAMLBearer) Obtain(ctx context.Context, c *Client) (*Tokens, error) {
	form, err := grantForm("urn:ietf:params:oauth:grant-type:saml2-bearer", g.Scope, g.Resource, g.AuthorizationDetails)
	if err != nil {
		return nil, err
	}
	assertion, err := vouched(ctx, "SAMLBearer", g.Assertion)
	if err != nil {
		return nil, err
	}
	form.Set("assertion", base64.RawURLEncoding.EncodeToString([]byte(assertion))) // RFC 7522 section 2.1 wants no padding
	return c.obtain(ctx, form, g.Extra, expectation{idToken: mayIdentify(g.Scope)})
}
