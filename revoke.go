package openid

import (
	"context"
	"net/http"
)

// Revoke tells the server that a token is no longer needed (RFC 7009). Of a refresh token the server usually forgets the whole grant with
// it, and all access tokens of that. A token that the server does not know is no error. A hint is "access_token" or "refresh_token".
//
// Errors: *[ResponseError] when the server refuses, such as [ErrUnsupportedTokenType]; *[ExchangeError]: after its RetryAfter the request may be
// made again, since revoking twice does no harm. Until Revoke has returned nil the token must be taken for good.
func (c *Client) Revoke(ctx context.Context, token Secret, hint ...string) error {
	ctx = c.newFlow(ctx)
	form, err := tokenForm("Revoke", token, hint)
	if err != nil {
		return err
	}
	s, err := c.current(ctx)
	if err != nil {
		return err
	}
	res, sent, err := c.post(ctx, s, revocationEndpoint, form, nil)
	if err != nil {
		return err
	}
	if res.Status != http.StatusOK {
		return statusError(usedEndpoints[revocationEndpoint].name, res, sent)
	}
	return nil
}
