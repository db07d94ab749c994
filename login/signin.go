package login

import (
	"errors"
	"maps"
	"net/http"
)

var errIdentity = errors.New("login: an Identity needs an issuer and a subject")

// LogIn begins a session for somebody whom the application itself vouches for: after a password, a passkey, an invitation. It sets the cookie and
// writes no body. The session id is a new one, and values of this browser or this user stay. [Config].OnLogin is for providers and is not
// asked. The caller sees to it that no other site can make a browser do this.
func (h *Handler) LogIn(w http.ResponseWriter, r *http.Request, id Identity) error {
	if id.Issuer == "" || id.Subject == "" {
		return errIdentity
	}
	o := Success(id)
	return h.open(w, r, o.user.s)
}

// open starts a session of the application's own.
func (h *Handler) open(w http.ResponseWriter, r *http.Request, s *session) error {
	private(w.Header())
	st, err := h.recognize(w, r)
	if err != nil {
		return err
	}
	if before := st.session(); before != nil && (!before.signed() || before.sameUser(s)) {
		s.values = maps.Clone(before.values)
	}
	return h.establish(w, r, st, nil, s, nil)
}

// SignIn is a handler that begins a session where s succeeds, and goes to where the parameter return_to says: for a form with name and
// password, say. It takes POSTs of this site only, since another site could otherwise sign a browser in as somebody else. Failures are
// those of a login: [Config].OnFailure, or a page.
func (h *Handler) SignIn(s Strategy) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		private(w.Header())
		if !methods(w, r, http.MethodPost) {
			return
		}
		if err := h.guard.Check(r); err != nil {
			h.fail(w, r, &Failure{Kind: FailureRequest, Status: http.StatusForbidden, Err: err})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			h.fail(w, r, &Failure{Kind: FailureRequest, Err: err})
			return
		}
		target, ok := h.returnTarget(r.Form.Get("return_to"))
		if !ok {
			target = "/"
		}
		o, err := s.Authenticate(w, r)
		switch {
		case err != nil:
			h.fail(w, r, &Failure{Kind: FailureStore, Err: err})
		case o.kind == redirected:
			redirect(w, o.location)
		case o.kind == succeeded && o.st == nil:
			if err := h.open(w, r, o.user.s); err != nil {
				h.fail(w, r, &Failure{Err: err})
				return
			}
			redirect(w, target)
		case o.kind == succeeded, o.kind == passed: // signed in already, or nobody has to be
			redirect(w, target)
		default:
			h.fail(w, r, &Failure{Kind: FailureCredentials, Err: ErrCredentials, retry: h.loginPage(target), login: true})
		}
	})
}
