package login

import (
	"cmp"
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

// A Start is a login that the application begins itself, in another way than [Config] says.
type Start struct {
	// Provider is the Name of one; it may be empty when there is one only.
	Provider string
	// ReturnTo is where the browser goes afterwards: a path, or one of [Config].ReturnTo; "/" when empty.
	ReturnTo string
	// Ask is what to ask of the provider, for this user and this time: scope (nil: [Config].Scope), prompt, hints, resources, authorization
	// details and the rest. RedirectURI and AppState are not the caller's.
	Ask openid.AuthorizationRequest
	// Link adds an account at this provider to the user who is signed in: [Result].LinkTo is that user, and stays the one who is signed in. It
	// takes a POST of this site: another one could have signed the browser in at the provider as somebody else, who would then own the account
	// here.
	Link bool

	need Need
}

var (
	errUnknownProvider = errors.New("login: there is no such provider")
	errReturnTo        = errors.New("login: Start.ReturnTo: expected a path of this site, or one of Config.ReturnTo")
	errOwnField        = errors.New("login: AuthorizationRequest: RedirectURI and AppState are set by this package")
	errFragment        = errors.New("login: AuthorizationRequest: a response in a fragment reaches no server; use form_post")
	errLink            = errors.New("login: Start.Link: expected a POST of this site")
	errNobody          = errors.New("login: Start.Link: nobody is signed in")
)

// Start sends the browser to a provider. It answers the request, also when something is wrong.
func (h *Handler) Start(w http.ResponseWriter, r *http.Request, s Start) {
	private(w.Header())
	to, f := h.begin(w, r, s)
	if f != nil {
		h.fail(w, r, f)
		return
	}
	redirect(w, to)
}

// begin keeps an attempt in the browser and says where to send it.
func (h *Handler) begin(w http.ResponseWriter, r *http.Request, s Start) (string, *Failure) {
	target, ok := h.returnTarget(cmp.Or(s.ReturnTo, "/"))
	if !ok {
		return "", &Failure{Kind: FailureInternal, Err: errReturnTo}
	}
	p := h.provider(s.Provider)
	if p == nil && s.Provider == "" && len(h.providers) == 1 {
		p = h.providers[0]
	}
	if p == nil {
		return "", &Failure{Kind: FailureRequest, Err: errUnknownProvider}
	}
	ask := s.Ask
	if ask.Scope == nil {
		ask.Scope = h.cfg.Scope
	}
	if err := h.askMistake(w, r, &s, &ask); err != nil {
		return "", &Failure{Kind: FailureInternal, Err: err}
	}
	a := newAttempt("login", p.name, target)
	a.link, a.need = s.Link, s.need
	ask.AppState = a.id
	to, tx, err := p.client.Authorize(r.Context(), ask)
	if err != nil {
		return "", &Failure{Err: err, retry: h.loginURL(p.name, target)}
	}
	a.sent(to, tx)
	if err := h.keep(w, r, a, formPost(&ask)); err != nil {
		return "", &Failure{Kind: FailureInternal, Err: err}
	}
	return to, nil
}

// askMistake says what is wrong with what the application asks, after Config.Ask had its say.
func (h *Handler) askMistake(w http.ResponseWriter, r *http.Request, s *Start, ask *openid.AuthorizationRequest) error {
	if h.cfg.Ask != nil {
		if err := h.cfg.Ask(r, ask); err != nil {
			return err
		}
	}
	switch {
	case ask.RedirectURI != "" || ask.AppState != "":
		return errOwnField
	case strings.HasPrefix(ask.ResponseMode, "fragment"), fragmentByDefault(ask):
		return errFragment
	case s.Link:
		return h.linkable(w, r)
	}
	return nil
}

func (h *Handler) linkable(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodPost {
		return errLink
	}
	if err := h.guard.Check(r); err != nil {
		return err
	}
	st, err := h.recognize(w, r)
	if err == nil && !st.session().signed() {
		err = errNobody
	}
	return err
}

// formPost: the answer comes as a POST from the provider's pages, which Lax cookies do not go with.
func formPost(ask *openid.AuthorizationRequest) bool {
	return strings.HasPrefix(ask.ResponseMode, "form_post") || ask.ResponseMode == "" && cmp.Or(ask.ResponseType, "code") != "code"
}

func fragmentByDefault(ask *openid.AuthorizationRequest) bool {
	return ask.ResponseMode == "jwt" && cmp.Or(ask.ResponseType, "code") != "code"
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
