package openid

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openid-client/openid/internal/jose"
	"github.com/openid-client/openid/internal/strict"
)

// A Registration is a client as the server has registered it (RFC 7591 section 3.2.1): what [Register] and [Registration.Read] bring. Keep it,
// with [Registration.MarshalBinary]: the server says the secrets once.
type Registration struct {
	ClientID     string
	ClientSecret Secret
	SecretExpiry time.Time // of ClientSecret; zero: never
	IssuedAt     time.Time // of ClientID; zero where the server does not say
	// Metadata is what the server has registered, which may be something else than was asked for.
	Metadata ClientMetadata
	// URI is the client configuration endpoint and AccessToken the token for it alone: with them the registration can be read, changed and
	// deleted (RFC 7592 section 3). Both are empty where the server offers none of that.
	URI         string
	AccessToken Secret

	issuer string // where it comes from, and the only place it may be used at
}

// String names client and server and shows no secret.
func (r Registration) String() string {
	if r.ClientID == "" && r.URI == "" {
		return "no registration"
	}
	return "registration of " + quoted(r.ClientID) + " at " + quoted(r.issuer)
}

// Format writes what String says, for every verb.
func (r Registration) Format(f fmt.State, _ rune) { fmt.Fprint(f, r.String()) }

// MarshalText shows what String says; JSON encoders and log/slog use it. To keep the registration, use MarshalBinary.
func (r Registration) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// The authentication methods of this package, by their registered names.
const (
	methodNone          = "none"
	methodSecretBasic   = "client_secret_basic"
	methodSecretPost    = "client_secret_post"
	methodSecretJWT     = "client_secret_jwt"
	methodPrivateKeyJWT = "private_key_jwt"
	methodTLS           = "tls_client_auth"
	methodSelfSignedTLS = "self_signed_tls_client_auth"
)

var authMethods = []string{methodNone, methodSecretBasic, methodSecretPost, methodSecretJWT, methodPrivateKeyJWT, methodTLS, methodSelfSignedTLS}

// secretMethods need a client secret.
var secretMethods = []string{methodSecretBasic, methodSecretPost, methodSecretJWT}

// Config completes cfg so that [New] makes the registered client of it: ClientID, Auth by the registered method, the redirect URI where there
// is one only, and the one algorithm that the server signs ID Tokens, UserInfo, responses and introspection with. What cfg says already
// stays. For private_key_jwt it says Auth: [PrivateKeyJWT] with the key whose public half is registered; for certificates, Certificate. An
// HMAC algorithm is still accepted only where cfg names it.
//
// Errors: *[ConfigError], joined: cfg is of another issuer or client, lacks what the method needs, or has a redirect URI that is not
// registered; the client secret has expired.
func (r *Registration) Config(cfg Config) (Config, error) {
	var found []error
	mistake := func(field, expected, got string) {
		found = append(found, &ConfigError{Field: field, Expected: expected, Got: got})
	}
	if r.issuer != "" && cmp.Or(cfg.Issuer, r.issuer) != r.issuer {
		mistake("Issuer", quoted(r.issuer)+", where the client is registered", quoted(cfg.Issuer))
	}
	cfg.Issuer = cmp.Or(cfg.Issuer, r.issuer)
	if r.ClientID == "" || cmp.Or(cfg.ClientID, r.ClientID) != r.ClientID {
		mistake("ClientID", quoted(r.ClientID)+", as registered", quoted(cfg.ClientID))
	}
	cfg.ClientID = r.ClientID
	if uris := r.Metadata.RedirectURIs; cfg.RedirectURI == "" && len(uris) == 1 {
		cfg.RedirectURI = uris[0]
	} else if cfg.RedirectURI != "" && len(uris) > 0 && !slices.Contains(uris, cfg.RedirectURI) {
		mistake("RedirectURI", "a registered one", quoted(cfg.RedirectURI))
	}
	if cfg.Auth == nil {
		cfg.Auth = r.auth()
		switch a, keyed := cfg.Auth.(interface{ secret() Secret }); {
		case cfg.Auth == nil:
			mistake("Auth", "the authentication of "+quoted(r.Metadata.TokenEndpointAuthMethod)+", with the key that is registered", "nil")
		case keyed && a.secret().IsEmpty():
			mistake("Auth", "a client secret, which "+quoted(r.Metadata.TokenEndpointAuthMethod)+" needs", "none")
		case keyed && !r.SecretExpiry.IsZero() && !time.Now().Add(cfg.ClockSkew).Before(r.SecretExpiry):
			mistake("Auth", "a client secret that has not expired", "one that was good until "+r.SecretExpiry.UTC().Format(time.RFC3339))
		}
	}
	for i, list := range []*[]string{&cfg.IDTokenSigningAlgs, &cfg.UserInfoSigningAlgs, &cfg.ResponseSigningAlgs, &cfg.IntrospectionSigningAlgs} {
		if alg := *r.Metadata.responseAlgs()[i].alg; len(*list) == 0 && jose.Supported(alg) && !strings.HasPrefix(alg, "HS") {
			*list = []string{alg}
		}
	}
	if len(found) > 0 {
		return Config{}, errors.Join(found...)
	}
	return cfg, nil
}

// auth is the authentication that needs nothing but the registration; nil where it needs more.
func (r *Registration) auth() ClientAuth {
	switch cmp.Or(r.Metadata.TokenEndpointAuthMethod, methodSecretBasic) {
	case methodNone:
		return None()
	case methodSecretBasic:
		return ClientSecretBasic(r.ClientSecret)
	case methodSecretPost:
		return ClientSecretPost(r.ClientSecret)
	case methodSecretJWT:
		return ClientSecretJWT(r.ClientSecret, Signing{Algorithm: r.Metadata.TokenEndpointAuthSigningAlg})
	case methodTLS, methodSelfSignedTLS:
		return TLSClientAuth()
	}
	return nil
}

const registrationVersion = 1

// MarshalBinary encodes the registration with its secrets, for a store that keeps them safe.
func (r *Registration) MarshalBinary() ([]byte, error) {
	if expected, got := r.Metadata.notJSON(); expected != "" {
		return nil, fmt.Errorf("openid: Registration.Metadata: expected %s, got %s", expected, got)
	}
	return encodeRecord(registrationVersion, r.issuer, r.ClientID, r.ClientSecret.Reveal(), unix(r.SecretExpiry), unix(r.IssuedAt), r.URI,
		r.AccessToken.Reveal(), string(r.Metadata.document(""))), nil
}

// UnmarshalBinary decodes what MarshalBinary made.
func (r *Registration) UnmarshalBinary(b []byte) error {
	var u Registration
	var secret, expiry, issued, token, metadata string
	if err := decodeRecord(b, registrationVersion, &u.issuer, &u.ClientID, &secret, &expiry, &issued, &u.URI, &token, &metadata); err != nil {
		return err
	}
	u.ClientSecret, u.AccessToken = NewSecret(secret), NewSecret(token)
	for _, at := range []struct {
		seconds string
		t       *time.Time
	}{{expiry, &u.SecretExpiry}, {issued, &u.IssuedAt}} {
		n, err := strconv.ParseInt(at.seconds, 10, 64)
		if err != nil {
			return errRecord
		}
		*at.t = instant(n)
	}
	table := u.Metadata.members()
	err := strict.Object([]byte(metadata), func(name []byte, v strict.Value) error {
		if u.Metadata.take(table, string(name), v) != "" {
			return errRecord
		}
		return nil
	})
	if err != nil {
		return errRecord
	}
	*r = u
	return nil
}

// unix is what instant reads.
func unix(t time.Time) string {
	if t.IsZero() {
		return "0"
	}
	return strconv.FormatInt(t.Unix(), 10)
}
