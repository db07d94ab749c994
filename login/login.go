package login

import (
	"errors"
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
	providers   []*provider
	attemptSeal *sealer
	sessionSeal *sealer
	guard       *http.CrossOriginProtection
}

// New makes the login of an application with the given providers, and sets their redirect URIs ({BaseURL}/callback, or
// {BaseURL}/callback/{Name} for a provider with a Name), keys and store. Register these at the provider, and {BaseURL}/logged-out likewise as
// its post_logout_redirect_uri. It does no I/O. All mistakes are reported at once: *[ConfigError] and *[openid.ConfigError], joined.
func New(cfg Config, providers ...openid.Config) (*Handler, error) {
	c := &core{cfg: cfg, guard: http.NewCrossOriginProtection()}
	m := c.settle()
	if len(providers) == 0 {
		m = append(m, errNoProvider)
	}
	for i, p := range providers {
		m = append(m, c.addProvider(i, p, len(providers) == 1)...)
	}
	if len(m) > 0 {
		return nil, errors.Join(m...)
	}
	if err := c.guard.AddTrustedOrigin(c.origin); err != nil {
		return nil, &ConfigError{"BaseURL", "an origin", c.origin}
	}
	c.attemptSeal = newSealer(c.cfg.Keys, "openid login attempt", c.base)
	c.sessionSeal = newSealer(c.cfg.Keys, "openid login session", c.base)
	c.cfg.Keys = nil // the sealers have what they need; nobody prints them here
	return &Handler{core: c}, nil
}

// String names the application and shows nothing of what the handler holds.
func (h *Handler) String() string { return "login.Handler of " + h.base }

// Client is the client of a provider, by its Name; nil when there is none.
func (h *Handler) Client(name string) *openid.Client {
	if p := h.provider(name); p != nil {
		return p.client
	}
	return nil
}

// endpoint names what lies at a path; empty: nothing of ours.
func (c *core) endpoint(path string) string {
	for _, p := range c.providers {
		switch path {
		case p.callback:
			return "callback"
		case p.logged:
			return "logged-out"
		}
	}
	switch rest, below := strings.CutPrefix(path, c.path+"/"); {
	case below && (rest == "login" || rest == "logout"):
		return rest
	}
	return ""
}

// ServeHTTP answers at the addresses below [Config].BaseURL:
//
//	login       starts a login; return_to says where it ends, provider where it is made. It is also the address for logins that a
//	            third party initiates (OpenID Connect Core 1.0 section 4)
//	callback    ends it
//	logout      a GET asks whether to log out, a POST does
//	logged-out  is where the provider sends the browser after that
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	private(w.Header())
	path := r.URL.Path
	if !strings.HasPrefix(path, h.path+"/") && h.endpoint(path) == "" {
		path = h.path + path // a router has taken the prefix away
	}
	switch h.endpoint(path) {
	case "login":
		h.serveLogin(w, r)
	case "callback":
		h.serveCallback(w, r, h.at(path))
	case "logout":
		h.serveLogout(w, r)
	case "logged-out":
		h.serveLoggedOut(w, r, h.at(path))
	default:
		http.NotFound(w, r)
	}
}

func (c *core) at(path string) *provider {
	for _, p := range c.providers {
		if p.callback == path || p.logged == path {
			return p
		}
	}
	return nil
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
		i, err := h.initiation(r)
		if err != nil {
			h.fail(w, r, &Failure{Kind: FailureRequest, Err: err})
			return
		}
		s.Provider, s.ReturnTo, s.Ask.LoginHint = h.of(i.Client).name, strings.TrimPrefix(i.Target, h.origin), i.LoginHint
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

// initiation judges a login that a third party wants.
func (c *core) initiation(r *http.Request) (*openid.LoginInitiation, error) {
	targets := append([]string{c.origin + "/"}, c.cfg.ReturnTo...)
	clients := make([]*openid.Client, len(c.providers))
	for i, p := range c.providers {
		clients[i] = p.client
	}
	return openid.VerifyLoginInitiation(r.Context(), r, targets, clients...)
}

func (c *core) of(client *openid.Client) *provider {
	i := slices.IndexFunc(c.providers, func(p *provider) bool { return p.client == client })
	return c.providers[i]
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
