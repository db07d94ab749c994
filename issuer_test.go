package openid

import (
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

// The server of these tests is Entra ID as it documents itself: one metadata document and one key set for all tenants, its template as the issuer,
// a concrete one in the tokens, and some keys that are for one tenant only.
const (
	template = "https://login.example/{tenantid}/v2.0"
	contoso  = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"
	fabrikam = "82229342-1101-4ab6-817b-70c0747630f3"
	stranger = "9188040d-6c67-4c5b-b112-36a304b66dad"
)

func issuerOf(tenant string) string { return strings.Replace(template, tenantPlace, tenant, 1) }

// manyTenants makes p speak for a tenant, in each of its tokens.
func manyTenants(p *hostile.Provider, tenant string) {
	p.Issuer = issuerOf(tenant)
	p.Metadata = func(m map[string]any) { m["issuer"] = template }
	p.IDToken = claim("tid", `"`+tenant+`"`)
	p.FrontIDToken = p.IDToken
}

func tenants(p *hostile.Provider) func(*Config) {
	return func(cfg *Config) {
		cfg.Issuer, cfg.DiscoveryURL, cfg.Tenants = template, p.URL("discovery"), []string{contoso, fabrikam}
	}
}

// keyOf publishes a key that is for one issuer, and returns the lie that it signs.
func keyOf(t *testing.T, p *hostile.Provider, issuer any) func(*hostile.Token) {
	t.Helper()
	key := hostile.NewKey(t, p.Alg, "of an issuer")
	p.Publish(key)
	p.JWKS = func(set map[string]any) {
		for _, k := range set["keys"].([]any) {
			if k := k.(map[string]any); k["kid"] == key.ID {
				k["issuer"] = issuer
			}
		}
	}
	return func(tok *hostile.Token) { tok.Key, tok.Header["kid"] = key, key.ID }
}

func and(a, b func(*hostile.Token)) func(*hostile.Token) {
	return func(tok *hostile.Token) { a(tok); b(tok) }
}

// An issuerLie is told about who issued an ID Token, or whose key signed it.
type issuerLie struct {
	name   string
	script func(*testing.T, *hostile.Provider)
	check  string
}

var issuerLies = []issuerLie{
	{"a tenant that is not listed", func(_ *testing.T, p *hostile.Provider) {
		p.IDToken = and(claim("iss", `"`+issuerOf(stranger)+`"`), claim("tid", `"`+stranger+`"`))
	}, "iss"},
	{"the template itself", func(_ *testing.T, p *hostile.Provider) {
		p.IDToken = and(claim("iss", `"`+template+`"`), claim("tid", `"{tenantid}"`))
	}, "iss"},
	{"a tenant in capitals", func(_ *testing.T, p *hostile.Provider) {
		p.IDToken = claim("iss", `"`+issuerOf(strings.ToUpper(contoso))+`"`)
	}, "iss"},
	{"more than a tenant in its place", func(_ *testing.T, p *hostile.Provider) {
		p.IDToken = claim("iss", `"`+issuerOf("x/"+contoso)+`"`)
	}, "iss"},
	{"no tenant in its place", func(_ *testing.T, p *hostile.Provider) {
		p.IDToken = and(claim("iss", `"`+issuerOf("")+`"`), claim("tid", `""`))
	}, "iss"},
	{"the same tenant in another cloud", func(_ *testing.T, p *hostile.Provider) {
		p.IDToken = claim("iss", `"https://login.elsewhere.example/`+contoso+`/v2.0"`)
	}, "iss"},
	{"iss a number", func(_ *testing.T, p *hostile.Provider) { p.IDToken = claim("iss", "1") }, "iss"},
	{"C06 another tenant than in the response", func(_ *testing.T, p *hostile.Provider) {
		p.IDToken = and(claim("iss", `"`+issuerOf(fabrikam)+`"`), claim("tid", `"`+fabrikam+`"`))
	}, "iss"},
	{"tid missing", func(_ *testing.T, p *hostile.Provider) { p.IDToken = claim("tid", "") }, "tid"},
	{"tid of another listed tenant", func(_ *testing.T, p *hostile.Provider) { p.IDToken = claim("tid", `"`+fabrikam+`"`) }, "tid"},
	{"tid an array", func(_ *testing.T, p *hostile.Provider) { p.IDToken = claim("tid", `["`+contoso+`"]`) }, "tid"},
	{"J21 the key of one other tenant", func(t *testing.T, p *hostile.Provider) {
		p.IDToken = and(p.IDToken, keyOf(t, p, issuerOf(stranger)))
	}, "key issuer"},
	{"J21 the key of another cloud", func(t *testing.T, p *hostile.Provider) {
		p.IDToken = and(p.IDToken, keyOf(t, p, "https://login.elsewhere.example/{tenantid}/v2.0"))
	}, "key issuer"},
	{"a key of a template that ends elsewhere", func(t *testing.T, p *hostile.Provider) {
		p.IDToken = and(p.IDToken, keyOf(t, p, template+"/x"))
	}, "key issuer"},
	{"a key of a template that swallows more than a tenant", func(t *testing.T, p *hostile.Provider) {
		p.IDToken = and(p.IDToken, keyOf(t, p, "https://{tenantid}/v2.0"))
	}, "key issuer"},
}

func (l issuerLie) tell(t *testing.T, drop string) error {
	t.Helper()
	p := hostile.New(t)
	manyTenants(p, contoso)
	c := newTestClient(t, p, tenants(p))
	c.without(drop)
	l.script(t, p)
	_, err := logIn(t, c, p)
	return err
}

// tellForeignKey has a key of another issuer sign a document of that table, in front of a client whose issuer has no tenants.
func tellForeignKey(table string) func(*testing.T, string) error {
	return func(t *testing.T, drop string) error {
		p := hostile.New(t)
		lie := keyOf(t, p, "https://evil.example")
		c := newTestClient(t, p)
		c.without(drop)
		ask := func(*AuthorizationRequest) {}
		switch table {
		case "idToken":
			p.IDToken = lie
		case "jarm":
			p.Response = lie
			ask = func(r *AuthorizationRequest) { r.ResponseMode = "jwt" }
		case "userInfoJWT":
			p.UserInfoJWT = lie
		case "introspectionJWT":
			p.IntrospectionJWT = lie
		}
		tokens, err := logIn(t, c, p, ask)
		if err == nil && table == "userInfoJWT" {
			_, err = c.UserInfo(t.Context(), tokens)
		}
		if err == nil && table == "introspectionJWT" {
			_, err = c.Introspect(t.Context(), tokens.AccessToken)
		}
		return err
	}
}

func TestHostileIssuer(t *testing.T) {
	for _, l := range issuerLies {
		t.Run(l.name, func(t *testing.T) {
			hostile.Watch(t, "discovery token jwks")
			err := l.tell(t, "")
			hostile.Hear(err)
			if refusedBy(err) != l.check {
				t.Errorf("refused by %v, want %s", err, l.check)
			}
		})
	}
}

// TestTenants: a login, what it says, and that it stays with its tenant.
func TestTenants(t *testing.T) {
	p := hostile.New(t)
	manyTenants(p, contoso)
	c := newTestClient(t, p, tenants(p))
	known, err := play(t, c, p, AuthorizationRequest{Scope: []string{"openid"}, ResponseType: "id_token"})
	if err != nil || known.IDToken.Issuer() != issuerOf(contoso) || known.issuer != issuerOf(contoso) {
		t.Errorf("an ID Token alone: %v, %v", known, err)
	}
	for name, ask := range map[string]AuthorizationRequest{"code": {}, "hybrid": hybrid, "a signed response": signed} {
		ask.Scope = []string{"openid", "offline_access"}
		tokens, err := play(t, c, p, ask)
		if err != nil {
			t.Fatal(name, err)
		}
		if tokens.IDToken.Issuer() != issuerOf(contoso) || tokens.issuer != issuerOf(contoso) {
			t.Errorf("%s: the issuer is %s, %s", name, tokens.IDToken.Issuer(), tokens.issuer)
		}
	}
	tokens, err := logIn(t, c, p)
	if err != nil {
		t.Fatal(err)
	}

	// It stays there, over a store and back, with an ID Token in the answer and without.
	b, err := tokens.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	stored := new(Tokens)
	if err := stored.UnmarshalBinary(b); err != nil || stored.issuer != issuerOf(contoso) || stored.IDToken.Issuer() != issuerOf(contoso) {
		t.Fatalf("%v: %s", err, stored.issuer)
	}
	for _, script := range []func(map[string]any){nil, func(m map[string]any) { delete(m, "id_token") }} {
		p.TokenResponse = script
		if stored, err = c.Refresh(t.Context(), stored); err != nil || stored.IDToken.Issuer() != issuerOf(contoso) || stored.issuer != issuerOf(contoso) {
			t.Fatalf("%v: %v", err, stored)
		}
	}
	p.TokenResponse = nil
	if err := c.TokenSource("alice", nil).Save(t.Context(), stored); err != nil {
		t.Error(err)
	}
	for name, lie := range map[string]func(map[string]any){"UserInfo": nil, "introspection": func(m map[string]any) { delete(m, "iss") }} {
		p.Introspection = lie
		p.UserInfoJWT = func(*hostile.Token) {}
		if _, err := c.UserInfo(t.Context(), stored); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got, err := c.Introspect(t.Context(), stored.AccessToken); err != nil || (got.Issuer() == issuerOf(contoso)) != (lie == nil) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if _, _, err := c.LogoutURL(t.Context(), stored.IDToken, ""); err != nil {
		t.Error(err)
	}

	// Another listed tenant is another issuer: no login moves there.
	p.IDToken = and(claim("iss", `"`+issuerOf(fabrikam)+`"`), claim("tid", `"`+fabrikam+`"`))
	if _, err := c.Refresh(t.Context(), stored); refusedBy(err) != "iss" || !strings.Contains(err.Error(), contoso) {
		t.Errorf("refreshed for another tenant: %v", err)
	}
	p.UserInfoJWT = claim("iss", `"`+issuerOf(fabrikam)+`"`)
	if _, err := c.UserInfo(t.Context(), tokens); refusedBy(err) != "iss" {
		t.Errorf("UserInfo of another tenant: %v", err)
	}
	if _, err := play(t, c, p, AuthorizationRequest{Scope: []string{"openid"}, ResponseType: "code id_token"}); refusedBy(err) != "iss" {
		t.Errorf("the tenant changes between the front and the back: %v", err)
	}
	p.FrontIDToken, p.Callback = p.IDToken, setParam("iss", issuerOf(contoso))
	if _, err := play(t, c, p, AuthorizationRequest{Scope: []string{"openid"}, ResponseType: "id_token"}); refusedBy(err) != "iss" {
		t.Errorf("the tenant changes between the response and the ID Token in it: %v", err)
	}
	p.Callback = setParam("iss", issuerOf(stranger))
	if _, err := logIn(t, c, p); refusedBy(err) != "iss" {
		t.Errorf("iss of a tenant that is not listed: %v", err)
	}
	p.Callback, p.Issuer = nil, issuerOf(fabrikam)
	other, err := logIn(t, c, p)
	if err != nil {
		t.Fatal(err)
	}
	mixed := *tokens
	mixed.IDToken = other.IDToken
	if _, err := c.Refresh(t.Context(), &mixed); refusedBy(err) != "issuer" {
		t.Errorf("tokens of two tenants in one: %v", err)
	}
	p.Introspection = responseMember("iss", `"`+issuerOf(stranger)+`"`)
	if _, err := c.Introspect(t.Context(), other.AccessToken); refusedBy(err) != "iss" {
		t.Errorf("introspection by a tenant that is not listed: %v", err)
	}

	// Whose tenant is taken off the list has no tokens here any more.
	fewer := newTestClient(t, p, tenants(p), func(cfg *Config) { cfg.Tenants = []string{fabrikam} })
	before := p.Count("token")
	if _, err := fewer.Refresh(t.Context(), tokens); refusedBy(err) != "issuer" || p.Count("token") != before {
		t.Errorf("tokens of a tenant that was taken off the list: %v", err)
	}
	// And one that had its own client before is let in by the template.
	p.Issuer, p.Metadata, p.IDToken = issuerOf(contoso), nil, claim("tid", `"`+contoso+`"`)
	exact := newTestClient(t, p, func(cfg *Config) { cfg.Issuer, cfg.DiscoveryURL = issuerOf(contoso), p.URL("discovery") })
	if tokens, err = logIn(t, exact, p); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Refresh(t.Context(), tokens); err != nil {
		t.Errorf("tokens from before the template: %v", err)
	}
}

// TestKeysOfIssuers: which keys speak for whom.
func TestKeysOfIssuers(t *testing.T) {
	const old = "https://sts.example/{tenantid}/"
	aliased := func(cfg *Config) { cfg.IssuerAliases = []string{old} }
	for _, l := range []struct {
		name   string
		issuer any // of the key
		tune   func(*Config)
		iss    string // of the token
		check  string
	}{
		{"for all tenants", template, func(*Config) {}, "", ""},
		{"for this tenant", issuerOf(contoso), func(*Config) {}, "", ""},
		{"for another tenant", issuerOf(fabrikam), func(*Config) {}, "", "key issuer"},
		{"of the issuer, for a token under its other name", template, aliased, strings.Replace(old, tenantPlace, contoso, 1), ""},
		{"of the other name, for all tenants", old, aliased, "", ""},
		{"of the other name, for another tenant", strings.Replace(old, tenantPlace, fabrikam, 1), aliased, "", "key issuer"},
		{"of a name that is not configured", old, func(*Config) {}, "", "key issuer"},
		{"of a number", 7, func(*Config) {}, "", "key"},
		{"of nobody", "", func(*Config) {}, "", "key"},
	} {
		t.Run(l.name, func(t *testing.T) {
			p := hostile.New(t)
			manyTenants(p, contoso)
			c := newTestClient(t, p, tenants(p), l.tune)
			p.IDToken = and(p.IDToken, keyOf(t, p, l.issuer))
			if l.iss != "" {
				p.IDToken = and(p.IDToken, claim("iss", `"`+l.iss+`"`))
			}
			tokens, err := logIn(t, c, p)
			if refusedBy(err) != l.check || l.check == "" && err != nil {
				t.Fatalf("got %v, want %q", err, l.check)
			}
			if err == nil && tokens.IDToken.Issuer() != issuerOf(contoso) {
				t.Errorf("the issuer is %s", tokens.IDToken.Issuer())
			}
		})
	}
	t.Run("published twice", func(t *testing.T) {
		p := hostile.New(t)
		manyTenants(p, contoso)
		p.SigningKey()
		p.JWKS = func(set map[string]any) { // one key under one name, for two issuers
			first := set["keys"].([]any)[0].(map[string]any)
			first["issuer"] = template
			text, _ := json.Marshal(first)
			other := map[string]any{}
			json.Unmarshal(text, &other)
			other["issuer"] = issuerOf(stranger)
			set["keys"] = []any{other, first}
		}
		if _, err := logIn(t, newTestClient(t, p, tenants(p)), p); err != nil {
			t.Error(err)
		}
	})
}

// TestKeysUnderOneName: a key of another tenant is not excused by one of this tenant that bears the same name and has not signed.
func TestKeysUnderOneName(t *testing.T) {
	p := hostile.New(t)
	manyTenants(p, contoso)
	lie := keyOf(t, p, issuerOf(stranger))
	p.Publish(hostile.NewKey(t, p.Alg, "of an issuer"))
	mark := p.JWKS
	p.JWKS = func(set map[string]any) {
		mark(set)
		keys := set["keys"].([]any)
		keys[len(keys)-1].(map[string]any)["issuer"] = template
	}
	p.IDToken = and(p.IDToken, lie)
	if _, err := logIn(t, newTestClient(t, p, tenants(p)), p); refusedBy(err) != "key issuer" {
		t.Error(err)
	}
}

// TestKeyOfUserInfo: UserInfo need not say who issued it; then it is the issuer of the login whose key has to sign.
func TestKeyOfUserInfo(t *testing.T) {
	for tenant, check := range map[string]string{contoso: "", fabrikam: "key issuer"} {
		p := hostile.New(t)
		manyTenants(p, contoso)
		p.UserInfoJWT = and(claim("iss", ""), keyOf(t, p, issuerOf(tenant)))
		c := newTestClient(t, p, tenants(p))
		tokens, err := logIn(t, c, p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.UserInfo(t.Context(), tokens); refusedBy(err) != check || check == "" && err != nil {
			t.Errorf("%s: %v", tenant, err)
		}
	}
}

// TestIssuerAliases: Google's tokens may leave out the scheme; Apple's metadata has another issuer than its tokens. One user has one key.
func TestIssuerAliases(t *testing.T) {
	p := hostile.New(t)
	issuer := p.Issuer
	bare := strings.TrimPrefix(issuer, "https://")
	c := newTestClient(t, p, func(cfg *Config) { cfg.IssuerAliases = []string{bare} })
	first, err := logIn(t, c, p)
	if err != nil {
		t.Fatal(err)
	}
	p.IDToken, p.Callback = claim("iss", `"`+bare+`"`), setParam("iss", bare)
	second, err := logIn(t, c, p)
	if err != nil {
		t.Fatal(err)
	}
	for _, tokens := range []*Tokens{first, second} {
		if tokens.IDToken.Issuer() != issuer || tokens.issuer != issuer {
			t.Errorf("the issuer is %s", tokens.IDToken.Issuer())
		}
		if fresh, err := c.Refresh(t.Context(), tokens); err != nil || fresh.IDToken.Issuer() != issuer {
			t.Errorf("refreshed under the other name: %v", err)
		}
	}
	if _, err := logIn(t, newTestClient(t, p), p); refusedBy(err) != "iss" {
		t.Errorf("an alias that nobody configured: %v", err)
	}
	p.IDToken, p.Callback = claim("iss", `"https://`+issuer+`"`), nil
	if _, err := logIn(t, c, p); refusedBy(err) != "iss" || !strings.Contains(err.Error(), bare) {
		t.Errorf("a third name: %v", err)
	}

	p.IDToken, p.Metadata = nil, func(m map[string]any) { m["issuer"] = bare }
	renamed := newTestClient(t, p, func(cfg *Config) { cfg.IssuerAliases = []string{bare} })
	if _, err := logIn(t, renamed, p); err != nil {
		t.Errorf("metadata under the other name: %v", err)
	}
	keys, err := renamed.ExportKeys()
	if err != nil {
		t.Fatal(err)
	}
	if err := renamed.ImportKeys(keys); err != nil {
		t.Errorf("keys from under the other name: %v", err)
	}
	if _, err := logIn(t, newTestClient(t, p), p); refusedBy(err) != "issuer" {
		t.Errorf("metadata under a name that nobody configured: %v", err)
	}

	// Who makes the alias the issuer goes on with the tokens of before.
	p.Metadata = nil
	if first, err = logIn(t, c, p); err != nil {
		t.Fatal(err)
	}
	p.IDToken = claim("iss", `"`+bare+`"`)
	swapped := newTestClient(t, p, func(cfg *Config) {
		cfg.Issuer, cfg.IssuerAliases, cfg.DiscoveryURL = "https://new.example", []string{bare, issuer}, p.URL("discovery")
	})
	if fresh, err := swapped.Refresh(t.Context(), first); err != nil || fresh.IDToken.Issuer() != "https://new.example" {
		t.Errorf("%v, %v", fresh, err)
	}
}

// TestIssuerElsewhere: Azure AD B2C publishes the metadata of each user flow at an address of its own, all with one issuer, which is none of these.
func TestIssuerElsewhere(t *testing.T) {
	p := hostile.New(t)
	p.Issuer = "https://contoso.example/" + contoso + "/v2.0/"
	c := newTestClient(t, p, func(cfg *Config) { cfg.DiscoveryURL = p.URL("discovery") })
	tokens, err := logIn(t, c, p)
	if err != nil || tokens.IDToken.Issuer() != p.Issuer {
		t.Fatal(err)
	}
	p.IDToken = claim("iss", `"https://contoso.example/tfp/`+contoso+`/b2c_1_signin/v2.0/"`)
	if _, err := logIn(t, c, p); refusedBy(err) != "iss" {
		t.Errorf("the issuer of a user flow, which is another setting there: %v", err)
	}
}

// TestTenantsWithoutIDToken: plain OAuth at a server with tenants, and what is said to the token endpoint.
func TestTenantsWithoutIDToken(t *testing.T) {
	p := hostile.New(t)
	manyTenants(p, contoso)
	c := newTestClient(t, p, tenants(p), func(cfg *Config) {
		cfg.Auth = PrivateKeyJWT(newKey(t), "k", Signing{Audience: "https://login.example/token"})
	})
	tokens, err := c.Tokens(t.Context(), ClientCredentials{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.own(tokens.issuer, nil); err != nil || tokens.issuer != template {
		t.Errorf("%s: %v", tokens.issuer, err)
	}
	if _, claims := decoded(t, p.Requests("token")[0].Form.Get("client_assertion")); string(claims["aud"]) != `"https://login.example/token"` {
		t.Errorf("aud is %s", claims["aud"])
	}
}

func TestIssuerMistakes(t *testing.T) {
	good := Config{Issuer: template, ClientID: "c", Auth: None(), DiscoveryURL: "https://login.example/common", Tenants: []string{contoso}}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for _, l := range []struct {
		name  string
		lie   func(*Config)
		field string
	}{
		{"a template for everybody", func(c *Config) { c.Tenants = nil }, "Tenants"},
		{"an empty list", func(c *Config) { c.Tenants = []string{} }, "Tenants"},
		{"an empty tenant", func(c *Config) { c.Tenants = []string{contoso, ""} }, "Tenants"},
		{"a wildcard", func(c *Config) { c.Tenants = []string{"*"} }, "Tenants"},
		{"a template as a tenant", func(c *Config) { c.Tenants = []string{tenantPlace} }, "Tenants"},
		{"a path as a tenant", func(c *Config) { c.Tenants = []string{"a/b"} }, "Tenants"},
		{"tenants that nothing is compared with", func(c *Config) { c.Issuer = issuerOf(contoso) }, "Tenants"},
		{"two places", func(c *Config) { c.Issuer += "/{tenantid}" }, "Issuer"},
		{"a place in a word", func(c *Config) { c.Issuer = "https://login.example/x{tenantid}/v2.0" }, "Issuer"},
		{"a place in the host", func(c *Config) { c.Issuer = "https://{tenantid}.login.example/v2.0" }, "Issuer"},
		{"nowhere to ask", func(c *Config) { c.DiscoveryURL = "" }, "DiscoveryURL"},
		{"an empty alias", func(c *Config) { c.IssuerAliases = []string{""} }, "IssuerAliases"},
		{"an alias of two words", func(c *Config) { c.IssuerAliases = []string{template + " x"} }, "IssuerAliases"},
		{"an alias of two lines", func(c *Config) { c.IssuerAliases = []string{template + "\n"} }, "IssuerAliases"},
		{"itself as an alias", func(c *Config) { c.IssuerAliases = []string{template} }, "IssuerAliases"},
		{"an alias of no tenant", func(c *Config) { c.IssuerAliases = []string{"https://sts.example/"} }, "IssuerAliases"},
		{"an alias of all tenants for one", func(c *Config) {
			c.Issuer, c.Tenants, c.IssuerAliases = issuerOf(contoso), nil, []string{template}
		}, "IssuerAliases"},
		{"an assertion for nobody", func(c *Config) { c.Auth = PrivateKeyJWT(newKey(t), "") }, "Auth"},
		{"a request object for nobody", func(c *Config) { c.RequestObject = &RequestObject{Key: newKey(t)} }, "RequestObject"},
	} {
		t.Run(l.name, func(t *testing.T) {
			cfg := good
			l.lie(&cfg)
			_, err := New(cfg)
			var mistake *ConfigError
			if !errors.As(err, &mistake) || mistake.Field != l.field {
				t.Errorf("got %v, want a mistake of %s", err, l.field)
			}
		})
	}
	names := []string{contoso}
	cfg := good
	cfg.Tenants = names
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if names[0] = stranger; slices.Contains(c.cfg.Tenants, stranger) {
		t.Error("the caller's list is shared with the client")
	}
	if _, ok := c.issuerNamed(issuerOf(stranger)); ok {
		t.Error("a tenant came in later")
	}
}

// TestRenewalKeepsTheTemplate: a document that is renewed cannot become that of one tenant.
func TestRenewalKeepsTheTemplate(t *testing.T) {
	p := hostile.New(t)
	manyTenants(p, contoso)
	c := newTestClient(t, p, tenants(p))
	m, err := c.Metadata(t.Context())
	if err != nil || m.Issuer != template {
		t.Fatal(m, err)
	}
	m.Issuer = issuerOf(contoso)
	if _, err := c.newServer(t.Context(), m, c.server.Load()); refusedBy(err) != "issuer" {
		t.Error(err)
	}
}

// TestTenantsOfTransactions: what one configuration sealed, the same opens, whatever tenant logs in.
func TestTenantsOfTransactions(t *testing.T) {
	p := hostile.New(t)
	manyTenants(p, contoso)
	tune := func(cfg *Config) { cfg.Keys = testKeys }
	rawURL, tx, err := newTestClient(t, p, tenants(p), tune).Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}})
	if err != nil {
		t.Fatal(err)
	}
	manyTenants(p, fabrikam)
	tokens, err := newTestClient(t, p, tenants(p), tune).Callback(t.Context(), p.Authorize(rawURL), tx)
	if err != nil || tokens.IDToken.Issuer() != issuerOf(fabrikam) {
		t.Fatal(err)
	}
	if time.Until(tokens.Expiry) <= 0 {
		t.Error("expired")
	}
	if u, _ := url.Parse(rawURL); strings.Contains(u.RawQuery, "tenantid") {
		t.Errorf("the browser carries %s", u.RawQuery)
	}
}
