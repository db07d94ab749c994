package login

import (
	"cmp"
	"errors"
	"net/http"
	"strings"

	"github.com/openid-client/openid"
)

// A Start is a login that the application begins itself, in another way than [Config] says.
type Start struct {
	// Provider is the Name of one; it may be empty when there is one only.
	Provider string
	// ReturnTo is where the browser goes afterwards: a path, or one of [Config].ReturnTo; "/" when empty.
	ReturnTo string
	// Ask is what to ask of the provider, for this user and this time: scope (nil: as [Config] says), prompt, hints, resources, authorization
	// details and the rest. RedirectURI and AppState are not the caller's.
	Ask openid.AuthorizationRequest
	// Link adds an account at this provider to the user who is signed in: [Result].LinkTo is that user, and stays the one who is signed in. It
	// takes a POST of this site: another one could have signed the browser in at the provider as somebody else, who would then own the account
	// here.
	Link bool

	need  Need
	scope []string // beside those of the provider
}

var (
	errReturnTo = errors.New("login: Start.ReturnTo: expected a path of this site, or one of Config.ReturnTo")
	errOwnField = errors.New("login: AuthorizationRequest: RedirectURI and AppState are set by this package")
	errFragment = errors.New("login: AuthorizationRequest: a response in a fragment reaches no server; use form_post")
	errLink     = errors.New("login: Start.Link: expected a POST of this site")
	errLoaded   = errors.New("login: another site loads the login into a page of its own")
	errNobody   = errors.New("login: Start.Link: nobody is signed in")
	errOther    = errors.New("login: Start.Link: somebody else is signed in by now")
)

// Start sends the browser to a provider. It answers the request, also when something is wrong.
func (h *Handler) Start(w http.ResponseWriter, r *http.Request, s Start) {
	private(w.Header())
	if loadedElsewhere(r) {
		h.fail(w, r, &Failure{Kind: FailureRequest, Status: http.StatusForbidden, Err: errLoaded})
		return
	}
	to, f := h.begin(w, r, s)
	if f != nil {
		h.fail(w, r, f)
		return
	}
	redirect(w, to)
}

// loadedElsewhere: another site loads this as an image or in a frame, where nobody can log in. A page of a hundred such would start a hundred logins,
// with as many cookies in the browser.
func loadedElsewhere(r *http.Request) bool {
	return fromElsewhere(r) && (r.Header.Get("Sec-Fetch-Mode") != "navigate" || embedded[r.Header.Get("Sec-Fetch-Dest")])
}

// fromElsewhere: another site makes the browser ask for this, or asks itself.
func fromElsewhere(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "cross-site" || site == "same-site"
}

// begin keeps an attempt in the browser and says where to send it.
func (h *Handler) begin(w http.ResponseWriter, r *http.Request, s Start) (string, *Failure) {
	target, ok := h.returnTarget(cmp.Or(s.ReturnTo, "/"))
	if !ok {
		return "", &Failure{Kind: FailureInternal, Err: errReturnTo}
	}
	if s.Provider == "" && len(h.providers) == 1 {
		s.Provider = h.providers[0].name
	}
	p, err := h.named(r, s.Provider)
	if err != nil {
		return "", &Failure{Err: err, retry: h.loginURL(s.Provider, target)}
	}
	ask := s.Ask
	if ask.Scope == nil {
		ask.Scope = union(p.scope, s.scope)
	}
	if err := h.askMistake(r, &ask); err != nil {
		return "", &Failure{Kind: FailureInternal, Err: err}
	}
	a := newAttempt("login", p.name, target)
	a.need, a.session, a.foreign = s.need, h.bringsSession(r), fromElsewhere(r)
	if s.Link {
		user, err := h.linkable(w, r)
		if err != nil {
			return "", &Failure{Kind: FailureInternal, Err: err}
		}
		a.link = user.tag()
	}
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
func (h *Handler) askMistake(r *http.Request, ask *openid.AuthorizationRequest) error {
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
	}
	return nil
}

// linkable is the session of the user to whom an account may be added.
func (h *Handler) linkable(w http.ResponseWriter, r *http.Request) (*session, error) {
	if r.Method != http.MethodPost {
		return nil, errLink
	}
	if err := h.guard.Check(r); err != nil {
		return nil, err
	}
	st, err := h.recognize(w, r)
	if err != nil {
		return nil, err
	}
	if !st.session().signed() {
		return nil, errNobody
	}
	return st.session(), nil
}

// formPost: the answer comes as a POST from the provider's pages, which Lax cookies do not go with.
func formPost(ask *openid.AuthorizationRequest) bool {
	return strings.HasPrefix(ask.ResponseMode, "form_post") || ask.ResponseMode == "" && cmp.Or(ask.ResponseType, "code") != "code"
}

func fragmentByDefault(ask *openid.AuthorizationRequest) bool {
	return ask.ResponseMode == "jwt" && cmp.Or(ask.ResponseType, "code") != "code"
}
