package openid

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/openid-client/openid/internal/strict"
)

// maxRequestURI is far above what a server sends: the address has to fit into a URL.
const maxRequestURI = 2 << 10

// pushedResponse is the answer to a pushed authorization request, under judgement (RFC 9126 section 2.2).
type pushedResponse struct {
	status                int
	requestURI, expiresIn strict.Value
}

func (*pushedResponse) kind() string { return "pushed authorization response" }
func (*pushedResponse) cause() error { return nil }

var pushedChecks = []check[*pushedResponse]{
	{"status", "RFC 9126 §2.2",
		func(_ context.Context, d *pushedResponse) bool { return d.status == http.StatusCreated },
		func(d *pushedResponse) (string, string) { return "201", strconv.Itoa(d.status) }},
	{"request_uri", "RFC 9126 §2.2",
		func(_ context.Context, d *pushedResponse) bool {
			s, ok := d.requestURI.Text()
			u, err := url.Parse(s)
			return ok && len(s) <= maxRequestURI && visible(s) && !strings.Contains(s, " ") && err == nil && u.IsAbs()
		},
		func(d *pushedResponse) (string, string) { return "an absolute URI", kindOf(d.requestURI) }},
	{"expires_in", "RFC 9126 §2.2",
		func(_ context.Context, d *pushedResponse) bool {
			n, ok := seconds(d.expiresIn)
			return ok && n > 0
		},
		func(d *pushedResponse) (string, string) { return "a positive number of seconds", brief(d.expiresIn) }},
}

// push hands the request to the server and returns what is left to say in the browser's URL (RFC 9126 section 2).
func (c *Client) push(ctx context.Context, s *server, params url.Values, key proofKey) (url.Values, error) {
	res, sent, err := c.post(ctx, s, parEndpoint, params, key)
	if err != nil {
		return nil, err
	}
	d := &pushedResponse{status: res.Status}
	err = readAnswer(usedEndpoints[parEndpoint].name, res, sent, func(name string, v strict.Value) {
		switch name {
		case "request_uri":
			d.requestURI = v
		case "expires_in":
			d.expiresIn = v
		}
	})
	if err != nil {
		return nil, err
	}
	if err := judge(ctx, c, c.rows.pushed, d); err != nil {
		return nil, err
	}
	uri, _ := d.requestURI.Text()
	return url.Values{"client_id": {c.cfg.ClientID}, "request_uri": {uri}}, nil
}
