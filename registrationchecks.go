package openid

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openid-client/openid/internal/jose"
	"github.com/openid-client/openid/internal/strict"
)

// registrationDocument is what the server says of a registration, under judgement.
type registrationDocument struct {
	c     *Client
	now   time.Time
	asked *ClientMetadata // what was to be registered; nil when the registration was only read
	old   *Registration   // that is managed; nil when it is new

	clientID, secret, secretExpiry, issuedAt, uri, token strict.Value
	metadata                                             ClientMetadata
	table                                                []member // of metadata
	described                                            bool     // some metadata came
	wrong, expected                                      string   // the first member of another kind than its specification says
	method                                               string   // the authentication that counts
	url                                                  *url.URL
	err                                                  error
}

func (*registrationDocument) kind() string { return "client registration" }
func (*registrationDocument) cause() error { return nil }

// The server may register something else than was asked for; it is for the client to see whether that will do (RFC 7591 section 3.2.1).
var registrationChecks = []check[*registrationDocument]{
	{"client_id", "RFC 7591 §3.2.1, RFC 7592 §3, RFC 6749 §A.1",
		func(_ context.Context, d *registrationDocument) bool {
			id, ok := d.clientID.Text()
			return ok && id != "" && visible(id) && (d.old == nil || d.old.ClientID == "" || id == d.old.ClientID)
		},
		func(d *registrationDocument) (string, string) {
			if d.old != nil && d.old.ClientID != "" {
				return quoted(d.old.ClientID) + ", as before", shown(d.clientID)
			}
			return "a non-empty string of visible ASCII", shown(d.clientID)
		}},
	{"metadata", "RFC 7591 §2, OpenID Connect Dynamic Client Registration 1.0 §2",
		func(_ context.Context, d *registrationDocument) bool { return d.wrong == "" },
		func(d *registrationDocument) (string, string) {
			if d.wrong == "" {
				return "members of their kinds", "such members"
			}
			return d.expected + " as " + d.wrong, "something else"
		}},
	// Who asked for a key of their own and is given a secret, or nothing to prove, has been talked out of it.
	{"token_endpoint_auth_method", "RFC 7591 §2, §3.2.1",
		func(_ context.Context, d *registrationDocument) bool {
			if d.asked != nil && d.asked.TokenEndpointAuthMethod != "" {
				return d.method == d.asked.TokenEndpointAuthMethod
			}
			return slices.Contains(authMethods, d.method) || d.old != nil && d.method == d.old.Metadata.TokenEndpointAuthMethod
		},
		func(d *registrationDocument) (string, string) {
			if d.asked != nil && d.asked.TokenEndpointAuthMethod != "" {
				return quoted(d.asked.TokenEndpointAuthMethod) + ", which was asked for", quoted(d.method)
			}
			return "one of " + strings.Join(authMethods, ", "), quoted(d.method)
		}},
	{"client_secret", "RFC 7591 §3.2.1, RFC 6749 §A.2",
		func(_ context.Context, d *registrationDocument) bool {
			if d.secret == nil {
				return !slices.Contains(secretMethods, d.method) || d.old != nil && !d.old.ClientSecret.IsEmpty()
			}
			return isToken(d.secret)
		},
		func(d *registrationDocument) (string, string) {
			if slices.Contains(secretMethods, d.method) {
				return "a non-empty string of visible ASCII, for " + d.method, kindOf(d.secret)
			}
			return "nothing, or a non-empty string of visible ASCII", kindOf(d.secret)
		}},
	{"client_secret_expires_at", "RFC 7591 §3.2.1",
		func(_ context.Context, d *registrationDocument) bool {
			at, ok := d.secretExpiry.NumericDate()
			if d.secretExpiry == nil {
				return d.secret == nil
			}
			// What has expired since may be read: that is how a new secret is had.
			return ok && (at == 0 || d.old != nil || d.secret == nil || d.now.Add(-d.c.cfg.ClockTolerance).Unix() < at)
		},
		func(d *registrationDocument) (string, string) {
			if d.secret == nil {
				return "nothing, or a time", shown(d.secretExpiry)
			}
			return "0 or a time to come, since there is a client_secret", shown(d.secretExpiry)
		}},
	{"client_id_issued_at", "RFC 7591 §3.2.1",
		func(_ context.Context, d *registrationDocument) bool {
			_, ok := d.issuedAt.NumericDate()
			return d.issuedAt == nil || ok
		},
		func(d *registrationDocument) (string, string) { return "nothing, or a time", shown(d.issuedAt) }},
	{"registration_access_token", "RFC 7592 §3, OpenID Connect Dynamic Client Registration 1.0 §3.2, §4.3",
		func(_ context.Context, d *registrationDocument) bool {
			return isToken(d.token) || d.token == nil && (d.uri == nil || d.old != nil)
		},
		func(d *registrationDocument) (string, string) {
			if d.uri != nil && d.old == nil {
				return "a non-empty string of visible ASCII, for the registration_client_uri", kindOf(d.token)
			}
			return "nothing, or a non-empty string of visible ASCII", kindOf(d.token)
		}},
	{"registration_client_uri", "RFC 7592 §3, §5, OpenID Connect Dynamic Client Registration 1.0 §3.2",
		func(_ context.Context, d *registrationDocument) bool {
			if d.uri == nil {
				return d.token == nil || d.old != nil
			}
			return d.url != nil
		},
		func(d *registrationDocument) (string, string) {
			expected := expectedOf(d.err, "an absolute https URL")
			if d.token == nil || d.old != nil {
				expected = "nothing, or " + expected
			}
			return expected, shown(d.uri)
		}},
	// The token goes there. A server that suddenly names another host is what an intruder's would do, as with the metadata of servers.
	{"moved", "RFC 7592 §3",
		func(_ context.Context, d *registrationDocument) bool { return !d.moved() },
		func(d *registrationDocument) (string, string) {
			if d.old == nil {
				return "the first answer", "the first answer"
			}
			return "the origin of " + quoted(d.old.URI) + " as registration_client_uri", or(shown(d.uri), "nothing")
		}},
	// One that is missing fails later, in front of a user; one too many may be somebody else's.
	{"redirect_uris", "RFC 7591 §2, §3.2.1, §5",
		func(_ context.Context, d *registrationDocument) bool {
			if d.asked == nil || d.asked.RedirectURIs == nil || d.metadata.RedirectURIs == nil {
				return true
			}
			return slices.Equal(slices.Sorted(slices.Values(d.metadata.RedirectURIs)), slices.Sorted(slices.Values(d.asked.RedirectURIs)))
		},
		func(d *registrationDocument) (string, string) {
			if d.asked == nil || d.asked.RedirectURIs == nil {
				return "any", quoted(strings.Join(d.metadata.RedirectURIs, " "))
			}
			return "nothing, or " + quoted(strings.Join(d.asked.RedirectURIs, " ")), quoted(strings.Join(d.metadata.RedirectURIs, " "))
		}},
	{"jwks_uri", "RFC 7591 §2, §3.2.1, §5",
		func(_ context.Context, d *registrationDocument) bool {
			return d.asked == nil || d.metadata.JWKSURI == "" || d.metadata.JWKSURI == d.asked.JWKSURI ||
				d.asked.JWKSURI == "" && !d.asked.SoftwareStatement.IsEmpty() // which may name one
		},
		func(d *registrationDocument) (string, string) {
			if d.asked == nil {
				return "any", quoted(d.metadata.JWKSURI)
			}
			return "nothing, or " + quoted(d.asked.JWKSURI), quoted(d.metadata.JWKSURI)
		}},
	{"signed response algorithms", "RFC 7591 §3.2.1, RFC 8725 §3.1",
		func(_ context.Context, d *registrationDocument) bool { _, alg := d.badAlg(); return alg == "" },
		func(d *registrationDocument) (string, string) {
			if name, alg := d.badAlg(); alg != "" {
				return "an asymmetric algorithm of this package, or the one that was asked for, as " + name, quoted(alg)
			}
			return "asymmetric algorithms of this package, or those that were asked for", "such algorithms"
		}},
	{"software_statement", "RFC 7591 §3.2.1",
		func(_ context.Context, d *registrationDocument) bool {
			return d.asked == nil || d.metadata.SoftwareStatement.IsEmpty() || d.metadata.SoftwareStatement.Equal(d.asked.SoftwareStatement)
		},
		func(d *registrationDocument) (string, string) {
			if d.asked == nil || d.metadata.SoftwareStatement.IsEmpty() || d.metadata.SoftwareStatement.Equal(d.asked.SoftwareStatement) {
				return "nothing, or the one that was sent", "that"
			}
			return "nothing, or the one that was sent", "another"
		}},
}

// isToken: what could end a header line early is no part of a secret.
func isToken(v strict.Value) bool {
	s, ok := v.Text()
	return ok && s != "" && visible(s)
}

// wanted is what was asked for now, or once.
func (d *registrationDocument) wanted() *ClientMetadata {
	switch {
	case d.asked != nil:
		return d.asked
	case d.old != nil:
		return &d.old.Metadata
	}
	return new(ClientMetadata)
}

func (d *registrationDocument) moved() bool {
	if d.old == nil || d.url == nil {
		return false
	}
	old, err := d.c.http.ParseURL(d.old.URI)
	return err == nil && originOf(old) != originOf(d.url)
}

// badAlg finds an algorithm that nobody asked for and that is none, or makes the client's secret a key that forges.
func (d *registrationDocument) badAlg() (name, alg string) {
	wanted := d.wanted().responseAlgs()
	for i, r := range d.metadata.responseAlgs() {
		alg := *r.alg
		if alg != "" && (!jose.Supported(alg) || strings.HasPrefix(alg, "HS") && alg != *wanted[i].alg) {
			return r.name, alg
		}
	}
	return "", ""
}

func (d *registrationDocument) take(name string, v strict.Value) {
	switch name {
	case "client_id":
		d.clientID = v
	case "client_secret":
		d.secret = v
	case "client_secret_expires_at":
		d.secretExpiry = v
	case "client_id_issued_at":
		d.issuedAt = v
	case "registration_client_uri":
		d.uri = v
	case "registration_access_token":
		d.token = v
	default:
		d.described = true
		if expected := d.metadata.take(d.table, name, v); expected != "" && d.wrong == "" {
			d.wrong, d.expected = name, expected
		}
	}
}

// read works out what several rows look at.
func (d *registrationDocument) read() {
	d.method = cmp.Or(d.metadata.TokenEndpointAuthMethod, d.wanted().TokenEndpointAuthMethod, methodSecretBasic)
	if raw, ok := d.uri.Text(); ok {
		d.url, d.err = d.c.http.ParseURL(raw)
	}
}

// issued: there is something that must not be lost.
func (d *registrationDocument) issued() bool {
	return d.old != nil || d.clientID != nil || d.secret != nil || d.uri != nil || d.token != nil
}

// result is the registration as it stands now, with all that can be used of an answer, good or bad. What an answer leaves out stays as it was
// (OpenID Connect Dynamic Client Registration 1.0 section 4.3).
func (d *registrationDocument) result() *Registration {
	r := new(Registration)
	if d.old != nil {
		*r = *d.old
	}
	r.issuer = d.c.cfg.Issuer
	if id, ok := d.clientID.Text(); ok && r.ClientID == "" {
		r.ClientID = id
	}
	if isToken(d.secret) {
		s, _ := d.secret.Text()
		at, _ := d.secretExpiry.NumericDate()
		r.ClientSecret, r.SecretExpiry = NewSecret(s), instant(at)
	} else if at, ok := d.secretExpiry.NumericDate(); ok {
		r.SecretExpiry = instant(at)
	}
	if at, ok := d.issuedAt.NumericDate(); ok {
		r.IssuedAt = instant(at)
	}
	if isToken(d.token) {
		s, _ := d.token.Text()
		r.AccessToken = NewSecret(s)
	}
	if uri, ok := d.uri.Text(); ok && (d.old == nil || d.url != nil && !d.moved()) {
		r.URI = uri
	}
	if d.described {
		r.Metadata = d.metadata
	}
	r.Metadata.TokenEndpointAuthMethod = d.method
	return r
}
