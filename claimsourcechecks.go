package openid

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/openid-client/openid/internal/jose"
	"github.com/openid-client/openid/internal/strict"
)

// claimReferences are _claim_names and _claim_sources of a document, under judgement.
type claimReferences struct {
	names, sources strict.Value
	bySource       map[string][]string // the names of claims, by the source that they are to be had from
	found          map[string]strict.Value
}

func (*claimReferences) kind() string { return "claim sources" }
func (*claimReferences) cause() error { return nil }

// claimReferencesChecks are the rules for the references as a whole.
var claimReferencesChecks = []check[*claimReferences]{
	{"_claim_names", "OpenID Connect Core 1.0 §5.6.2",
		func(_ context.Context, d *claimReferences) bool {
			d.bySource = make(map[string][]string)
			return d.names.Members(func(name []byte, v strict.Value) error {
				source, ok := v.Text()
				if !ok {
					return errMember
				}
				d.bySource[source] = append(d.bySource[source], string(name))
				return nil
			}) == nil
		},
		func(d *claimReferences) (string, string) { return "an object of strings", kindOf(d.names) }},
	{"_claim_sources", "OpenID Connect Core 1.0 §5.6.2",
		func(_ context.Context, d *claimReferences) bool {
			d.found = make(map[string]strict.Value)
			return d.sources == nil || d.sources.Members(func(name []byte, v strict.Value) error {
				d.found[string(name)] = v
				return nil
			}) == nil
		},
		func(d *claimReferences) (string, string) { return "nothing, or an object", kindOf(d.sources) }},
	{"number", "OpenID Connect Core 1.0 §5.6.2, RFC 8725 §3.10",
		func(_ context.Context, d *claimReferences) bool { return len(d.bySource) <= maxClaimSources },
		func(d *claimReferences) (string, string) {
			return "at most " + strconv.Itoa(maxClaimSources) + " sources", strconv.Itoa(len(d.bySource))
		}},
}

var errMember = errors.New("a member of another kind")

// A claimReference is one source as a document describes it, under judgement.
type claimReference struct {
	r       *claimResolver
	named   []namedSource
	names   []string     // the claims that are to be had there
	value   strict.Value // of _claim_sources
	about   string       // the issuer of the document
	subject string       // and its user

	jwt, endpoint, token strict.Value
	raw, issuer          string // of an aggregated JWT; the issuer is what it claims, to find the keys that can tell
	header               jose.Header
	url                  *url.URL
	tokenText            string
	source               *namedSource
	refusal              error
}

func (*claimReference) kind() string { return "claim source" }
func (*claimReference) cause() error { return nil }

func (ref *claimReference) distributed() bool { return ref.endpoint != nil }

// read picks the members; others are ignored (OpenID Connect Core 1.0 section 5.6.2).
func (ref *claimReference) read() {
	_ = ref.value.Members(func(name []byte, v strict.Value) error {
		switch string(name) {
		case "JWT":
			ref.jwt = v
		case "endpoint":
			ref.endpoint = v
		case "access_token":
			ref.token = v
		}
		return nil
	})
}

// loginNames are what a login is made of: nobody but the server says that, and no source can be had for it.
var loginNames = []string{"_claim_names", "_claim_sources", "acr", "amr", "at_hash", "aud", "auth_time", "azp", "c_hash", "cnf", "events", "exp", "iat", "iss", "jti",
	"nbf", "nonce", "s_hash", "sid", "sub"}

// claimReferenceChecks are the rules before anybody is asked. Of a JWT only the header and the iss are looked at, to find out whose keys can tell
// whether it is genuine.
var claimReferenceChecks = []check[*claimReference]{
	{"source", "OpenID Connect Core 1.0 §5.6.2",
		func(_ context.Context, d *claimReference) bool { return d.value.Kind() == '{' },
		func(d *claimReference) (string, string) {
			return "an object in _claim_sources under the name that _claim_names refers to", kindOf(d.value)
		}},
	{"kind", "OpenID Connect Core 1.0 §5.6.2",
		func(_ context.Context, d *claimReference) bool {
			return d.jwt.Kind() == '"' && d.endpoint == nil || d.jwt == nil && d.endpoint.Kind() == '"'
		},
		func(d *claimReference) (string, string) {
			return "a string as either JWT or endpoint", kindOf(d.jwt) + " as JWT, " + kindOf(d.endpoint) + " as endpoint"
		}},
	{"names", "OpenID Connect Core 1.0 §2, §5.6.2",
		func(_ context.Context, d *claimReference) bool { return d.loginName() == "" },
		func(d *claimReference) (string, string) {
			return "claims about the user, none of the login", or(quoted(d.loginName()), "claims about the user")
		}},
	{"JWT", "OpenID Connect Core 1.0 §5.6.2, RFC 7515 §4",
		func(ctx context.Context, d *claimReference) bool {
			if d.distributed() {
				return true
			}
			d.raw, _ = d.jwt.Text()
			d.refusal = d.open(ctx)
			return d.refusal == nil
		},
		func(d *claimReference) (string, string) {
			var r *jose.Refusal
			switch {
			case errors.As(d.refusal, &r):
				return r.Expected, r.Got
			case d.refusal != nil:
				return "a JWT that can be read", d.refusal.Error()
			}
			return "a JWT that can be read", "one, or none yet"
		}},
	{"alg", "RFC 8725 §3.2, OpenID Connect Core 1.0 §5.6.2",
		func(_ context.Context, d *claimReference) bool { return !strings.EqualFold(d.header.Algorithm, "none") },
		func(d *claimReference) (string, string) {
			return "claims that their source has signed", or(quoted(d.header.Algorithm), "none yet")
		}},
	{"iss", "OpenID Connect Core 1.0 §5.6.2, RFC 8725 §3.8",
		func(_ context.Context, d *claimReference) bool {
			if d.distributed() {
				return true
			}
			for i := range d.named {
				if _, ok := d.named[i].Client.issuerNamed(d.issuer); ok {
					d.source = &d.named[i]
				}
			}
			return d.source != nil
		},
		func(d *claimReference) (string, string) {
			return "one of " + d.issuers(), or(quoted(d.issuer), "nothing")
		}},
	{"endpoint", "OpenID Connect Core 1.0 §5.6.2, RFC 8725 §3.10",
		func(_ context.Context, d *claimReference) bool {
			if !d.distributed() {
				return true
			}
			raw, _ := d.endpoint.Text()
			for i := range d.named { // who may be asked over plain http on this machine, each source's client knows
				u, err := d.named[i].Client.http.ParseURL(raw)
				if err == nil && d.allows(u) == &d.named[i] {
					d.url, d.source = u, &d.named[i]
				}
			}
			return d.source != nil
		},
		func(d *claimReference) (string, string) { return "an https URL at one of " + d.origins(), d.target() }},
	{"access_token", "OpenID Connect Core 1.0 §5.6.2, RFC 6750 §2.1",
		func(_ context.Context, d *claimReference) bool {
			if d.token == nil || !d.distributed() {
				return true
			}
			var ok bool
			d.tokenText, ok = d.token.Text()
			return ok && d.tokenText != "" && len(d.tokenText) <= maxSourceToken && visible(d.tokenText) && !strings.Contains(d.tokenText, " ")
		},
		func(d *claimReference) (string, string) {
			return fmt.Sprintf("nothing, or 1 to %d bytes of visible ASCII", maxSourceToken), kindOf(d.token)
		}},
}

func (ref *claimReference) loginName() string {
	for _, name := range ref.names {
		if slices.Contains(loginNames, name) {
			return name
		}
	}
	return ""
}

// open looks into an aggregated JWT, which may be encrypted for this client.
func (ref *claimReference) open(ctx context.Context) (err error) {
	if ref.raw, err = ref.r.decrypted(ctx, ref.raw); err != nil {
		return err
	}
	jws, err := jose.Split(ref.raw)
	if err != nil {
		return err
	}
	if ref.header, err = jose.ParseHeader(jws.Header); err != nil {
		return err
	}
	payload, err := strict.AppendBase64(nil, jws.Payload)
	if err != nil {
		return err
	}
	return strict.Object(payload, func(name []byte, v strict.Value) error {
		if string(name) == "iss" {
			ref.issuer, _ = v.Text()
		}
		return nil
	})
}

func (ref *claimReference) issuers() string {
	list := make([]string, 0, len(ref.named))
	for _, s := range ref.named {
		list = append(list, s.Client.writtenNames()...)
	}
	return or(quoted(strings.Join(list, " ")), "no source, since none is named")
}

func (ref *claimReference) origins() string {
	var list []string
	for _, s := range ref.named {
		list = append(list, s.Origins...)
	}
	return or(quoted(strings.Join(list, " ")), "no origin, since none is named")
}

// target is the origin alone: the rest of an address may be a secret.
func (ref *claimReference) target() string {
	raw, _ := ref.endpoint.Text()
	u, err := url.Parse(raw)
	switch {
	case ref.endpoint == nil:
		return "none, since the claims are aggregated"
	case err != nil || u.Host == "":
		return "something else"
	}
	return quoted(u.Scheme + "://" + u.Host)
}

// claimJWTChecks follow those of everything that is signed, and iss. A source need not say for whom, nor until when; what it says must hold.
var claimJWTChecks = []check[*jwt]{
	{"tid", tenantSpec,
		func(_ context.Context, j *jwt) bool { return j.tenantFits() },
		func(j *jwt) (string, string) { return j.tenantStory() }},
	{"aud", "RFC 8725 §3.9, RFC 7519 §4.1.3",
		func(_ context.Context, j *jwt) bool { return j.claims.aud == nil || j.audienceIsUs() },
		func(j *jwt) (string, string) { return "nothing, or " + j.audiences(), shown(j.claims.aud) }},
	{"exp", "RFC 7519 §4.1.4", expIfAny, saysExpIfAny},
	{"nbf", "RFC 7519 §4.1.5", nbfIfAny, saysNbfIfAny},
	{"iat", "RFC 7519 §4.1.6", iatIfAny, saysIatIfAny},
	{"events", "RFC 8725 §3.12, OpenID Connect Back-Channel Logout 1.0 §4.1",
		func(_ context.Context, j *jwt) bool { return j.logoutEvent() == nil },
		func(j *jwt) (string, string) { return "no event of a logout", presence(j.logoutEvent() != nil) }},
	{"nonce", "RFC 8725 §3.12",
		// Whoever has an ID Token of some user must not be able to pass it on as claims about another.
		func(_ context.Context, j *jwt) bool { return j.claims.nonce == nil },
		func(j *jwt) (string, string) {
			return "nothing, since an ID Token is no set of claims", presence(j.claims.nonce != nil)
		}},
	{"sub", "OpenID Connect Core 1.0 §5.6.2",
		func(_ context.Context, j *jwt) bool {
			sub := j.claims.sub
			if whom := j.expect.claims.whom(j); whom != "" {
				return sub.Equal(whom) || sub == nil && j.expect.claims.source.Subject == ""
			}
			text, ok := sub.Text()
			return sub == nil || ok && text != "" && len(text) <= maxSubject
		},
		func(j *jwt) (string, string) {
			whom, expected := j.expect.claims.whom(j), "nothing, or a subject of 1 to 255 bytes"
			switch {
			case j.expect.claims.source.Subject != "":
				expected = quoted(whom)
			case whom != "":
				expected = "nothing, or " + quoted(whom)
			}
			return expected, shown(j.claims.sub)
		}},
	{"claims", "OpenID Connect Core 1.0 §5.6.2",
		func(_ context.Context, j *jwt) bool { return j.expect.claims.missing(j) == "" },
		func(j *jwt) (string, string) {
			if j.expect.claims.distributed() {
				return "any of the claims that _claim_names refers to", "whatever it has"
			}
			if name := j.expect.claims.missing(j); name != "" {
				return "all claims that _claim_names refers to", "no " + quoted(name)
			}
			return "all claims that _claim_names refers to", "all"
		}},
}

// whom the source knows the user as; empty where nobody here can tell.
func (ref *claimReference) whom(j *jwt) string {
	if ref.source.Subject == "" && j.issuer.issuer == ref.about {
		return ref.subject
	}
	return ref.source.Subject
}

// missing is the first claim that an aggregated JWT had to contain and does not; the endpoint of distributed claims may know less than the server.
func (ref *claimReference) missing(j *jwt) string {
	if ref.distributed() {
		return ""
	}
	left := slices.Clone(ref.names)
	_ = strict.Object(j.payload, func(name []byte, _ strict.Value) error {
		left = slices.DeleteFunc(left, func(n string) bool { return n == string(name) })
		return nil
	})
	if len(left) == 0 {
		return ""
	}
	return left[0]
}
