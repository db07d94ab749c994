package login

import (
	"context"
	"errors"
	"net/http"

	"github.com/openid-client/openid"
)

func (h *Handler) serveLogout(w http.ResponseWriter, r *http.Request) {
	if !methods(w, r, http.MethodGet, http.MethodHead, http.MethodPost) {
		return
	}
	if r.Method != http.MethodPost {
		h.askLogout(w, r)
		return
	}
	// A logout that another site starts is only a nuisance, but one to every user at once.
	if err := h.guard.Check(r); err != nil {
		h.fail(w, r, &Failure{Kind: FailureRequest, Status: http.StatusForbidden, Err: err})
		return
	}
	h.Logout(w, r, "")
}

// Logout ends the session of this browser, here first and then at the provider, where the provider has a logout, and sends the browser to
// returnTo: a path, or one of [Config].ReturnTo; [Config].AfterLogout when empty. It answers the request. The caller sees to it that no other
// site can make a browser do this.
func (h *Handler) Logout(w http.ResponseWriter, r *http.Request, returnTo string) {
	private(w.Header())
	r = r.WithContext(context.WithoutCancel(r.Context())) // who closes the browser at once is logged out all the same
	if returnTo == "" {
		returnTo = h.cfg.AfterLogout
	}
	target, ok := h.returnTarget(returnTo)
	if !ok {
		h.fail(w, r, &Failure{Kind: FailureInternal, Err: errReturnTo})
		return
	}
	st, err := h.recognize(w, r)
	if err != nil {
		h.fail(w, r, &Failure{Err: err})
		return
	}
	s := st.session()
	p := h.providerOf(r, s)
	if s != nil && st.id != "" {
		// Whoever cannot be logged out keeps the cookie, to try again.
		if err := h.end(r.Context(), st.id, s); err != nil {
			h.fail(w, r, &Failure{Kind: FailureStore, Err: err})
			return
		}
	}
	h.noteEnd(w, r, s)
	h.forget(w, h.sessionCookie())
	st.become("", nil)
	if p != nil && h.logoutAt(w, r, p, s, target) {
		return
	}
	redirect(w, target)
}

// providerOf is where a user has logged in; nil where nobody has, or the provider cannot be found: that keeps nobody signed in.
func (c *core) providerOf(r *http.Request, s *session) *provider {
	if !s.signed() || s.provider == ownProvider {
		return nil
	}
	p, err := c.named(r, s.provider)
	c.report(r, err)
	return p
}

// logoutAt sends the browser to the provider's logout, if there is one and it can be found.
func (h *Handler) logoutAt(w http.ResponseWriter, r *http.Request, p *provider, s *session, target string) bool {
	meta, err := p.client.Metadata(r.Context())
	if err == nil && meta.EndSessionEndpoint == "" {
		return false
	}
	to, tx := "", openid.Transaction("")
	if err == nil {
		to, tx, err = p.client.LogoutURL(r.Context(), s.idToken(), h.origin+p.logged)
	}
	a := newAttempt("logout", p.name, target)
	if err == nil {
		a.sent(to, tx)
		err = h.keep(w, r, a, false)
	}
	if err != nil {
		h.report(r, err) // the session here has ended; a provider that is away keeps nobody signed in
		return false
	}
	redirect(w, to)
	return true
}

var errNoLogout = errors.New("login: this browser has no logout under way")

// serveLoggedOut is where the provider sends the browser after a logout.
func (h *Handler) serveLoggedOut(w http.ResponseWriter, r *http.Request, provider string) {
	if !methods(w, r, http.MethodGet, http.MethodHead) {
		return
	}
	pending, txs := h.pendingFor(r, "logout", provider)
	target := h.cfg.AfterLogout
	p, err := h.named(r, provider)
	if err != nil {
		h.report(r, err)
	} else if err := p.client.LogoutCallback(r.Context(), r, txs...); err != nil {
		// The user is logged out either way: there is nothing to repeat and nothing to be afraid of. It goes nowhere that the answer says.
		h.report(r, err)
	} else if a := answered(pending, callbackState(r)); a != nil {
		h.forget(w, a.name)
		target = a.returnTo
	} else {
		h.report(r, errNoLogout)
	}
	redirect(w, target)
}
