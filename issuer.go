package openid

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/openid-client/openid/internal/strict"
)

// tenantPlace is where the issuer of a server with many tenants has its tenant, as the metadata of such a server writes it.
const tenantPlace = "{tenantid}"

// An issuerName is what a name of the server stands for: the issuer under its first name, and the tenant in it.
type issuerName struct{ issuer, tenant string }

// issuerNamed is the one place that takes a name for the server's, wherever it stood: in a token, in a parameter, in an answer. The names are
// whole, one for each tenant and alias, so that nothing is left to be compared in parts.
func (c *Client) issuerNamed(name string) (issuerName, bool) {
	if c.names == nil {
		if name != c.cfg.Issuer {
			return issuerName{}, false
		}
		return issuerName{issuer: c.cfg.Issuer}, true
	}
	n, ok := c.names[name]
	return n, ok
}

// issuerIn is issuerNamed for a claim.
func (c *Client) issuerIn(v strict.Value) (issuerName, bool) {
	if c.names == nil {
		if !v.Equal(c.cfg.Issuer) {
			return issuerName{}, false
		}
		return issuerName{issuer: c.cfg.Issuer}, true
	}
	name, ok := v.Text()
	if !ok {
		return issuerName{}, false
	}
	return c.issuerNamed(name)
}

// firstName is the issuer that a name stands for, or the name itself where it stands for none of this client's.
func (c *Client) firstName(name string) string {
	if n, ok := c.issuerNamed(name); ok {
		return n.issuer
	}
	return name
}

// writtenNames are the names as the configuration writes them, with the place for a tenant.
func (c *Client) writtenNames() []string {
	return append([]string{c.cfg.Issuer}, c.cfg.IssuerAliases...)
}

// writtenName says which they are.
func (c *Client) writtenName() string {
	expected := quoted(c.cfg.Issuer)
	for _, alias := range c.cfg.IssuerAliases {
		expected += " or " + quoted(alias)
	}
	return expected
}

// anyName says what issuerNamed wants.
func (c *Client) anyName() string {
	expected := c.writtenName()
	if len(c.cfg.Tenants) > 0 {
		expected += " with a tenant of Config.Tenants"
	}
	return expected
}

// issuerFits judges iss: a name of the server's, and of the issuer that is known already, if one is.
func (j *jwt) issuerFits() bool {
	var ok bool
	j.issuer, ok = j.c.issuerIn(j.claims.iss)
	return ok && (j.expect.issuer == "" || j.issuer.issuer == j.expect.issuer)
}

func (j *jwt) wantedIssuer() string {
	if j.expect.issuer != "" && j.c.names != nil {
		return quoted(j.expect.issuer) + " as before"
	}
	return j.c.anyName()
}

// issuerCheck is the row for iss of every token that has to have one.
func issuerCheck(spec string) check[*jwt] {
	return check[*jwt]{"iss", spec,
		func(_ context.Context, j *jwt) bool { return j.issuerFits() },
		func(j *jwt) (string, string) { return j.wantedIssuer(), shown(j.claims.iss) }}
}

// tenantSpec is where the claim tid is described.
const tenantSpec = "RFC 8725 §3.8, Microsoft identity platform, Validate the issuer"

// tenantFits: where the issuer has a tenant, the token says the same of itself. It follows the row iss.
func (j *jwt) tenantFits() bool {
	return j.issuer.tenant == "" || j.claims.tid.Equal(j.issuer.tenant)
}

func (j *jwt) tenantStory() (expected, got string) {
	if j.issuer.tenant == "" {
		return "anything, since the issuer has no tenant", shown(j.claims.tid)
	}
	return quoted(j.issuer.tenant) + ", the tenant of the issuer", shown(j.claims.tid)
}

// keyFits: a key that names its issuer in the key set verifies tokens of no other. Where a key was published several times, one of them has to
// fit.
func (j *jwt) keyFits() bool {
	if j.key == nil || j.key.Issuer() == "" {
		return true
	}
	of, ok := j.c.issuerIn(j.claims.iss)
	if j.claims.iss == nil {
		of, ok = j.c.issuerNamed(j.expect.issuer)
	}
	for _, k := range j.keys {
		if ok && j.c.speaksFor(k.Issuer(), of) && (k == j.key || k.Verify(j.header.Algorithm, j.jws.Signed, j.signature)) {
			return true
		}
	}
	return false
}

func (j *jwt) keyStory() (expected, got string) {
	expected = "a key of this issuer, or of none in particular"
	if j.key == nil || j.key.Issuer() == "" {
		return expected, "a key of none in particular"
	}
	return expected, "a key of " + quoted(j.key.Issuer())
}

// speaksFor reports whether a key of that name may verify tokens of the issuer: it has one of the issuer's names, or is for all tenants in the
// place of its own.
func (c *Client) speaksFor(name string, of issuerName) bool {
	before, after, many := strings.Cut(name, tenantPlace)
	for _, written := range c.writtenNames() {
		whole := strings.Replace(written, tenantPlace, of.tenant, 1)
		if !many && name == whole || name == "" {
			return true
		}
		rest, starts := strings.CutPrefix(whole, before)
		tenant, ends := strings.CutSuffix(rest, after)
		if many && starts && ends && tenantName(tenant) {
			return true
		}
	}
	return false
}

// tenantName: the unreserved characters of RFC 3986 section 2.3, so that no tenant reaches beyond its place, and none stands for many.
func tenantName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-._~", r))
	})
}

// nameIssuers works out the names that cfg allows; nil, when the issuer is the only one. u is the issuer as a URL, nil when it is none.
func nameIssuers(cfg *Config, u *url.URL, mistake func(field, expected, got string)) map[string]issuerName {
	places := strings.Count(cfg.Issuer, tenantPlace)
	switch {
	case places > 1, places == 1 && u != nil && !slices.Contains(strings.Split(u.Path, "/"), tenantPlace):
		mistake("Issuer", "a URL with "+tenantPlace+" once, as a whole segment of its path", quoted(cfg.Issuer))
	case places == 0 && len(cfg.Tenants) > 0:
		mistake("Tenants", "none, or an Issuer with a place for them: "+tenantPlace, "an Issuer without")
	case places == 1 && len(cfg.Tenants) == 0:
		mistake("Tenants", "the tenants that may log in, since Issuer has a place for one", "none")
	}
	if places > 0 {
		if cfg.DiscoveryURL == "" && cfg.Metadata == nil {
			mistake("DiscoveryURL", "where the metadata for all tenants lies (or Metadata), since Issuer has a place for one", "nothing")
		}
		if a, ok := cfg.Auth.(interface{ audience() string }); ok && a.audience() == "" {
			mistake("Auth", "a Signing.Audience, since Issuer has a place for a tenant and is nobody's name as it stands", "none")
		}
	}
	for _, tenant := range cfg.Tenants {
		if !tenantName(tenant) {
			mistake("Tenants", "identifiers of letters, digits and -._~", quoted(tenant))
		}
	}
	for _, alias := range cfg.IssuerAliases {
		switch {
		case alias == "" || alias == cfg.Issuer || strings.Contains(alias, " ") || !visible(alias):
			mistake("IssuerAliases", "other names of the issuer, of visible ASCII", quoted(alias))
		case strings.Count(alias, tenantPlace) != places:
			mistake("IssuerAliases", "names that have "+tenantPlace+" where Issuer has it, and only then", quoted(alias))
		}
	}
	if places == 0 && len(cfg.IssuerAliases) == 0 {
		return nil
	}
	names := make(map[string]issuerName)
	tenants := cfg.Tenants
	if places == 0 {
		tenants = []string{""}
	}
	for _, tenant := range tenants {
		n := issuerName{strings.Replace(cfg.Issuer, tenantPlace, tenant, 1), tenant}
		for _, alias := range cfg.IssuerAliases {
			names[strings.Replace(alias, tenantPlace, tenant, 1)] = n
		}
		names[n.issuer] = n
	}
	return names
}
