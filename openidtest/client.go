package openidtest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// Client is a registered client. Clients may also register themselves (RFC 7591), at the registration_endpoint.
type Client struct {
	ID     string
	Name   string // for the consent page; the ID when empty
	Secret string // of at least 32 bytes for client_secret_jwt and HS256

	// AuthMethod is how the client authenticates: none, client_secret_basic, client_secret_post, client_secret_jwt or
	// private_key_jwt. When empty, it is client_secret_basic for a client with a secret, private_key_jwt for one with
	// keys, otherwise none.
	AuthMethod string
	JWKS       []byte // the client's public keys, a JWK Set

	// Redirect URIs, of logins and of logouts, are compared exactly, with one exception: an http URI on a loopback IP
	// address that is registered without a port stands for any port (RFC 8252, section 7.3).
	RedirectURIs           []string
	PostLogoutRedirectURIs []string

	// GrantTypes are authorization_code, refresh_token, client_credentials, and by their URNs device_code, ciba, token-exchange and
	// jwt-bearer. When empty: the first two, and the third for clients that authenticate. A refresh token is issued whenever the client may use it.
	GrantTypes []string

	// ResponseTypes are "code", when empty, and those that bring an ID Token, or with "token" an access token, through the browser.
	ResponseTypes []string

	// RequestURIs are where the client hosts request objects (RFC 9101, section 5.2), without the query that tells one from another. Only
	// loopback addresses are fetched.
	RequestURIs []string

	// Metadata are further members of a registration (RFC 7591), by their names: "id_token_encrypted_response_alg",
	// "userinfo_signed_response_alg", "authorization_signed_response_alg", "dpop_bound_access_tokens" and so on.
	Metadata map[string]any

	Scopes     []string // that the client may ask for; all when empty
	IDTokenAlg string   // ES256 (when empty), RS256, PS256, EdDSA or HS256
}

var authMethods = []goidc.AuthnMethod{goidc.AuthnMethodNone, goidc.AuthnMethodSecretBasic, goidc.AuthnMethodSecretPost, goidc.AuthnMethodSecretJWT, goidc.AuthnMethodPrivateKeyJWT}

var grantTypes = []goidc.GrantType{goidc.GrantAuthorizationCode, goidc.GrantRefreshToken, goidc.GrantClientCredentials}

// otherGrants are for clients that ask for them.
var otherGrants = []goidc.GrantType{goidc.GrantImplicit, goidc.GrantDeviceCode, goidc.GrantCIBA, goidc.GrantTokenExchange, goidc.GrantJWTBearer}

// standardScopes are known to every provider.
var standardScopes = []string{"openid", "profile", "email", "phone", "address", "offline_access"}

// minSecret is the shortest key for HS256, in bytes (RFC 7518, section 3.2).
const minSecret = 32

// AddClient registers a client, or replaces the one with the same ID. It reports all mistakes at once.
func (p *Provider) AddClient(c Client) error {
	made, err := p.makeClient(c)
	if err != nil {
		return fmt.Errorf("openidtest: client %q: %w", c.ID, err)
	}
	if err := p.keys.need(made.IDTokenSigAlg, made.UserInfoSigAlg, made.JARMSigAlg); err != nil {
		return fmt.Errorf("openidtest: client %q: %w", c.ID, err)
	}
	return p.clients.put(made.ID, made)
}

// makeClient turns a client into the engine's, and says all that is wrong with it.
func (p *Provider) makeClient(c Client) (goidc.Client, error) {
	var more goidc.ClientMeta
	if raw, err := json.Marshal(c.Metadata); err != nil {
		return goidc.Client{}, fmt.Errorf("the Metadata: %w", err)
	} else if err := json.Unmarshal(raw, &more); err != nil {
		return goidc.Client{}, fmt.Errorf("the Metadata: %w", err)
	}
	made := goidc.Client{ID: c.ID, Secret: c.Secret, ClientMeta: more}
	said := goidc.ClientMeta{
		Name:                   c.Name,
		ApplicationType:        goidc.ApplicationTypeWeb,
		RedirectURIs:           slices.Clone(c.RedirectURIs),
		PostLogoutRedirectURIs: slices.Clone(c.PostLogoutRedirectURIs),
		ResponseTypes:          []goidc.ResponseType{goidc.ResponseTypeCode},
		TokenAuthnMethod:       cmp.Or(goidc.AuthnMethod(c.AuthMethod), defaultAuthMethod(c)),
		IDTokenSigAlg:          cmp.Or(goidc.SignatureAlgorithm(c.IDTokenAlg), idTokenAlgs[0]),
		ScopeIDs:               strings.Join(c.Scopes, " "),
	}
	made.Name, made.ApplicationType, made.RedirectURIs, made.PostLogoutRedirectURIs = said.Name, said.ApplicationType, said.RedirectURIs, said.PostLogoutRedirectURIs
	made.ResponseTypes, made.TokenAuthnMethod, made.IDTokenSigAlg, made.ScopeIDs = said.ResponseTypes, said.TokenAuthnMethod, said.IDTokenSigAlg, said.ScopeIDs
	made.RequestURIs = slices.Clone(c.RequestURIs)
	for _, rt := range c.ResponseTypes {
		made.ResponseTypes = append(made.ResponseTypes, goidc.ResponseType(rt))
	}
	if len(c.Scopes) == 0 {
		made.ScopeIDs = strings.Join(p.scopes, " ")
	}
	for _, g := range c.GrantTypes {
		made.GrantTypes = append(made.GrantTypes, goidc.GrantType(g))
	}
	if made.GrantTypes == nil {
		made.GrantTypes = slices.Clone(grantTypes)
		if made.IsPublic() {
			made.GrantTypes = made.GrantTypes[:2]
		}
	}
	if slices.ContainsFunc(made.ResponseTypes, inFront) && !slices.Contains(made.GrantTypes, goidc.GrantImplicit) {
		made.GrantTypes = append(made.GrantTypes, goidc.GrantImplicit)
	}
	keys, err := parseKeys(c.JWKS)
	made.JWKS = keys
	return made, errors.Join(p.checkClient(&made), err)
}

func (p *Provider) checkClient(c *goidc.Client) error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.ID == "" {
		refuse("an ID is required")
	}
	if !slices.Contains(idTokenAlgs, c.IDTokenSigAlg) {
		refuse("unknown IDTokenAlg %q", c.IDTokenSigAlg)
	}
	switch method := c.TokenAuthnMethod; {
	case !slices.Contains(authMethods, method):
		refuse("unknown AuthMethod %q", method)
	case strings.HasPrefix(string(method), "client_secret_") && c.Secret == "":
		refuse("%s requires a Secret", method)
	case (method == goidc.AuthnMethodSecretJWT || c.IDTokenSigAlg == goidc.HS256) && len(c.Secret) < minSecret:
		refuse("client_secret_jwt and HS256 require a Secret of at least %d bytes", minSecret)
	case method == goidc.AuthnMethodSecretBasic && strings.Contains(c.ID, ":"):
		refuse("the engine cannot do client_secret_basic for an ID with a colon")
	case method == goidc.AuthnMethodPrivateKeyJWT && c.JWKS == nil:
		refuse("private_key_jwt requires a JWKS")
	}
	for _, rt := range c.ResponseTypes {
		if !slices.Contains(responseTypes, rt) {
			refuse("unknown response type %q", rt)
		}
	}
	for _, g := range c.GrantTypes {
		if !slices.Contains(grantTypes, g) && !slices.Contains(otherGrants, g) {
			refuse("unknown grant type %q", g)
		}
	}
	for s := range strings.FieldsSeq(c.ScopeIDs) {
		if !slices.Contains(p.scopes, s) {
			refuse("unknown scope %q: add it to Config.Scopes", s)
		}
	}
	for _, s := range slices.Concat(c.RedirectURIs, c.PostLogoutRedirectURIs) {
		if u, err := url.Parse(s); err != nil || !u.IsAbs() || u.Fragment != "" {
			refuse("redirect URI %q must be absolute and without a fragment", s)
		}
	}
	return errors.Join(errs...)
}

func parseKeys(jwks []byte) (*goidc.JSONWebKeySet, error) {
	if len(jwks) == 0 {
		return nil, nil
	}
	keys := new(goidc.JSONWebKeySet)
	if err := json.Unmarshal(jwks, keys); err != nil {
		return keys, fmt.Errorf("JWKS: %w", err)
	}
	for _, k := range keys.Keys {
		if !k.Valid() || !k.IsPublic() {
			return keys, fmt.Errorf("JWKS: key %q is not a valid public key", k.KeyID)
		}
	}
	return keys, nil
}

func defaultAuthMethod(c Client) goidc.AuthnMethod {
	switch {
	case c.Secret != "":
		return goidc.AuthnMethodSecretBasic
	case len(c.JWKS) > 0:
		return goidc.AuthnMethodPrivateKeyJWT
	}
	return goidc.AuthnMethodNone
}

// registrar is the engine's DCRManager, through which it finds all clients. Those of a Config and of AddClient are kept
// apart from those that register themselves, which could otherwise crowd them out.
type registrar struct{ *Provider }

// SaveClient keeps a client that registered itself.
func (r registrar) SaveClient(_ context.Context, c *goidc.Client) error {
	return r.registered.put(c.ID, *c)
}

// DeleteClient ends a registration.
func (r registrar) DeleteClient(_ context.Context, id string) error {
	r.registered.delete(id)
	return nil
}

// Client hands out a copy that is made to fit the request in hand.
func (r registrar) Client(ctx context.Context, id string) (*goidc.Client, error) {
	n := noteIn(ctx)
	if n.registration { // nobody manages the clients of a Config from outside
		c, err := r.registered.get(id)
		return &c, err
	}
	c, err := r.client(id)
	if err != nil {
		return nil, fmt.Errorf("client %q: %w", id, err)
	}
	n.client = &c
	native := c.ApplicationType == goidc.ApplicationTypeNative
	c.RedirectURIs = withAnyPort(c.RedirectURIs, n.redirectURI, native)
	c.PostLogoutRedirectURIs = withAnyPort(c.PostLogoutRedirectURIs, n.postLogoutRedirectURI, native)
	c.ApplicationType = goidc.ApplicationTypeWeb // or the engine would strip the port once more
	if c.JWKS != nil {
		c.JWKS = &goidc.JSONWebKeySet{Keys: withEncryptionAlgs(&c, withAlgs(c.JWKS.Keys))}
	}
	return &c, nil
}

func (p *Provider) client(id string) (goidc.Client, error) {
	c, err := p.clients.get(id)
	if err != nil {
		c, err = p.registered.get(id)
	}
	return c, err
}

// withAnyPort adds the requested URI when it differs from a registered one only in its port, and may.
func withAnyPort(registered []string, requested string, native bool) []string {
	if slices.ContainsFunc(registered, func(uri string) bool { return matchesAnyPort(uri, requested, native) }) {
		return append(slices.Clip(registered), requested)
	}
	return registered
}

// matchesAnyPort tells whether two http URIs on a loopback IP address differ only in their port, and whether that is
// allowed: to native clients, and to URIs that are registered without one.
func matchesAnyPort(registered, requested string, native bool) bool {
	a, err1 := url.Parse(registered)
	b, err2 := url.Parse(requested)
	if err1 != nil || err2 != nil || a.Scheme != "http" || !net.ParseIP(a.Hostname()).IsLoopback() || a.Port() != "" && !native {
		return false
	}
	a.Host, b.Host = strings.TrimSuffix(a.Host, ":"+a.Port()), strings.TrimSuffix(b.Host, ":"+b.Port())
	return *a == *b
}

// withAlgs repeats keys that name no algorithm, once for each they can verify: without a kid the engine looks for alg.
func withAlgs(keys []goidc.JSONWebKey) []goidc.JSONWebKey {
	out := slices.Clone(keys)
	for _, k := range keys {
		if k.Algorithm != "" {
			continue
		}
		for _, alg := range assertionAlgs {
			if verifies(k.Key, alg) {
				k.Algorithm = string(alg)
				out = append(out, k)
			}
		}
	}
	return out
}
