package openid

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/openid-client/openid/internal/endpoint"
)

const clientConfiguration = "client configuration" // the endpoint's name: RFC 7592 section 1.2

var errUnmanaged = errors.New("openid: this registration has no client configuration endpoint, or no token for it (RFC 7592 §3)")

// Read asks the server for the registration as it stands (RFC 7592 section 2.1). cfg is the one that [Register] was called with.
//
// The registration that is returned is the one to keep from now on, also with an error: the server may put another access token, or
// another secret, in the place of the old one at any time. It is r where nothing came.
//
// Errors: errors.Is(err, [ErrInvalidToken]) when the token or the client is no more; other *[ResponseError]; *[RegistrationError] when the
// answer is refused; *[ExchangeError]; *[VerificationError] when r is of another issuer.
func (r *Registration) Read(ctx context.Context, cfg Config) (*Registration, error) {
	return r.ask(ctx, cfg, http.MethodGet, nil)
}

// Update replaces the registered metadata by m (RFC 7592 section 2.2): the server forgets what m leaves out, so start from r.Metadata. The
// client's secret is neither sent nor changed; the server may make a new one. What is returned is as with [Registration.Read]. After an
// *[ExchangeError] whose Sent is true the outcome is unknown: read.
func (r *Registration) Update(ctx context.Context, cfg Config, m ClientMetadata) (*Registration, error) {
	return r.ask(ctx, cfg, http.MethodPut, &m)
}

// Delete ends the registration (RFC 7592 section 2.3): its secret, its tokens and its grants are no more. Errors are as with
// [Registration.Read]; after an *[ExchangeError] it may be tried again, and [ErrInvalidToken] then says that it is done.
func (r *Registration) Delete(ctx context.Context, cfg Config) error {
	_, err := r.ask(ctx, cfg, http.MethodDelete, nil)
	return err
}

func (r *Registration) ask(ctx context.Context, cfg Config, method string, m *ClientMetadata) (*Registration, error) {
	if r == nil || r.URI == "" || r.AccessToken.IsEmpty() {
		return r, errUnmanaged
	}
	c, err := r.registrar(cfg)
	if err != nil {
		return r, err
	}
	defer c.hangUp(cfg)
	return c.manage(c.newFlow(ctx), r, method, m)
}

// registrar is the one that manages r. Nothing is discovered: r says where to ask.
func (r *Registration) registrar(cfg Config) (*registrar, error) {
	cfg.Issuer = cmp.Or(cfg.Issuer, r.issuer)
	if r.issuer != "" && cfg.Issuer != r.issuer {
		return nil, &VerificationError{Document: "client registration", Check: "issuer", Expected: quoted(cfg.Issuer), Got: quoted(r.issuer), Spec: "RFC 9700 §4.4"}
	}
	cfg.ClientID, cfg.Metadata, cfg.DiscoveryURL = "", nil, "" // a configuration that Config has completed will do as well
	return newRegistrar(cfg)
}

// manage makes one request to the client configuration endpoint.
func (c *registrar) manage(ctx context.Context, r *Registration, method string, m *ClientMetadata) (*Registration, error) {
	u, err := c.configurationURL(r)
	if err != nil {
		return r, err
	}
	q := &endpoint.Request{Method: method, URL: u, Accept: jsonMediaTypes}
	statement := r.Metadata.SoftwareStatement
	if m != nil {
		if r.ClientID == "" {
			return r, errors.New("openid: Update: the registration has no ClientID, which the server has to be told (RFC 7592 §2.2)")
		}
		if err := m.mistakes(); err != nil {
			return r, err
		}
		q.Body, q.JSON = string(m.document(r.ClientID)), true
		statement = m.SoftwareStatement
	}
	if method == http.MethodDelete {
		q.Accept = nil
	}
	sent := secretsOf(r.AccessToken, statement)
	res, err := c.present(ctx, clientConfiguration, q, r.AccessToken, nil, sent)
	if err != nil {
		return r, err
	}
	switch {
	case method != http.MethodDelete && res.Status == http.StatusOK:
		return c.takeRegistration(ctx, clientConfiguration, res, &registrationDocument{asked: m, old: r}, sent)
	case method == http.MethodDelete && res.Status == http.StatusNoContent:
		return r, nil
	}
	err = statusError(clientConfiguration, res, sent)
	var refused *ResponseError
	var failed *ExchangeError
	switch {
	case errors.As(err, &refused) && refused.Status == http.StatusUnauthorized && refused.Code == "":
		refused.Code = ErrInvalidToken // also of a client that is no more: RFC 7592 sections 2.1 to 2.3
	case errors.As(err, &failed) && method == http.MethodDelete:
		failed.Expected = "status 204"
	}
	return r, err
}

// configurationURL is where r is managed. The server named it, maybe years ago and under other rules.
func (c *registrar) configurationURL(r *Registration) (*url.URL, error) {
	u, err := c.http.ParseURL(r.URI)
	if err != nil {
		return nil, &VerificationError{Document: "client registration", Check: "registration_client_uri", Expected: expectedOf(err, "an absolute https URL"),
			Got: quoted(r.URI), Spec: "RFC 7592 §3, §5"}
	}
	return u, nil
}
