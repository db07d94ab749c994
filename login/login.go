package login

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/store"
)

// A Handler is the login of one application. Mount it at the path of [Config].BaseURL and protect handlers with its middleware. It is safe
// for concurrent use.
type Handler struct {
	*core
	need Need
}

// core is what all views of a handler share.
type core struct {
	cfg         Config
	origin      string // scheme and host
	path        string // of BaseURL, without a slash at its end
	base        string // origin and path: what separates applications that share a store
	secure      bool
	badKeys     bool
	store       *store.Store
	touchEvery  time.Duration
	keys        []openid.Secret // for clients that are made later
	providers   []*provider
	loader      *loader // nil: there are no other providers
	attemptSeal *sealer
	sessionSeal *sealer
	guard       *http.CrossOriginProtection
}

// New makes the login of an application with the given providers, and sets their redirect URIs ({BaseURL}/callback, or
// {BaseURL}/callback/{Name} for a provider with a Name), keys and store; there may be none where [Config].LoadProvider finds them. Register
// these at the provider, and as its post_logout_redirect_uri {BaseURL}/logged-out, or {BaseURL}/logged-out/{Name}. It does no I/O. All mistakes
// are reported at once: *[ConfigError] and *[openid.ConfigError], joined.
func New(cfg Config, providers ...openid.Config) (*Handler, error) {
	c := &core{cfg: cfg, guard: http.NewCrossOriginProtection()}
	m := c.settle()
	if len(providers) == 0 && cfg.LoadProvider == nil {
		m = append(m, errNoProvider)
	}
	for i, p := range providers {
		m = append(m, c.addProvider(i, p, len(providers) == 1)...)
	}
	for _, name := range slices.Sorted(maps.Keys(c.cfg.Scopes)) {
		if c.provider(name) == nil {
			m.add("Scopes", "names of providers", quote(name))
		}
	}
	if len(m) > 0 {
		return nil, errors.Join(m...)
	}
	if cfg.LoadProvider != nil {
		c.loader = newLoader(c.cfg.ProviderLifetime, cfg.LoadProvider, c.build)
	}
	if err := c.guard.AddTrustedOrigin(c.origin); err != nil {
		return nil, &ConfigError{"BaseURL", "an origin", c.origin}
	}
	c.attemptSeal = newSealer(c.cfg.Keys, "openid login attempt", c.base)
	c.sessionSeal = newSealer(c.cfg.Keys, "openid login session", c.base)
	c.cfg.Keys = nil // the sealers have what they need; nobody prints them here
	if c.loader == nil {
		c.keys = nil
	}
	return &Handler{core: c}, nil
}

// String names the application and shows nothing of what the handler holds.
func (h *Handler) String() string { return "login.Handler of " + h.base }

// Client is the client of a provider that [New] was given, by its Name; nil when there is none. For others there is [Handler.LoadClient].
func (h *Handler) Client(name string) *openid.Client {
	if p := h.provider(name); p != nil {
		return p.client
	}
	return nil
}

// endpoint names what lies at a path, and whose it is; empty: nothing of ours.
func (c *core) endpoint(path string) (what, provider string) {
	for _, p := range c.providers {
		switch path {
		case p.callback:
			return "callback", p.name
		case p.logged:
			return "logged-out", p.name
		}
	}
	rest, below := strings.CutPrefix(path, c.path+"/")
	what, provider, named := strings.Cut(rest, "/")
	switch {
	case !below:
	case !named && (what == "login" || what == "logout"):
		return what, ""
	case c.loader != nil && (what == "callback" || what == "logged-out") && providerName(provider) && c.provider(provider) == nil:
		return what, provider
	}
	return "", ""
}

// ServeHTTP answers at the addresses below [Config].BaseURL:
//
//	login       starts a login; return_to says where it ends, provider where it is made. It is also the address for logins that a
//	            third party initiates (OpenID Connect Core 1.0 section 4); one that another site begins replaces nobody who is signed in
//	callback    ends it
//	logout      a GET asks whether to log out, a POST does
//	logged-out  is where the provider sends the browser after that
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	private(w.Header())
	path := r.URL.Path
	what, name := h.endpoint(path)
	if what == "" && !strings.HasPrefix(path, h.path+"/") {
		what, name = h.endpoint(h.path + path) // a router has taken the prefix away
	}
	switch what {
	case "login":
		h.serveLogin(w, r)
	case "callback":
		h.serveCallback(w, r, name)
	case "logout":
		h.serveLogout(w, r)
	case "logged-out":
		h.serveLoggedOut(w, r, name)
	default:
		http.NotFound(w, r)
	}
}

func methods(w http.ResponseWriter, r *http.Request, allowed ...string) bool {
	if slices.Contains(allowed, r.Method) {
		return true
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
	return false
}

func (h *Handler) serveLogin(w http.ResponseWriter, r *http.Request) {
	if !methods(w, r, http.MethodGet, http.MethodHead, http.MethodPost) {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		h.fail(w, r, &Failure{Kind: FailureRequest, Err: err})
		return
	}
	s := Start{Provider: r.Form.Get("provider"), ReturnTo: r.Form.Get("return_to")}
	if r.Form.Has("iss") {
		i, p, f := h.initiation(r, s.Provider)
		if f != nil {
			h.fail(w, r, f)
			return
		}
		s.Provider, s.ReturnTo, s.Ask.LoginHint = p.name, strings.TrimPrefix(i.Target, h.origin), i.LoginHint
	}
	// An address that came from outside is only a wish.
	var ok bool
	if s.ReturnTo, ok = h.returnTarget(s.ReturnTo); !ok {
		s.ReturnTo = "/"
	}
	if s.Provider == "" && h.cfg.Choose != nil {
		s.Provider = h.cfg.Choose(r)
	}
	if s.Provider == "" && len(h.providers) > 1 {
		h.choose(w, r, s.ReturnTo)
		return
	}
	h.Start(w, r, s)
}

// initiation judges a login that a third party wants: at the provider that is named, as in an address that was registered there, or at one whose
// issuer is.
func (c *core) initiation(r *http.Request, name string) (*openid.LoginInitiation, *provider, *Failure) {
	among := slices.Clip(c.providers)
	if name != "" {
		among = nil
	} else if c.loader != nil && c.cfg.Choose != nil {
		name = c.cfg.Choose(r)
	}
	if name != "" {
		p, err := c.named(r, name)
		if err != nil {
			return nil, nil, &Failure{Err: err}
		}
		among = append(among, p)
	}
	clients := make([]*openid.Client, len(among))
	for i, p := range among {
		clients[i] = p.client
	}
	targets := []string{c.origin + "/"}
	for _, to := range c.cfg.ReturnTo {
		if u, err := url.Parse(to); err == nil && u.Path != "" && u.Fragment == "" { // others are no target_link_uri
			targets = append(targets, to)
		}
	}
	i, err := openid.VerifyLoginInitiation(r.Context(), r, targets, clients...)
	if err != nil {
		return nil, nil, &Failure{Kind: FailureRequest, Err: err}
	}
	return i, among[slices.Index(clients, i.Client)], nil
}

// loginURL is the address that starts a login.
func (c *core) loginURL(provider, returnTo string) string {
	q := url.Values{"return_to": {returnTo}}
	if provider != "" {
		q.Set("provider", provider)
	}
	return c.path + "/login?" + q.Encode()
}

// loginPage is where people log in: the application's own page, if it has one.
func (c *core) loginPage(returnTo string) string {
	if c.cfg.LoginPage == "" {
		return c.loginURL("", returnTo)
	}
	return c.cfg.LoginPage + "?" + url.Values{"return_to": {returnTo}}.Encode()
}

// redirect never sends a body along again, and adds nothing to the address.
func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}
