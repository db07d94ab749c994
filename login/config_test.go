package login

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid"
)

// TestNewReportsAllMistakes: at once, each by its field.
func TestNewReportsAllMistakes(t *testing.T) {
	good := func() (Config, openid.Config) {
		return Config{BaseURL: base, Keys: []openid.Secret{key('1')}}, openid.Config{Issuer: "https://op.example", ClientID: "web", Auth: openid.None()}
	}
	for _, l := range []struct {
		lie  string
		tell func(*Config, *openid.Config)
		want string
	}{
		{"no base", func(c *Config, _ *openid.Config) { c.BaseURL = "" }, "Config.BaseURL: expected an absolute URL"},
		{"a path for a base", func(c *Config, _ *openid.Config) { c.BaseURL = "/auth" }, "Config.BaseURL"},
		{"http", func(c *Config, _ *openid.Config) { c.BaseURL = "http://app.example/auth" }, "Config.BaseURL: expected https, or http on a loopback address"},
		{"a query", func(c *Config, _ *openid.Config) { c.BaseURL = base + "?x" }, "Config.BaseURL"},
		{"a user", func(c *Config, _ *openid.Config) { c.BaseURL = "https://me@app.example" }, "Config.BaseURL"},
		{"another scheme", func(c *Config, _ *openid.Config) { c.BaseURL = "ftp://app.example" }, "Config.BaseURL"},
		{"a base that moves", func(c *Config, _ *openid.Config) { c.BaseURL = "https://app.example/a/../b" }, "Config.BaseURL"},
		{"no key", func(c *Config, _ *openid.Config) { c.Keys = nil }, "openssl rand -base64 32"},
		{"a short key", func(c *Config, _ *openid.Config) { c.Keys = []openid.Secret{key('1'), openid.NewSecret("short")} }, "Config.Keys[1]: expected at least 32 random bytes; to make one: openssl rand"},
		{"a flat key", func(c *Config, _ *openid.Config) { c.Keys = []openid.Secret{openid.NewSecret(strings.Repeat("a", 40))} }, "login: Config.Keys[0]: expected random bytes"},
		{"a wild return target", func(c *Config, _ *openid.Config) { c.ReturnTo = []string{"http://other.example/"} }, "Config.ReturnTo[0]"},
		{"a logout into nowhere", func(c *Config, _ *openid.Config) { c.AfterLogout = "https://evil.example/" }, "Config.AfterLogout"},
		{"a logout into itself", func(c *Config, _ *openid.Config) { c.AfterLogout = "/auth/logout" }, "Config.AfterLogout"},
		{"negative idleness", func(c *Config, _ *openid.Config) { c.IdleLifetime = -1 }, "Config.IdleLifetime"},
		{"no life", func(c *Config, _ *openid.Config) { c.Lifetime = time.Millisecond }, "Config.Lifetime"},
		{"a cookie name with a space", func(c *Config, _ *openid.Config) { c.CookieName = "my session" }, "Config.CookieName"},
		{"nobody to identify", func(c *Config, _ *openid.Config) { c.Scope = []string{"email"} }, "Config.Scope"},
		{"scopes in one string", func(c *Config, _ *openid.Config) { c.Scope = []string{"openid", "email profile"} }, "Config.Scope: expected one scope in each string"},
		{"an empty scope", func(c *Config, _ *openid.Config) { c.Scopes = map[string][]string{"": {"openid", ""}} }, `Config.Scopes[""]: expected one scope in each string`},
		{"a scope of nobody's", func(c *Config, _ *openid.Config) { c.Scope = []string{"openid", "ä"} }, "Config.Scope: expected one scope in each string"},
		{"tokens without a place", func(c *Config, _ *openid.Config) { c.Stateless, c.Scope = true, []string{"openid", "offline_access"} }, "Config.Scope"},
		{"another site's redirect URI", func(_ *Config, p *openid.Config) { p.RedirectURI = "https://other.example/auth/callback" }, "login: providers[0].RedirectURI"},
		{"a provider's own mistake", func(_ *Config, p *openid.Config) { p.Auth = nil }, "login: providers[0]: openid: Config.Auth"},
		{"a name with a slash", func(_ *Config, p *openid.Config) { p.Name = "a/b" }, "login: providers[0].Name"},
	} {
		cfg, p := good()
		l.tell(&cfg, &p)
		_, err := New(cfg, p)
		if err == nil || !strings.Contains(err.Error(), l.want) {
			t.Errorf("%s: got %v, want %q", l.lie, err, l.want)
		}
	}
	cfg, p := good()
	if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "no provider") {
		t.Errorf("no provider: %v", err)
	}
	for _, l := range []struct{ first, second, want string }{{"", "", "login: providers[0].Name"}, {"a", "a", `"a" twice`}} {
		q := p
		p.Name, q.Name = l.first, l.second
		if _, err := New(cfg, p, q); err == nil || !strings.Contains(err.Error(), l.want) {
			t.Errorf("names %q and %q: %v", l.first, l.second, err)
		}
	}
	_, err := New(Config{BaseURL: "http://app.example", Keys: []openid.Secret{openid.NewSecret("x")}, CookieName: "ä"}, openid.Config{})
	var one *ConfigError
	var theirs *openid.ConfigError
	if !errors.As(err, &one) || !errors.As(err, &theirs) || strings.Count(err.Error(), "\n") < 5 {
		t.Errorf("all at once: %v", err)
	}
	cfg, p = good()
	cfg.BaseURL, cfg.Keys = "http://127.0.0.1:8080/auth/", nil
	if _, err := New(cfg, p); err != nil {
		t.Errorf("development: %v", err)
	}
}
