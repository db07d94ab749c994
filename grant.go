package openid

import "context"

// A Grant is a way to obtain tokens without a browser in hand (RFC 6749 section 1.3).
type Grant interface {
	Obtain(ctx context.Context, c *Client) (*Tokens, error)
}

// Tokens obtains tokens by g, once. Errors are those of [Client.Callback].
func (c *Client) Tokens(ctx context.Context, g Grant) (*Tokens, error) {
	return g.Obtain(c.newFlow(ctx), c)
}
