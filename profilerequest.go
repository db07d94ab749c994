package openid

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/openid-client/openid/internal/jose"
	"github.com/openid-client/openid/internal/strict"
)

// requestedLogin is an authorization request before it is put together, under judgement.
type requestedLogin struct{ responseType, responseMode, redirectURI string }

func (*requestedLogin) kind() string { return "authorization request" }
func (*requestedLogin) cause() error { return nil }

// login judges a request for a login and says its response mode.
func (p *profile) login(ctx context.Context, c *Client, t *transaction) error {
	if t.responseMode == "" && t.responseType == "code" {
		t.responseMode = p.mode
	}
	d := &requestedLogin{t.responseType, t.responseMode, t.redirectURI}
	if rt, known := findResponseType(t.responseType); known && d.responseMode == "" {
		d.responseMode = rt.defaultMode()
	}
	return judge(ctx, c, rowsOf(p.asked), d)
}

// requestObject is a request object of this client's, under judgement, before it leaves.
type requestObject struct {
	c             *Client
	aud, exp, nbf strict.Value
}

func (*requestObject) kind() string { return "request object" }
func (*requestObject) cause() error { return nil }

func (p *profile) object(ctx context.Context, c *Client, compact string) error {
	if len(p.objects) == 0 {
		return nil
	}
	d := &requestObject{c: c}
	_, claims := opened(compact)
	_ = strict.Object(claims, func(name []byte, v strict.Value) error {
		switch string(name) {
		case "aud":
			d.aud = v
		case "exp":
			d.exp = v
		case "nbf":
			d.nbf = v
		}
		return nil
	})
	return judge(ctx, c, rowsOf(p.objects), d)
}

// opened are the algorithm and the claims of a JWS of this client's own; empty where it is none.
func opened(compact string) (algorithm string, claims []byte) {
	header, rest, _ := strings.Cut(compact, ".")
	payload, _, _ := strings.Cut(rest, ".")
	if h, err := jose.ParseHeader(header); err == nil {
		algorithm = h.Algorithm
	}
	claims, _ = strict.AppendBase64(nil, payload)
	return algorithm, claims
}

// postedRequest is a request to one of the server's endpoints, with its authentication, under judgement, before it leaves.
type postedRequest struct {
	c         *Client
	id        endpointID
	form      url.Values
	header    http.Header
	algorithm string       // of the client assertion; empty: there is none, or none that can be read
	audience  strict.Value // of the client assertion
}

func (d *postedRequest) kind() string {
	if d.id == parEndpoint {
		return usedEndpoints[d.id].name
	}
	return usedEndpoints[d.id].name + " request"
}
func (*postedRequest) cause() error { return nil }

// asserts: the client authenticates by an assertion.
func (d *postedRequest) asserts() bool { return d.form.Has("client_assertion") }

func (p *profile) post(ctx context.Context, c *Client, id endpointID, r *AuthRequest) error {
	d := &postedRequest{c: c, id: id, form: r.Form, header: r.Header}
	if d.asserts() {
		var claims []byte
		d.algorithm, claims = opened(r.Form.Get("client_assertion"))
		_ = strict.Object(claims, func(name []byte, v strict.Value) error {
			if string(name) == "aud" {
				d.audience = v
			}
			return nil
		})
	}
	return judge(ctx, c, rowsOf(p.posts), d)
}
