package openid

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// ResourceMetadata is what a protected resource says of itself (RFC 9728 section 2).
type ResourceMetadata struct {
	Resource string // the resource's identifier, as it was asked for: also what [AuthorizationRequest].Resource takes
	// AuthorizationServers are the issuers that the resource says it takes tokens of. Which of them this program trusts is for it to decide:
	// a resource that lies would otherwise choose who asks the user for a password (RFC 9728 section 7.6).
	AuthorizationServers                  []string
	JWKSURI                               string
	ScopesSupported                       []string
	BearerMethodsSupported                []string // "header", "body", "query"; this package presents tokens in the header
	ResourceSigningAlgValuesSupported     []string
	ResourceName                          string // for people, as are the three below
	ResourceDocumentation                 string
	ResourcePolicyURI                     string
	ResourceTOSURI                        string
	TLSClientCertificateBoundAccessTokens bool
	AuthorizationDetailsTypesSupported    []string
	DPoPSigningAlgValuesSupported         []string
	DPoPBoundAccessTokensRequired         bool

	// Extra holds every other member as it stood in the document.
	Extra map[string]json.RawMessage
}

func (m *ResourceMetadata) members() []member {
	return []member{
		{"resource", &m.Resource},
		{"authorization_servers", &m.AuthorizationServers},
		{"jwks_uri", &m.JWKSURI},
		{"scopes_supported", &m.ScopesSupported},
		{"bearer_methods_supported", &m.BearerMethodsSupported},
		{"resource_signing_alg_values_supported", &m.ResourceSigningAlgValuesSupported},
		{"resource_name", &m.ResourceName},
		{"resource_documentation", &m.ResourceDocumentation},
		{"resource_policy_uri", &m.ResourcePolicyURI},
		{"resource_tos_uri", &m.ResourceTOSURI},
		{"tls_client_certificate_bound_access_tokens", &m.TLSClientCertificateBoundAccessTokens},
		{"authorization_details_types_supported", &m.AuthorizationDetailsTypesSupported},
		{"dpop_signing_alg_values_supported", &m.DPoPSigningAlgValuesSupported},
		{"dpop_bound_access_tokens_required", &m.DPoPBoundAccessTokensRequired},
	}
}

// FindResource reads the metadata of a protected resource (RFC 9728): where to get tokens for it, and which. The resource is its identifier,
// usually the address that was called; the document must name exactly that. Challenges are those of the resource's refusal, by [Challenges]: their
// parameter resource_metadata says where the document lies. Without one it lies at the well-known place, which is made of the identifier.
//
// Of cfg only HTTPClient, SignedMetadata, Trace, ClockTolerance, ClockSkew and InsecureAllowHTTP count. Without an HTTPClient only public addresses are
// asked, see [PublicTransport]. Redirects are not followed. Errors: a resource that is no https URL; *[ResponseError]; *[ExchangeError];
// *[VerificationError].
func FindResource(ctx context.Context, cfg Config, resource string, challenges ...Challenge) (*ResourceMetadata, error) {
	f := &resourceFinder{newVisitor(cfg), resourcePointerChecks, resourceMetadataChecks}
	defer f.hangUp(cfg)
	if cfg.SignedMetadata != nil {
		var expected, got string
		if f.signed, expected, got = cfg.SignedMetadata.verifier(); expected != "" {
			return nil, &ConfigError{Field: "SignedMetadata", Expected: expected, Got: got}
		}
	}
	return f.find(ctx, resource, challenges)
}

type resourceFinder struct {
	visitor
	pointerRows []check[*resourcePointer]
	rows        []check[*resourceDocument]
}

func (f *resourceFinder) find(ctx context.Context, resource string, challenges []Challenge) (*ResourceMetadata, error) {
	ctx = f.newFlow(ctx)
	u, err := f.http.ParseURL(resource)
	if err != nil {
		return nil, fmt.Errorf("openid: FindResource: expected %s as the resource, got %s", expectedOf(err, "an https URL"), quoted(resource))
	}
	const name = "resource metadata"
	p := &resourcePointer{c: f.Client, challenges: challenges, url: resourcePlace(u)}
	if err := judge(ctx, f.Client, f.pointerRows, p); err != nil {
		return nil, err
	}
	res, err := f.fetch(ctx, name, p.url, jsonMediaTypes)
	if err != nil {
		return nil, err
	}
	m := new(ResourceMetadata)
	d := &resourceDocument{c: f.Client, meta: m, resource: resource}
	if err := readMetadata(res.Body, m.members(), &m.Extra); err != nil && !errors.As(err, &d.mistyped) {
		return nil, &ExchangeError{Endpoint: name, Sent: true, Status: res.Status, Expected: "a metadata document", Got: "something else", Err: err}
	}
	if f.signed != nil && d.mistyped == nil {
		if err := f.signed.overlay(ctx, f.Client, attested{"resource", []string{resource}, m.members(), &m.Extra}); err != nil {
			return nil, err
		}
	}
	if err := judge(ctx, f.Client, f.rows, d); err != nil {
		return nil, err
	}
	return m, nil
}

// resourcePlace is the well-known place, inserted between host and path (RFC 9728 section 3.1).
func resourcePlace(resource *url.URL) *url.URL {
	const suffix = "/.well-known/oauth-protected-resource"
	u := *resource
	if u.Path == "/" { // the slash that follows the host goes
		u.Path, u.RawPath = "", ""
	}
	u.Path, u.RawPath = suffix+u.Path, suffix+u.EscapedPath()
	return &u
}

// resourcePointer is what a challenge says of where the metadata lies, under judgement.
type resourcePointer struct {
	c          *Client
	challenges []Challenge
	url        *url.URL // the well-known place, until a challenge names another
	raw        string
	err        error
}

func (*resourcePointer) kind() string { return "challenge" }
func (*resourcePointer) cause() error { return nil }

var resourcePointerChecks = []check[*resourcePointer]{
	{"resource_metadata", "RFC 9728 §5.1",
		func(_ context.Context, p *resourcePointer) bool {
			for _, c := range p.challenges {
				raw, ok := c.Params["resource_metadata"]
				if !ok {
					continue
				}
				u, err := p.c.http.ParseURL(raw)
				if p.raw, p.err = raw, err; err == nil {
					p.url = u
				}
				break
			}
			return p.err == nil
		},
		func(p *resourcePointer) (string, string) {
			return "nothing, or " + expectedOf(p.err, "an https URL"), or(quoted(p.raw), "nothing")
		}},
}

// resourceDocument is the metadata of a protected resource under judgement.
type resourceDocument struct {
	c        *Client
	meta     *ResourceMetadata
	resource string
	mistyped *mistypedMember
	wrong    string
	expected string
}

func (*resourceDocument) kind() string { return "resource metadata" }
func (*resourceDocument) cause() error { return nil }

// These rows lie with the finder and not with every client, so that nobody else links them.
var resourceMetadataChecks = []check[*resourceDocument]{
	{"metadata", "RFC 9728 §2",
		func(_ context.Context, d *resourceDocument) bool { return d.mistyped == nil },
		func(d *resourceDocument) (string, string) {
			if d.mistyped == nil {
				return "members of their kinds", "such members"
			}
			return d.mistyped.expected + " as " + d.mistyped.name, "something else"
		}},
	// Byte for byte: a document of another resource would have its tokens sent here, or ours there.
	{"resource", "RFC 9728 §3.3",
		func(_ context.Context, d *resourceDocument) bool { return d.meta.Resource == d.resource },
		func(d *resourceDocument) (string, string) { return quoted(d.resource), quoted(d.meta.Resource) }},
	{"authorization_servers", "RFC 9728 §2, RFC 8414 §2",
		func(_ context.Context, d *resourceDocument) bool {
			for _, issuer := range d.meta.AuthorizationServers {
				if d.expected = d.c.issuerMistake(issuer); d.expected != "" {
					d.wrong = issuer
					return false
				}
			}
			return true
		},
		func(d *resourceDocument) (string, string) {
			if d.expected == "" {
				return "issuers, if any", quoted(strings.Join(d.meta.AuthorizationServers, " "))
			}
			return d.expected, quoted(d.wrong)
		}},
	{"jwks_uri", "RFC 9728 §2",
		func(_ context.Context, d *resourceDocument) bool {
			_, err := d.c.http.ParseURL(d.meta.JWKSURI)
			return d.meta.JWKSURI == "" || err == nil
		},
		func(d *resourceDocument) (string, string) {
			return "nothing, or an https URL", or(quoted(d.meta.JWKSURI), "nothing")
		}},
	{"resource_signing_alg_values_supported", "RFC 9728 §2",
		func(_ context.Context, d *resourceDocument) bool {
			return !slices.Contains(d.meta.ResourceSigningAlgValuesSupported, "none")
		},
		func(d *resourceDocument) (string, string) {
			return "algorithms, without none", or(quoted(strings.Join(d.meta.ResourceSigningAlgValuesSupported, " ")), "nothing")
		}},
}
