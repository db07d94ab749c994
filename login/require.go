package login

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A Need is more than being signed in.
type Need struct {
	// MaxAge is how long ago the user may have proved who they are: 0 for any time, and otherwise never less than a minute, which the way back
	// takes.
	MaxAge time.Duration
	// ACR are classes of authentication, the best first; one of them is needed.
	ACR []string
	// Scope has to be granted, all of it, in addition to what was before. It opens APIs and is no permission of the application's own: what was
	// granted may go unsaid if it is what was asked (RFC 6749 section 5.1), and a user can change in the browser what is asked, unless it is pushed or
	// signed.
	Scope []string
}

func (n Need) none() bool { return n.MaxAge == 0 && len(n.ACR) == 0 && len(n.Scope) == 0 }

func (n Need) met(s *session, now time.Time) bool {
	return s.signed() && n.recent(s, now) && (len(n.ACR) == 0 || slices.Contains(n.ACR, s.acr)) && len(n.missing(s)) == 0
}

// recent allows for what the clocks may differ. An authentication of which the provider did not say when is of no recent time.
func (n Need) recent(s *session, now time.Time) bool {
	return n.MaxAge == 0 || now.Sub(s.authTime) <= max(n.MaxAge, time.Minute)+30*time.Second
}

func (n Need) missing(s *session) (scope []string) {
	for _, one := range n.Scope {
		if !hasWord(s.scope, one) {
			scope = append(scope, one)
		}
	}
	return scope
}

func hasWord(list, word string) bool {
	for one := range strings.FieldsSeq(list) {
		if one == word {
			return true
		}
	}
	return false
}

// With is the same login with a need: its Require sends signed-in users back to the provider for what they lack, and returns them to where they
// were. When the provider does not give it they are told so, instead of being sent round and round.
func (h *Handler) With(n Need) *Handler {
	n.ACR, n.Scope = slices.Clone(n.ACR), slices.Clone(n.Scope)
	return &Handler{core: h.core, need: n}
}

// Require lets the requests of signed-in users through to next, where [UserFrom] tells who they are. A browser that opens a page is sent to the
// login and comes back to the page; all other requests (of scripts, forms, API clients) get a 401: a page where HTML is wanted, otherwise a problem
// document (RFC 9457). Nothing behind it is cached, unless next says otherwise.
//
// A browser says in Sec-Fetch-Mode that it opens a page. What sends no such header, an [http.Client] in a test, say, counts as one when it has
// text/html in Accept.
func (h *Handler) Require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		st, err := h.identify(w, r)
		if err != nil {
			h.fail(w, r, &Failure{Err: err})
			return
		}
		if s := st.session(); !s.signed() || !h.need.none() && !h.need.met(s, time.Now()) {
			h.challenge(w, r, st)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(w, with(r, st))
	})
}

// Optional lets all requests through; [UserFrom] is nil where nobody is signed in.
func (h *Handler) Optional(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		st, err := h.identify(w, r)
		if err != nil {
			h.fail(w, r, &Failure{Err: err})
			return
		}
		if st.session().signed() {
			w.Header().Set("Cache-Control", "no-store")
		}
		w.Header().Add("Vary", "Cookie")
		next.ServeHTTP(w, with(r, st))
	})
}

func with(r *http.Request, st *state) *http.Request {
	if stateOf(r.Context()) == st {
		return r
	}
	return r.WithContext(context.WithValue(r.Context(), stateKey{}, st))
}

var errMount = errors.New("login: Require stands before an address of the Handler's own: mount the Handler itself at the path of Config.BaseURL")

// challenge asks for a login, or for a better one.
func (h *Handler) challenge(w http.ResponseWriter, r *http.Request, st *state) {
	private(w.Header())
	s := st.session()
	what, _ := h.endpoint(asked(r).Path)
	switch {
	case what != "": // a login would end here, and begin again
		h.fail(w, r, &Failure{Kind: FailureInternal, Err: errMount})
		return
	case !navigates(r):
		h.unauthorized(w, r, s)
		return
	case st.unknown: // the provider would send the same person back, and so on for ever
		h.fail(w, r, &Failure{Err: ErrNoAccount, retry: h.loginPage(h.here(r))})
		return
	}
	to, f := h.challengeURL(w, r, s)
	if f != nil {
		h.fail(w, r, f)
		return
	}
	redirect(w, to)
}

// challengeURL is where a browser gets what it lacks.
func (h *Handler) challengeURL(w http.ResponseWriter, r *http.Request, s *session) (string, *Failure) {
	here := h.here(r)
	own := s.signed() && s.provider == ownProvider
	if h.cfg.LoginPage != "" && (own || !s.signed()) {
		return h.loginPage(here), nil
	}
	start := Start{ReturnTo: here, need: h.need}
	start.Ask.ACRValues = h.need.ACR
	if h.need.MaxAge != 0 {
		age := max(h.need.MaxAge, time.Minute)
		start.Ask.MaxAge = &age
	}
	if s.signed() && !own {
		start.Provider = s.provider
		start.Ask.IDTokenHint = s.idToken()
		// What was granted before is asked for again, or it would be gone.
		start.scope = strings.Fields(s.scope)
	}
	start.scope = union(start.scope, h.need.Scope)
	if start.Provider == "" && h.cfg.Choose != nil {
		start.Provider = h.cfg.Choose(r)
	}
	if start.Provider == "" && len(h.providers) > 1 {
		return h.loginURL("", here), nil
	}
	return h.begin(w, r, start)
}

func union(a, b []string) []string {
	a = slices.Clip(a)
	for _, one := range b {
		if !slices.Contains(a, one) {
			a = append(a, one)
		}
	}
	return a
}

// navigates: a browser opens a page. Who cannot be told what else it is gets the answer for programs.
func navigates(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate" && !embedded[r.Header.Get("Sec-Fetch-Dest")]
	}
	return r.Header.Get("X-Requested-With") == "" && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// embedded pages cannot show a login of another site.
var embedded = map[string]bool{"iframe": true, "frame": true, "embed": true, "object": true}
