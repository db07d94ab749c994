package openid

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/openid-client/openid/internal/dpop"
	"github.com/openid-client/openid/internal/endpoint"
)

// InitialAccess is the token that a server wants of those who register (RFC 7591 section 3).
type InitialAccess struct {
	Token Secret
	DPoP  DPoP // of the key that Token is bound to, by [DPoPKey] (RFC 9449 section 7.1); the zero value: Token is a bearer token
}

// Register makes a new client at the server that cfg names (RFC 7591, OpenID Connect Dynamic Client Registration 1.0). Of cfg only the server
// and the way there count, such as Issuer, Metadata, Certificate and HTTPClient; there is no ClientID yet. [Registration.Config] completes
// it. The server may register something else than m: what this package refuses stands in a table of checks, what it has become in
// [Registration].Metadata.
//
// Each call makes another client, and none is made twice by itself. Errors: *[RegistrationError] when a client was made and the answer is
// refused: it holds what was issued, for the caller to keep or to delete; *[ResponseError] when the server refuses, such as
// [ErrInvalidRedirectURI]; *[ExchangeError]; *[ConfigError].
func Register(ctx context.Context, cfg Config, m ClientMetadata, initial ...InitialAccess) (*Registration, error) {
	c, err := newRegistrar(cfg)
	if err != nil {
		return nil, err
	}
	defer c.hangUp(cfg)
	return c.register(ctx, m, initial)
}

// A RegistrationError says that the server has made or changed a client, and that its answer is refused, or that [Enrollment].Keep did not take it.
// Nothing of it is lost: Registration is what was issued, its secrets hidden as ever. Whoever does not want it calls [Registration.Delete].
type RegistrationError struct {
	Registration *Registration
	Err          error // why, usually a *[VerificationError]
}

// Error says why the answer is refused.
func (e *RegistrationError) Error() string {
	if kept, ok := e.Err.(*keepError); ok {
		return "openid: a client is registered, and not kept: " + beneath(kept.err)
	}
	return "openid: a client is registered, and the answer refused: " + beneath(e.Err)
}

// Unwrap returns Err.
func (e *RegistrationError) Unwrap() error { return e.Err }

// A registrar is a client that is not registered: it knows the server and the way there, and never says who it is.
type registrar struct {
	*Client
	rows []check[*registrationDocument]
}

func newRegistrar(cfg Config) (*registrar, error) {
	if cfg.ClientID != "" {
		return nil, &ConfigError{Field: "ClientID", Expected: "nothing, since registration brings one", Got: quoted(cfg.ClientID)}
	}
	c, err := New(Config{
		Issuer: cfg.Issuer, IssuerAliases: cfg.IssuerAliases, Tenants: cfg.Tenants, DiscoveryURL: cfg.DiscoveryURL, Metadata: cfg.Metadata, SignedMetadata: cfg.SignedMetadata, ClientID: "(not registered)", Auth: None(), Certificate: cfg.Certificate,
		ClockTolerance: cfg.ClockTolerance, ClockSkew: cfg.ClockSkew, HTTPClient: cfg.HTTPClient, Trace: cfg.Trace, InsecureAllowHTTP: cfg.InsecureAllowHTTP,
		IDTokenSigningAlgs: []string{"RS256"}, // none will come, and a server that signs with HS256 only can be registered at
	})
	if err != nil {
		return nil, err
	}
	return &registrar{c, registrationChecks}, nil
}

// hangUp closes the connections of a client that is used once, unless they are the caller's.
func (c *registrar) hangUp(cfg Config) {
	t, ok := c.http.Transport.(*http.Transport)
	if ok && (cfg.HTTPClient == nil || cfg.HTTPClient.Transport != http.RoundTripper(t)) {
		t.CloseIdleConnections()
	}
}

func (c *registrar) register(ctx context.Context, m ClientMetadata, initial []InitialAccess) (*Registration, error) {
	ctx = c.newFlow(ctx)
	token, key, err := initialAccess(initial)
	if err := errors.Join(err, m.mistakes()); err != nil {
		return nil, err
	}
	s, err := c.current(ctx)
	if err != nil {
		return nil, err
	}
	u, err := s.url(registrationEndpoint)
	if err != nil {
		return nil, err
	}
	name := usedEndpoints[registrationEndpoint].name
	r := &endpoint.Request{Method: http.MethodPost, URL: u, Accept: jsonMediaTypes, Body: string(m.document("")), JSON: true}
	sent := secretsOf(token, m.SoftwareStatement)
	res, err := c.present(ctx, name, r, token, key, sent)
	if err != nil {
		return nil, err
	}
	if res.Status != http.StatusCreated && res.Status != http.StatusOK { // old servers say 200
		return nil, statusError(name, res, sent)
	}
	made, err := c.takeRegistration(ctx, name, res, &registrationDocument{asked: &m}, sent)
	if err != nil {
		return nil, err
	}
	return made, nil
}

// initialAccess is the one initial access token, with its key where it has one.
func initialAccess(initial []InitialAccess) (Secret, proofKey, error) {
	switch {
	case len(initial) == 0:
		return Secret{}, nil, nil
	case len(initial) > 1:
		return Secret{}, nil, errors.New("openid: Register: one InitialAccess at most")
	case initial[0].Token.IsEmpty():
		return Secret{}, nil, errors.New("openid: Register: InitialAccess without a token")
	case !initial[0].DPoP.enabled():
		return initial[0].Token, nil, nil
	}
	keys := initial[0].DPoP.keys
	if expected, got := keys.mistake(); expected != "" {
		return Secret{}, nil, fmt.Errorf("openid: InitialAccess.DPoP: expected %s, got %s", expected, got)
	}
	key, err := keys.fresh()
	if err == nil && len(recordOf(key)) > thumbprintSize {
		err = errors.New("openid: InitialAccess.DPoP: expected DPoPKey with the key that the token is bound to, got DPoPPerGrant")
	}
	return initial[0].Token, key, err
}

// present sends a request with a token, and once more where the server only misses its nonce (RFC 9449 section 9).
func (c *registrar) present(ctx context.Context, name string, r *endpoint.Request, token Secret, key proofKey, sent func() []string) (*endpoint.Response, error) {
	for attempt := 1; ; attempt++ {
		r.Header = http.Header{}
		switch {
		case token.IsEmpty():
		case key == nil:
			r.Header["Authorization"] = []string{"Bearer " + token.Reveal()}
		default:
			r.Header["Authorization"] = []string{"DPoP " + token.Reveal()}
			if err := c.prove(r.Header, key, dpop.ResourceServer, r.Method, r.URL, token.Reveal()); err != nil {
				return nil, err
			}
		}
		res, err := c.exchange(ctx, name, r, sent)
		if err != nil || key == nil {
			return res, err
		}
		if !c.nonces.Learn(dpop.ResourceServer, r.URL, res.Header) || attempt == 2 || !wantsNonce(res.Status, codeOf(res), res.Header) {
			return res, nil
		}
	}
}

// secretsOf are what a request carries that nobody else may see.
func secretsOf(secrets ...Secret) func() []string {
	return func() []string {
		list := make([]string, len(secrets))
		for i, s := range secrets {
			list[i] = s.Reveal()
		}
		return list
	}
}

// takeRegistration judges an answer and makes a registration of it. With an error, what is returned is the one to go on with: what was
// issued all the same, else the one of before, if any.
func (c *registrar) takeRegistration(ctx context.Context, name string, res *endpoint.Response, d *registrationDocument, sent func() []string) (*Registration, error) {
	d.c, d.now, d.table = c.Client, c.now(), d.metadata.members()
	err := readAnswer(name, res, sent, d.take)
	var broken *ExchangeError
	if errors.As(err, &broken) {
		return d.old, err // of JSON that contradicts itself nothing is good
	}
	d.read()
	if err == nil {
		err = judge(ctx, c.Client, c.rows, d)
	}
	switch {
	case err == nil:
		return d.result(), nil
	case !d.issued():
		return nil, err
	}
	r := d.result()
	return r, &RegistrationError{r, err}
}
