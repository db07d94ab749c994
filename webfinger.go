package openid

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/openid-client/openid/internal/endpoint"
	"github.com/openid-client/openid/internal/strict"
)

// issuerRelation is the kind of link that leads from somebody's identifier to their issuer (OpenID Connect Discovery 1.0 section 2).
const issuerRelation = "http://openid.net/specs/connect/1.0/issuer"

// PublicTransport returns a transport that connects to public addresses only, for addresses that come from outside: no name and no spelling of
// an address leads it into the network that this program stands in. It is what this package uses by itself where it is made for calls to few hosts;
// fields such as TLSClientConfig may be set before it is used. It uses no proxy, which would resolve names by itself.
func PublicTransport() *http.Transport { return endpoint.NewPublicTransport(false) }

// FindIssuer asks for the issuer that somebody uses, by WebFinger (RFC 7033, OpenID Connect Discovery 1.0 section 2). The identifier is what
// they typed: "alice@example.com", "acct:alice@example.com", "https://example.com/alice", "example.com" or "example.com:8443".
//
// An identifier, and so the issuer, is anybody's choice: allow decides which issuers may be asked to log users in, and gets the issuer exactly as
// it was found. What is returned goes into [Config].Issuer, where discovery has to confirm it byte for byte as ever.
//
// Of cfg only HTTPClient, Trace and InsecureAllowHTTP count. Without an HTTPClient only public addresses are asked, see [PublicTransport].
// Redirects are not followed. Errors: an identifier that is none; *[ResponseError]; *[ExchangeError]; *[VerificationError], also when allow says no.
func FindIssuer(ctx context.Context, cfg Config, identifier string, allow func(issuer string) bool) (string, error) {
	f := &finder{newVisitor(cfg), webFingerChecks}
	defer f.hangUp(cfg)
	return f.find(ctx, identifier, allow)
}

// A visitor reads public documents at addresses that come from outside. It is nobody's client: it has no secret to lose.
type visitor struct{ *Client }

func newVisitor(cfg Config) visitor {
	c := &Client{cfg: Config{Trace: cfg.Trace, ClockTolerance: cfg.ClockTolerance, ClockSkew: cfg.ClockSkew, InsecureAllowHTTP: cfg.InsecureAllowHTTP}}
	c.http = endpoint.Client{AllowHTTP: cfg.InsecureAllowHTTP, UserAgent: userAgent}
	if cfg.HTTPClient != nil {
		c.http.Transport, c.http.Timeout = cfg.HTTPClient.Transport, cfg.HTTPClient.Timeout
	}
	if c.http.Transport == nil {
		c.http.Transport = endpoint.NewPublicTransport(cfg.InsecureAllowHTTP)
	}
	return visitor{c}
}

// hangUp closes the connections of a visitor, unless they are the caller's.
func (v visitor) hangUp(cfg Config) {
	if cfg.HTTPClient == nil || cfg.HTTPClient.Transport == nil {
		v.http.Transport.(*http.Transport).CloseIdleConnections()
	}
}

// fetch reads one JSON document.
func (v visitor) fetch(ctx context.Context, name string, u *url.URL, accept []string) (*endpoint.Response, error) {
	res, err := v.exchange(ctx, name, &endpoint.Request{Method: http.MethodGet, URL: u, Accept: accept}, nothing)
	if err == nil && res.Status != http.StatusOK {
		err = statusError(name, res, nothing)
	}
	return res, err
}

type finder struct {
	visitor
	rows []check[*webFingerDocument]
}

var jrdMediaTypes = []string{"application/jrd+json", "application/json"}

func (f *finder) find(ctx context.Context, identifier string, allow func(issuer string) bool) (string, error) {
	ctx = f.newFlow(ctx)
	if allow == nil {
		return "", errors.New("openid: FindIssuer: expected a decision which issuers are allowed, got nil")
	}
	resource, at, err := f.normalize(identifier)
	if err != nil {
		return "", err
	}
	u := &url.URL{Scheme: at.Scheme, Host: at.Host, Path: "/.well-known/webfinger",
		RawQuery: "resource=" + url.QueryEscape(resource) + "&rel=" + url.QueryEscape(issuerRelation)}
	const name = "webfinger"
	res, err := f.fetch(ctx, name, u, jrdMediaTypes)
	if err != nil {
		return "", err
	}
	d := &webFingerDocument{c: f.Client, allow: allow}
	err = strict.Object(res.Body, func(name []byte, v strict.Value) error {
		switch string(name) {
		case "subject":
			d.subject = v
		case "links":
			d.links = v
		}
		return nil
	})
	if err != nil {
		return "", &ExchangeError{Endpoint: name, Sent: true, Status: res.Status, Expected: "a JSON object", Got: "something else", Err: err}
	}
	if err := judge(ctx, f.Client, f.rows, d); err != nil {
		return "", err
	}
	return d.issuer, nil
}

// errIdentifier does not repeat the identifier: people type passwords into wrong fields.
func errIdentifier(expected string) error {
	return errors.New("openid: FindIssuer: expected " + expected + ", got something else")
}

// normalize makes of what somebody typed the resource to ask for, and where (OpenID Connect Discovery 1.0 section 2.1.2).
func (f *finder) normalize(identifier string) (resource string, at *url.URL, err error) {
	resource = strings.TrimSpace(identifier)
	switch {
	case resource == "":
		return "", nil, errIdentifier("an identifier")
	case strings.ContainsFunc(resource, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", nil, errIdentifier("an identifier of visible ASCII")
	case strings.ContainsRune("=@!", rune(resource[0])):
		return "", nil, errIdentifier("an identifier without the signs that are reserved for XRIs (OpenID Connect Discovery 1.0 §2.1.1)")
	}
	resource, _, fragment := strings.Cut(resource, "#")
	host, account := "", false
	switch scheme := schemeOf(resource); {
	case scheme == "acct":
		account = true
	case scheme != "" && (!strings.HasPrefix(resource[len(scheme):], "://") || scheme != "https" && scheme != "http"):
		return "", nil, errIdentifier("an acct or https URI, an address like a mail's, or a host")
	case scheme == "" && !fragment && strings.Contains(resource, "@") && !strings.ContainsAny(resource, ":/?"):
		account = true
		local := resource[:strings.LastIndexByte(resource, '@')]
		resource = "acct:" + strings.ReplaceAll(local, "@", "%40") + resource[len(local):]
	case scheme == "":
		resource = "https://" + resource
		if !strings.ContainsAny(resource[len("https://"):], "/?") {
			resource += "/"
		}
	}
	if !account {
		// A user may stand in front of the host, as in "joe@example.com:8443"; a password is told to nobody.
		if at, err = url.Parse(resource); err == nil {
			if _, password := at.User.Password(); !password {
				at.User = nil
			}
			at, err = f.http.ParseURL(at.String())
		}
		if err != nil {
			return "", nil, errIdentifier(expectedOf(err, "an https URL"))
		}
		return resource, at, nil
	}
	i := strings.LastIndexByte(resource, '@')
	if i <= len("acct:") {
		return "", nil, errIdentifier("an account at a host")
	}
	host = resource[i+1:]
	if at, err = f.http.ParseURL("https://" + host); err != nil || at.Host != host {
		return "", nil, errIdentifier("an account at a host")
	}
	return resource, at, nil
}

// schemeOf is the scheme that a URI begins with, in lower case; empty where what stands before the colon is a host, and behind it a port.
func schemeOf(s string) string {
	scheme, rest, found := strings.Cut(s, ":")
	for i := range len(scheme) {
		if c := scheme[i]; !isAlphanumeric(c) && (i == 0 || !strings.ContainsRune("+-.", rune(c))) {
			return ""
		}
	}
	if port, _, _ := strings.Cut(strings.ReplaceAll(rest, "?", "/"), "/"); !found || scheme == "" || port != "" && strings.Trim(port, "0123456789") == "" {
		return ""
	}
	return strings.ToLower(scheme)
}

// webFingerDocument is a JSON resource descriptor under judgement.
type webFingerDocument struct {
	c              *Client
	subject, links strict.Value
	issuer         string
	found          bool // a link of the relation
	href           strict.Value
	allow          func(issuer string) bool
	err            error
}

func (*webFingerDocument) kind() string { return "WebFinger response" }
func (*webFingerDocument) cause() error { return nil }

// These rows lie with the finder and not with every client, so that nobody else links them.
var webFingerChecks = []check[*webFingerDocument]{
	{"subject", "RFC 7033 §4.4.1", // it may name the account in another way than it was asked for
		func(_ context.Context, d *webFingerDocument) bool {
			s, ok := d.subject.Text()
			return d.subject == nil || ok && s != ""
		},
		func(d *webFingerDocument) (string, string) { return "nothing, or a URI", kindOf(d.subject) }},
	{"links", "RFC 7033 §4.4.4",
		func(_ context.Context, d *webFingerDocument) bool { d.err = d.readLinks(); return d.err == nil },
		func(d *webFingerDocument) (string, string) {
			if d.err == nil {
				return "an array of links", "one"
			}
			return "an array of objects, each with a rel", "something else"
		}},
	{"rel", "OpenID Connect Discovery 1.0 §2",
		func(_ context.Context, d *webFingerDocument) bool { return d.found },
		func(d *webFingerDocument) (string, string) {
			return "a link with the rel " + issuerRelation, presence(d.found)
		}},
	{"href", "OpenID Connect Discovery 1.0 §2",
		func(_ context.Context, d *webFingerDocument) bool {
			var ok bool
			d.issuer, ok = d.href.Text()
			return ok && d.c.issuerMistake(d.issuer) == ""
		},
		func(d *webFingerDocument) (string, string) {
			return or(d.c.issuerMistake(d.issuer), "an issuer"), shown(d.href)
		}},
	{"allow", "RFC 9700 §4.4",
		func(_ context.Context, d *webFingerDocument) bool { return d.allow(d.issuer) },
		func(d *webFingerDocument) (string, string) { return "an issuer that is allowed", quoted(d.issuer) }},
}

var errLink = errors.New("not a link")

// readLinks finds the first link of the relation: the order says what is preferred (RFC 7033 section 4.4.4).
func (d *webFingerDocument) readLinks() error {
	d.found, d.href = false, nil
	return d.links.Elements(func(link strict.Value) error {
		if link.Kind() != '{' {
			return errLink
		}
		var rel, href strict.Value
		err := link.Members(func(name []byte, v strict.Value) error {
			switch string(name) {
			case "rel":
				rel = v
			case "href":
				href = v
			}
			return nil
		})
		if s, ok := rel.Text(); err != nil || !ok || s == "" {
			return errLink
		}
		if !d.found && rel.Equal(issuerRelation) {
			d.found, d.href = true, href
		}
		return nil
	})
}

// issuerMistake says what is expected where s is no issuer identifier (OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2).
func (c *Client) issuerMistake(s string) string {
	u, err := c.http.ParseURL(s)
	switch {
	case err != nil:
		return expectedOf(err, "an https URL")
	case u.RawQuery != "" || u.ForceQuery:
		return "a URL without a query"
	}
	return ""
}
