package login

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/store"
)

// A Config says how an application logs its users in.
type Config struct {
	// BaseURL is where the [Handler] can be reached from outside, such as https://app.example/auth; the addresses below it are made from it,
	// never from a request. http is for loopback addresses, in development. Browsers have to open the application at this host too: a login that
	// begins at another one (www in front, or localhost for 127.0.0.1) ends without its cookie.
	BaseURL string
	// Keys seal what lies in cookies: the first seals, all of them open. To rotate, put a new one in front, and remove the old one after
	// Lifetime. Each is at least 32 random bytes, shared by all processes of the application. Nil, on loopback over http only: a key of this
	// process.
	Keys []openid.Secret
	// Store holds sessions and tokens, and all processes of the application share one. Who can read it can use the tokens: see [store.Sealed].
	// Nil: a store of this process only, for 100,000 keys.
	Store *store.Store
	// Stateless keeps sessions in sealed cookies instead, without tokens and without the ID Token: for applications that only want to know who it
	// is. A copy of the cookie stays good until its lifetimes end, also after a logout, and there is room for about 3 KB of values, of which
	// the last of several simultaneous changes wins.
	Stateless bool
	// Scope is asked for at every login, one scope in each string; "openid" when nil. With "offline_access" most providers give a refresh token.
	Scope []string
	// ReturnTo lists the absolute URLs to which a browser may be sent after a login or a logout, byte for byte. Paths of this site need not be
	// listed.
	ReturnTo []string
	// AfterLogout is where a logout ends: a path, or one of ReturnTo; "/" when empty.
	AfterLogout string
	// LoginPage is the path of the application's own page for logins, where it has one: with a form for [Handler.SignIn], or with buttons that lead
	// to {BaseURL}/login?provider=…&return_to=…. Browsers are sent there with the parameter return_to, which goes along.
	LoginPage string
	// IdleLifetime ends a session that is not used, to the minute; an hour when zero. Lifetime ends every session; 12 hours when zero. Neither
	// has to do with the expiry of the ID Token, which is when it may last be accepted.
	IdleLifetime, Lifetime time.Duration
	// Remember has browsers keep the session's cookie when they are closed, until Lifetime ends. Without it they forget it then, unless they restore
	// their tabs.
	Remember bool
	// CookieName sets apart applications that share a host; "session" when empty. The name in the browser has a __Host- in front.
	CookieName string
	// Development shows on error pages which check failed, and why.
	Development bool
	// Scopes are asked for instead of Scope at the providers of these names.
	Scopes map[string][]string
	// ProviderLifetime is how long an answer of LoadProvider counts; five minutes when zero.
	ProviderLifetime time.Duration

	// Choose names the provider for a request that names none, by its host or a tenant in its path, say; empty for the page that lists them.
	Choose func(*http.Request) string
	// LoadProvider finds the provider of a name that [New] was not given, for applications with a provider for each of many tenants. Choose, the
	// parameter provider of {BaseURL}/login, callbacks and sessions name it: strangers do, too, but only up to 64 letters, digits, -, _
	// and dots. It is called when a name comes up, once for all who wait, and again when ProviderLifetime has passed; ctx is not cancelled with the
	// request. An [ErrNoProvider] ends what goes on there. Any other error is a 503, or, where it has answered within an hour, reported only.
	// Some thousand clients are kept, those used last; more are made again when they are needed, and no session depends on it.
	//
	// Whoever writes a tenant's configuration can be anybody there. Where tenants write their own, [User.Provider] belongs to the key of an account,
	// a page of one tenant is for users of that provider only, and [openid.PublicTransport] keeps their addresses outside of your network.
	LoadProvider func(ctx context.Context, name string) (Provider, error)
	// Ask may change each authorization request, by what the browser asked for: prompt, login hint, resources, authorization details, response
	// mode. Redirect URI and AppState are not its own.
	Ask func(*http.Request, *openid.AuthorizationRequest) error
	// Identify finds out who logged in at a provider without ID Tokens (plain OAuth 2, scope without "openid"), usually by an API of the
	// provider's: the subject has to be unique there and never reassigned. Such a user is as true as that API.
	Identify func(context.Context, *Result) (subject string, err error)
	// OnLogin is asked before there is a session: it may look up or make the application's user, put what it needs into [Result].Values, and
	// refuse by an error; a [Refusal] is shown to the user.
	OnLogin func(context.Context, *Result) error
	// LoadUser is called for each request of a signed-in user; what it returns is in [User.Account]. An error that is an [ErrNoAccount] ends the
	// session, and without OnLogin, which might refuse, the user is told so; any other is a 503.
	LoadUser func(context.Context, *User) (any, error)
	// FailurePage is the path to which browsers are sent after a login that failed, in place of the error page; [Handler.Notice] has the text there.
	// It has to be open to those who are not signed in.
	FailurePage string
	// OnFailure answers instead of the error page. Cache-Control and Referrer-Policy are set already.
	OnFailure func(http.ResponseWriter, *http.Request, *Failure)
	// OnResult answers a login that succeeded, instead of the way back to where the user wanted to go; the session exists and its cookie is set.
	OnResult func(http.ResponseWriter, *http.Request, *Result)
	// Page replaces the HTML of this package's pages, and brings a Content-Security-Policy of its own; the other headers are set already.
	Page func(http.ResponseWriter, *http.Request, *Page)
	// Report hears of everything that failed, for the log; nil: nobody does, and users see only that something failed. No error has a token or a
	// secret in it.
	Report func(*http.Request, error)
}

// String names the application and shows no key.
func (cfg Config) String() string { return "login.Config of " + cfg.BaseURL }

// Format writes what String says, for every verb.
func (cfg Config) Format(f fmt.State, _ rune) { fmt.Fprint(f, cfg.String()) }

// MarshalText shows what String says; JSON encoders and log/slog use it.
func (cfg Config) MarshalText() ([]byte, error) { return []byte(cfg.String()), nil }

// A ConfigError is one mistake of a [Config], or of a provider's; [New] reports all of them at once, joined.
type ConfigError struct{ Field, Expected, Got string }

// Error names the field and both sides of the mistake.
func (e *ConfigError) Error() string {
	field := e.Field
	if !strings.HasPrefix(field, "providers[") { // these are arguments beside the Config
		field = "Config." + field
	}
	return "login: " + field + ": expected " + e.Expected + ", got " + e.Got
}

const (
	ownStoreItems   = 100_000
	defaultIdle     = time.Hour
	defaultLifetime = 12 * time.Hour
	maxTouchEvery   = time.Minute

	defaultProviderLifetime = 5 * time.Minute

	newKey = "; to make one: openssl rand -base64 32"
)

type mistakes []error

func (m *mistakes) add(field, expected, got string) {
	*m = append(*m, &ConfigError{field, expected, got})
}

// settle checks cfg and fills in what it leaves out.
func (c *core) settle() mistakes {
	var m mistakes
	cfg := &c.cfg
	cfg.ReturnTo, cfg.Scope, cfg.Keys = slices.Clone(cfg.ReturnTo), slices.Clone(cfg.Scope), slices.Clone(cfg.Keys)
	if u, expected := baseURL(cfg.BaseURL); expected != "" {
		m.add("BaseURL", expected, fmt.Sprintf("%q", cfg.BaseURL))
	} else {
		c.origin, c.path, c.secure = u.Scheme+"://"+u.Host, strings.TrimRight(u.Path, "/"), u.Scheme == "https"
		c.base = c.origin + c.path
	}
	before := len(m)
	for i, key := range cfg.Keys {
		if k := key.Reveal(); len(k) < minKey {
			m.add(fmt.Sprintf("Keys[%d]", i), fmt.Sprintf("at least %d random bytes%s", minKey, newKey), fmt.Sprintf("%d bytes", len(k)))
		} else if strings.Count(k, k[:1]) == len(k) {
			m.add(fmt.Sprintf("Keys[%d]", i), "random bytes"+newKey, "one byte over and over")
		}
	}
	c.badKeys = len(m) > before
	if len(cfg.Keys) == 0 && c.secure {
		m.add("Keys", "a key of 32 random bytes, for all processes of the application"+newKey, "none")
	}
	c.keys = cfg.Keys
	if cfg.Stateless && cfg.OnLogin == nil && slices.Contains(cfg.Scope, "offline_access") {
		m.add("Scope", "no offline_access with Stateless, which keeps no tokens", `"offline_access"`)
	}
	if cfg.Scope == nil {
		cfg.Scope = []string{"openid"}
	}
	c.scopeMistake(&m, "Scope", cfg.Scope)
	cfg.Scopes = maps.Clone(cfg.Scopes)
	for _, name := range slices.Sorted(maps.Keys(cfg.Scopes)) {
		cfg.Scopes[name] = slices.Clone(cfg.Scopes[name])
		c.scopeMistake(&m, "Scopes["+quote(name)+"]", cfg.Scopes[name])
	}
	for i, to := range cfg.ReturnTo {
		if u, err := url.Parse(to); err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) || !printable(to) {
			m.add(fmt.Sprintf("ReturnTo[%d]", i), "an absolute https URL", fmt.Sprintf("%q", to))
		}
	}
	if cfg.AfterLogout == "" {
		cfg.AfterLogout = "/"
	}
	if _, ok := c.returnTarget(cfg.AfterLogout); !ok {
		m.add("AfterLogout", "a path of this site outside of BaseURL, or one of ReturnTo", fmt.Sprintf("%q", cfg.AfterLogout))
	}
	if _, ok := c.returnTarget(cfg.LoginPage); cfg.LoginPage != "" && (!ok || strings.ContainsAny(cfg.LoginPage, "?#")) {
		m.add("LoginPage", "a path of this site outside of BaseURL", fmt.Sprintf("%q", cfg.LoginPage))
	}
	if _, ok := c.returnTarget(cfg.FailurePage); cfg.FailurePage != "" && !ok {
		m.add("FailurePage", "a path of this site outside of BaseURL", fmt.Sprintf("%q", cfg.FailurePage))
	}
	for _, d := range []struct {
		field string
		value *time.Duration
		usual time.Duration
	}{{"IdleLifetime", &cfg.IdleLifetime, defaultIdle}, {"Lifetime", &cfg.Lifetime, defaultLifetime},
		{"ProviderLifetime", &cfg.ProviderLifetime, defaultProviderLifetime}} {
		if *d.value == 0 {
			*d.value = d.usual
		} else if *d.value < time.Second {
			m.add(d.field, "a second or more", d.value.String())
		}
	}
	c.touchEvery = min(cfg.IdleLifetime/10, maxTouchEvery)
	if cfg.CookieName == "" {
		cfg.CookieName = "session"
	}
	if !cookieWord(cfg.CookieName) {
		m.add("CookieName", "letters, digits, - and _, at most 32", fmt.Sprintf("%q", cfg.CookieName))
	}
	if c.store = cfg.Store; c.store == nil {
		c.store = store.Memory(ownStoreItems)
	}
	return m
}

func baseURL(raw string) (u *url.URL, expected string) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || !u.IsAbs() || u.Host == "" || u.Hostname() == "":
		return nil, "an absolute URL such as https://app.example/auth"
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(raw, "#"):
		return nil, "a URL without user, query and fragment"
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, "https, or http on a loopback address: cookies that sign in are not for the open network"
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, "https"
	case u.RawPath != "" || !plainPath(u.Path) || !printable(u.Path) || strings.Contains(strings.TrimPrefix(u.Path, "/"), "//"):
		return nil, "a plain path"
	}
	return u, ""
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func cookieWord(s string) bool {
	return s != "" && len(s) <= 32 && !strings.ContainsFunc(s, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_')
	})
}

// A provider is one server at which users may log in.
type provider struct {
	name     string
	issuer   string
	client   *openid.Client
	callback string // the path
	logged   string // the path after a logout
	scope    []string
}

func (c *core) newProvider(name string, scope []string) *provider {
	if scope == nil {
		scope = c.cfg.Scope
	}
	suffix := ""
	if name != "" {
		suffix = "/" + name
	}
	return &provider{name: name, callback: c.path + "/callback" + suffix, logged: c.path + "/logged-out" + suffix, scope: slices.Clone(scope)}
}

// addProvider makes the client of a provider.
func (c *core) addProvider(i int, cfg openid.Config, alone bool) (m mistakes) {
	where := fmt.Sprintf("providers[%d]", i)
	name := cfg.Name
	switch {
	case name == "" && !alone:
		m.add(where+".Name", "a name for each of several providers, since each has a callback of its own", "nothing")
	case name != "" && !providerName(name):
		m.add(where+".Name", "letters, digits, -, _ and dots, at most 64", quote(name))
	case c.provider(name) != nil:
		m.add(where+".Name", "another name for each provider", fmt.Sprintf("%q twice", name))
	}
	p := c.newProvider(name, c.cfg.Scopes[name])
	switch u, err := url.Parse(cfg.RedirectURI); {
	case cfg.RedirectURI == "":
		cfg.RedirectURI = c.origin + p.callback
	case err != nil || u.Scheme+"://"+u.Host != c.origin || u.RawQuery != "" || u.RawPath != "":
		m.add(where+".RedirectURI", "nothing, which means "+c.origin+p.callback+", or another address of "+c.origin, fmt.Sprintf("%q", cfg.RedirectURI))
	default:
		p.callback = u.Path
	}
	for _, other := range c.providers {
		if other.callback == p.callback {
			m.add(where+".RedirectURI", "a callback of its own for each provider (RFC 9700 §4.4)", fmt.Sprintf("%q twice", cfg.RedirectURI))
		}
	}
	if c.base == "" { // that is a mistake already, and not the provider's
		cfg.RedirectURI = ""
	}
	m = append(m, c.connect(p, cfg, where)...)
	c.providers = append(c.providers, p)
	return m
}

// connect gives a provider its client.
func (c *core) connect(p *provider, cfg openid.Config, where string) (m mistakes) {
	if cfg.Keys == nil && !c.badKeys {
		cfg.Keys = c.keys
	}
	if cfg.Store == nil {
		cfg.Store = c.store
	}
	client, err := openid.New(cfg)
	if err != nil {
		all := []error{err}
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			all = joined.Unwrap()
		}
		for _, one := range all {
			m = append(m, fmt.Errorf("login: %s: %w", where, one))
		}
	}
	p.issuer, p.client = cfg.Issuer, client
	return m
}

// scopeMistake: each is one scope, and somebody has to say who logged in.
func (c *core) scopeMistake(m *mistakes, field string, scope []string) {
	if slices.ContainsFunc(scope, func(one string) bool { return !scopeToken(one) }) {
		m.add(field, "one scope in each string (RFC 6749 section 3.3)", fmt.Sprintf("%q", scope))
		return
	}
	if !slices.Contains(scope, "openid") && c.cfg.Identify == nil && c.cfg.Ask == nil {
		m.add(field, `"openid" among them, or Identify for a provider without ID Tokens`, fmt.Sprintf("%q", scope))
	}
}

// scopeToken is the syntax of RFC 6749 section 3.3.
func scopeToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c == '"' || c == '\\' || c > '~' })
}

func quote(s string) string { return fmt.Sprintf("%q", s) }

func (c *core) provider(name string) *provider {
	for _, p := range c.providers {
		if p.name == name {
			return p
		}
	}
	return nil
}

var errNoProvider = errors.New("login: New: there is no provider, and no Config.LoadProvider")
