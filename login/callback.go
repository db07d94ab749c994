package login

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/openid-client/openid"
)

// maxForm bounds what a browser may post here.
const maxForm = 64 << 10

// A Result is a login that a provider has vouched for. There is no session of it yet when [Config].Identify and [Config].OnLogin get it.
type Result struct {
	User   *User
	Tokens *openid.Tokens // with the AppState that is this package's own
	Client *openid.Client // of the provider, for UserInfo and the like
	// Values are the application's own, kept in the session: those from before, if there were any of this browser or this user, and whatever
	// OnLogin makes of them. OnLogin never finds it nil.
	Values map[string]string
	// LinkTo is the user to whom this login adds another account; nil: a login like any other. Only OnLogin can do it, by the
	// pairs of issuer and subject; an e-mail address proves nothing.
	LinkTo *User
	// ReturnTo is where the browser is going.
	ReturnTo string
}

// A Refusal is an error of [Config].OnLogin whose text is shown to the user.
type Refusal string

// Error is the text.
func (e Refusal) Error() string { return string(e) }

var (
	errUnmet    = errors.New("login: the provider did not give what was asked for")
	errNoToken  = errors.New("login: no ID Token came (is openid in the scope?), and there is no Config.Identify")
	errNoLink   = errors.New("login: linking needs Config.OnLogin")
	errNoUser   = errors.New("login: Config.Identify found no subject")
	errSwap     = errors.New("login: another site began this login, and somebody else is signed in")
	errNoMethod = errors.New("login: a callback is a GET or a POST")
)

func (h *Handler) serveCallback(w http.ResponseWriter, r *http.Request, provider string) {
	if r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			h.fail(w, r, &Failure{Kind: FailureRequest, Err: err})
			return
		}
	} else if r.Method != http.MethodGet {
		w.Header().Set("Allow", "GET, POST")
		h.fail(w, r, &Failure{Kind: FailureRequest, Status: http.StatusMethodNotAllowed, Err: errNoMethod})
		return
	}
	pending, txs := h.pendingFor(r, "login", provider)
	p, err := h.named(r, provider)
	if err != nil {
		h.fail(w, r, &Failure{Err: err, login: true})
		return
	}
	if r.Method == http.MethodPost && r.URL.Query().Get("again") == "" && h.keptBack(r, pending) {
		h.postAgain(w, r, p)
		return
	}
	tokens, err := p.client.Callback(r.Context(), r, txs...)
	if err != nil {
		f := &Failure{Kind: kindOf(err), Err: err, retry: h.loginURL(p.name, "/"), login: true}
		if f.Kind == FailureExpired && len(r.Cookies()) == 0 {
			f.Kind = FailureCookies
		}
		if a := answered(pending, callbackState(r)); a != nil {
			f.retry = h.loginURL(p.name, a.returnTo)
			if a.tag != "" || !strange(err) {
				h.forget(w, a.name)
			}
		}
		h.fail(w, r, f)
		return
	}
	i := slices.IndexFunc(pending, func(a *attempt) bool { return a.id == tokens.AppState })
	if i < 0 { // two halves of two cookies: the seal does not let that happen
		h.fail(w, r, &Failure{Kind: FailureExpired, Err: errRecord})
		return
	}
	a := pending[i]
	h.forget(w, a.name)
	result, err := h.signIn(w, r, p, a, tokens)
	switch {
	case err != nil:
		h.fail(w, r, &Failure{Err: err, retry: h.loginURL(p.name, a.returnTo), login: true})
	case h.cfg.OnResult != nil:
		h.cfg.OnResult(w, r, result)
	default:
		redirect(w, a.returnTo)
	}
}

// keptBack: cookies have not come along that the browser has, as with the form of another site. Without the one of the session, that would not end at
// this login.
func (c *core) keptBack(r *http.Request, pending []*attempt) bool {
	return len(pending) == 0 || !c.bringsSession(r) && slices.ContainsFunc(pending, func(a *attempt) bool { return a.session })
}

// strange: anybody may have made the browser bring this, for all that is known.
func strange(err error) bool {
	var invalid *openid.VerificationError
	return errors.As(err, &invalid) && invalid.Document == "authorization response"
}

func callbackState(r *http.Request) string {
	if r.Method == http.MethodPost {
		return r.PostForm.Get("state")
	}
	return r.URL.Query().Get("state")
}

// signIn makes a session of a login.
func (h *Handler) signIn(w http.ResponseWriter, r *http.Request, p *provider, a *attempt, tokens *openid.Tokens) (*Result, error) {
	ctx := r.Context()
	st, err := h.recognize(w, r)
	if err != nil {
		return nil, err
	}
	link := a.link != ""
	if link { // to somebody whom a provider still knows
		if err := h.vouched(w, r, st); err != nil {
			return nil, err
		}
	}
	before := st.session()
	s, err := h.newSession(p, tokens)
	if err != nil {
		return nil, err
	}
	result := &Result{User: &User{s: s, core: h.core}, Tokens: tokens, Client: p.client, ReturnTo: a.returnTo, Values: map[string]string{}}
	if s.subject == "" {
		if s.subject, err = h.subject(ctx, result); err != nil {
			return nil, err
		}
	}
	if !a.need.met(s, time.Now()) {
		return nil, errUnmet
	}
	if a.foreign && before.signed() && !before.sameUser(s) {
		return nil, errSwap
	}
	if link {
		switch {
		case h.cfg.OnLogin == nil:
			return nil, errNoLink
		case !before.signed():
			return nil, errNobody
		case before.tag() != a.link:
			return nil, errOther
		}
		result.LinkTo = &User{s: before, core: h.core}
	}
	// What an application keeps of one user is not for the next.
	if before != nil && (link || !before.signed() || before.sameUser(s)) {
		maps.Copy(result.Values, before.values)
	}
	if h.cfg.OnLogin != nil {
		if err := h.cfg.OnLogin(ctx, result); err != nil {
			return nil, &applicationError{err}
		}
	}
	if link {
		linked := *before
		s, tokens = &linked, nil
	}
	s.values = result.Values
	if err := valuesMistake(s.values); err != nil {
		return nil, err
	}
	return result, h.establish(w, r, st, p, s, tokens)
}

func (h *Handler) subject(ctx context.Context, result *Result) (string, error) {
	if h.cfg.Identify == nil {
		return "", errNoToken
	}
	subject, err := h.cfg.Identify(ctx, result)
	if err == nil && subject == "" {
		err = errNoUser
	}
	return subject, err
}

// newSession says what the tokens say.
func (h *Handler) newSession(p *provider, tokens *openid.Tokens) (*session, error) {
	now := time.Now()
	s := &session{started: now, seen: now, signedIn: now, provider: p.name, issuer: p.issuer, scope: strings.Join(tokens.Scope, " ")}
	t := tokens.IDToken
	if t == nil {
		return s, nil
	}
	s.issuer, s.subject, s.authTime, s.acr, s.sessionID = t.Issuer(), t.Subject(), t.AuthTime(), t.ACR(), t.SessionID()
	var err error
	if !h.cfg.Stateless {
		s.proof, err = proofOf(t)
	}
	return s, err
}

// establish starts the session s in place of the one before, under another id: one that somebody planted or saw before the login is worth
// nothing after it.
func (h *Handler) establish(w http.ResponseWriter, r *http.Request, st *state, p *provider, s *session, tokens *openid.Tokens) error {
	ctx := r.Context()
	if h.cfg.Stateless {
		before := st.session()
		err := h.setSealed(w, st, s)
		if err == nil && before != nil && before.name != s.name {
			h.noteEnd(w, r, before)
		}
		return err
	}
	undo := context.WithoutCancel(ctx) // who has gone leaves nothing behind
	if tokens != nil && !(tokens.AccessToken.IsEmpty() && tokens.RefreshToken.IsEmpty()) {
		s.tokens, s.renewable = random(), !tokens.RefreshToken.IsEmpty()
		if err := h.tokenSource(p, s, nil).Save(ctx, tokens); err != nil {
			_ = h.forgetTokens(undo, s) // the store may go on trying
			return err
		}
	}
	id, err := h.put(ctx, s)
	if err == nil && st.id != "" {
		if linked := p != nil && tokens == nil; linked {
			err = h.replace(ctx, st.id) // who has logged out meanwhile stays so
		} else {
			err = h.store.Delete(ctx, h.storeKey(st.id))
		}
		if err != nil {
			_ = h.store.Delete(undo, h.storeKey(id)) // nobody has been told of it
		}
	}
	if err != nil {
		if tokens != nil {
			_ = h.forgetTokens(undo, s)
		}
		return kept(err)
	}
	if before := st.session(); before != nil && before.tokens != s.tokens {
		_ = h.forgetTokens(undo, before) // they end with their session at the latest
	}
	replaceCookie(w, h.cookie(h.sessionCookie(), id, h.remembered(s)))
	st.become(id, s)
	return nil
}
