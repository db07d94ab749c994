package openid

import (
	"context"
	"maps"
	"net/http"
	"net/url"

	"github.com/openid-client/openid/internal/dpop"
	"github.com/openid-client/openid/internal/endpoint"
	"github.com/openid-client/openid/internal/strict"
)

// post sends a form to one of the server's endpoints as this client (RFC 6749 section 2.3), with a DPoP proof where there is a key. Where
// the server only misses its nonce the request has had no effect and is made once more, with everything fresh (RFC 9449 section 8).
func (c *Client) post(ctx context.Context, s *server, id endpointID, form url.Values, key proofKey) (*endpoint.Response, func() []string, error) {
	return c.postIf(ctx, s, id, form, key, nil)
}

// postIf is post with a last question, asked when the connection stands and the body is about to be sent: an error keeps it here.
func (c *Client) postIf(ctx context.Context, s *server, id endpointID, form url.Values, key proofKey, confirm func() error) (*endpoint.Response, func() []string, error) {
	u, err := s.url(id)
	if err != nil {
		return nil, nil, err
	}
	name := usedEndpoints[id].name
	for attempt := 1; ; attempt++ {
		r := AuthRequest{Header: http.Header{}, Form: form, ClientID: c.cfg.ClientID, Audience: c.cfg.Issuer, Endpoint: c.address(s.meta, id),
			Methods: s.meta.TokenEndpointAuthMethodsSupported, Now: c.now()}
		if key != nil {
			r.Form = maps.Clone(form)
		}
		if err := c.cfg.Auth.Authenticate(ctx, &r); err != nil {
			return nil, nil, err
		}
		if c.cfg.Profile != nil {
			if err := c.cfg.Profile.post(ctx, c, id, &r); err != nil {
				return nil, nil, err
			}
		}
		if namesClient(id) && !r.Form.Has("client_id") {
			r.Form.Set("client_id", c.cfg.ClientID)
		}
		if key != nil {
			if err := c.prove(r.Header, key, dpop.AuthorizationServer, http.MethodPost, u, ""); err != nil {
				return nil, nil, err
			}
		}
		sent := func() []string { return confidential(&r) }
		res, err := c.exchange(ctx, name, &endpoint.Request{Method: http.MethodPost, URL: u, Header: r.Header, Body: encodeForm(r.Form), Accept: c.accepts(id), Confirm: confirm}, sent)
		if err != nil || key == nil {
			return res, sent, err
		}
		if !c.nonces.Learn(dpop.AuthorizationServer, u, res.Header) || attempt == 2 || !wantsNonce(res.Status, codeOf(res), res.Header) {
			return res, sent, nil
		}
	}
}

// accepts are the media types that an endpoint may answer in.
func (c *Client) accepts(id endpointID) []string {
	switch {
	case id == revocationEndpoint:
		return nil // its status says it all: RFC 7009 section 2.2
	case id != introspectionEndpoint:
		return jsonMediaTypes
	case len(c.cfg.IntrospectionSigningAlgs) > 0:
		return introspectionMediaTypes[1:]
	}
	return introspectionMediaTypes
}

// namesClient: these requests say client_id whatever the authentication (RFC 9126 section 2.1; of the others old servers expect it).
func namesClient(id endpointID) bool {
	return id == parEndpoint || id == deviceEndpoint || id == backchannelEndpoint
}

// readAnswer hands the members of the JSON object that answers a POST to member; a null counts as absent. A refusal is an error whatever
// its status.
func readAnswer(name string, res *endpoint.Response, sent func() []string, member func(name string, v strict.Value)) error {
	if res.Status < 200 || res.Status > 299 {
		return statusError(name, res, sent)
	}
	refused := tokenResponse{sent: sent}
	err := strict.Object(res.Body, func(name []byte, v strict.Value) error {
		switch string(name) {
		case "error":
			refused.err = v
		case "error_description":
			refused.why = v
		case "error_uri":
			refused.uri = v
		default:
			if v.Kind() != 'n' {
				member(string(name), v)
			}
		}
		return nil
	})
	if err != nil {
		return &ExchangeError{Endpoint: name, Sent: true, Status: res.Status, Expected: "a JSON object", Got: "something else", Err: err}
	}
	if refused.err != nil {
		return refused.refusal(name, res)
	}
	return nil
}

// codeOf is the error that a refusal's body names.
func codeOf(res *endpoint.Response) Code {
	var d tokenResponse
	if res.Status < 400 || len(res.Body) == 0 || d.read(res.Body) != nil {
		return ""
	}
	code, _ := d.err.Text()
	return Code(code)
}

// newKey is the key for a new grant; nil where tokens are not bound.
func (c *Client) newKey() (proofKey, error) {
	if !c.cfg.DPoP.enabled() {
		return nil, nil
	}
	return c.cfg.DPoP.keys.fresh()
}

// keyOf is the key that a refresh of t proves: the one t is bound to, or a new one where t was bound to none.
func (c *Client) keyOf(t *Tokens) (proofKey, error) {
	if t == nil || t.keyRecord() == "" {
		return c.newKey()
	}
	return c.cfg.DPoP.restore(t.keyRecord())
}
