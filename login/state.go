package login

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openid-client/openid/store"
)

// state is what a request knows of its session. Handlers of one request may share it.
type state struct {
	core     *core
	mu       sync.Mutex
	id       string // of a session in the store; empty: there is none, or it is in the cookie
	s        *session
	user     *User
	provider *provider // of the session; nil before it was looked for, and where there is none
	unknown  bool      // somebody was signed in whom the application does not have, and would not be refused at the next login
}

type stateKey struct{}

func stateOf(ctx context.Context) *state {
	st, _ := ctx.Value(stateKey{}).(*state)
	return st
}

func (st *state) session() *session {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.s
}

func (st *state) become(id string, s *session) {
	st.mu.Lock()
	defer st.mu.Unlock()
	before := st.user
	st.id, st.s, st.user = id, s, nil
	if s == nil || st.provider != nil && st.provider.name != s.provider {
		st.provider = nil
	}
	if !s.signed() {
		return
	}
	st.user = &User{s: s, core: st.core}
	if before != nil && before.s.sameUser(s) {
		st.user.account = before.account
	}
}

// remembered is how long a browser that is closed keeps the cookie of s; zero: not at all.
func (c *core) remembered(s *session) time.Duration {
	if !c.cfg.Remember {
		return 0
	}
	return max(time.Until(s.started.Add(c.cfg.Lifetime)), time.Second)
}

func (c *core) sessionCookie() string { return c.cookieName(c.cfg.CookieName) }

// identify finds the session of the browser and the application's account. An error is the store's, or LoadUser's: nobody knows then whose
// request it is.
func (c *core) identify(w http.ResponseWriter, r *http.Request) (*state, error) {
	if st := stateOf(r.Context()); st != nil && st.core == c {
		return st, nil
	}
	st, err := c.recognize(w, r)
	if err == nil {
		err = c.vouched(w, r, st)
	}
	if err != nil {
		return nil, err
	}
	if st.user == nil || c.cfg.LoadUser == nil {
		return st, nil
	}
	account, err := c.cfg.LoadUser(r.Context(), st.user)
	switch {
	case errors.Is(err, ErrNoAccount):
		if err := c.dismiss(w, r, st); err != nil {
			return nil, err
		}
		st.unknown = c.cfg.OnLogin == nil
	case err != nil:
		return nil, &storeError{"Config.LoadUser", err}
	default:
		st.user.account = account
	}
	return st, nil
}

// dismiss ends the session of somebody who is no user any more.
func (c *core) dismiss(w http.ResponseWriter, r *http.Request, st *state) error {
	if st.id != "" {
		if err := c.end(r.Context(), st.id, st.s); err != nil {
			return kept(err)
		}
	}
	c.noteEnd(w, r, st.session())
	c.forget(w, c.sessionCookie())
	st.become("", nil)
	return nil
}

// vouched finds the provider of who is signed in. When the application does not have it any more the session ends.
func (c *core) vouched(w http.ResponseWriter, r *http.Request, st *state) error {
	s := st.session()
	if !s.signed() || s.provider == ownProvider {
		return nil
	}
	p, err := c.named(r, s.provider)
	switch {
	case errors.Is(err, ErrNoProvider):
		return c.dismiss(w, r, st)
	case err != nil:
		return err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.provider = p
	return nil
}

// bringsSession: there is a cookie, whatever it is worth.
func (c *core) bringsSession(r *http.Request) bool { return len(r.CookiesNamed(c.sessionCookie())) > 0 }

// recognize finds the session of the browser.
func (c *core) recognize(w http.ResponseWriter, r *http.Request) (*state, error) {
	if st := stateOf(r.Context()); st != nil && st.core == c {
		return st, nil
	}
	st := &state{core: c}
	cookies := r.CookiesNamed(c.sessionCookie())
	if len(cookies) != 1 { // two of one name: one of them is not ours
		return st, nil
	}
	if c.cfg.Stateless {
		s, renew := c.unseal(r, cookies[0].Value)
		st.become("", s)
		if renew {
			if err := c.setSealed(w, st, s); err != nil {
				c.report(r, err)
			}
		}
	} else {
		s, err := c.find(r.Context(), cookies[0].Value)
		if errors.Is(err, errRecord) || errors.Is(err, store.ErrUnreadable) {
			c.report(r, err) // it will not be read later either: the user may as well log in again
			return st, nil
		}
		if err != nil {
			return nil, &storeError{"the session cannot be read", err}
		}
		if s != nil {
			st.become(cookies[0].Value, s)
		}
	}
	return st, nil
}

// unseal reads a session out of a cookie. renew: it is to be sealed again, with the current key or the current time.
func (c *core) unseal(r *http.Request, value string) (s *session, renew bool) {
	plain, stale, ok := c.sessionSeal.open(value, c.sessionCookie())
	if !ok {
		return nil, false
	}
	s, err := decodeSession(plain)
	now := time.Now()
	if err != nil || !c.alive(s, now) || slices.Contains(c.ended(r), s.name) {
		return nil, false
	}
	renew = stale || c.due(s, now)
	if renew {
		s.seen = now
	}
	return s, renew
}

// setSealed puts the session into the cookie.
func (c *core) setSealed(w http.ResponseWriter, st *state, s *session) error {
	if s.name == "" {
		s.name = random()[:endedLength]
	}
	name := c.sessionCookie()
	value, err := c.sessionSeal.seal(s.encode(), name)
	if err != nil {
		return err
	}
	if len(name)+len(value) > maxCookie {
		return fmt.Errorf("login: the session does not fit into a cookie (%d bytes of %d); Config.Store has room", len(name)+len(value), maxCookie)
	}
	w.Header().Set("Cache-Control", "no-store")
	replaceCookie(w, c.cookie(name, value, c.remembered(s)))
	st.become("", s)
	return nil
}

// replaceCookie sets a cookie in place of one that this answer has set before.
func replaceCookie(w http.ResponseWriter, cookie *http.Cookie) {
	set := w.Header()["Set-Cookie"]
	for i, line := range set {
		if strings.HasPrefix(line, cookie.Name+"=") {
			set[i] = cookie.String()
			return
		}
	}
	http.SetCookie(w, cookie)
}

// Value is one of the values that the application keeps in the session of this browser; empty when there is none.
func Value(ctx context.Context, name string) string {
	st := stateOf(ctx)
	if st == nil {
		return ""
	}
	if s := st.session(); s != nil {
		return s.values[name]
	}
	return ""
}

var errValues = errors.New("login: too many or too large values for a session: at most 64, and 16 KiB of all together")

func valuesMistake(values map[string]string) error {
	size := 0
	for name, value := range values {
		size += len(name) + len(value)
	}
	if len(values) > maxValues || size > maxValueBytes {
		return errValues
	}
	return nil
}

// SetValue keeps a value of the application's own in the session of this browser, and starts a session without a user where there is none, which
// takes a key of the store: strangers can have as many as they like. An empty value removes it; there may be 64, of 16 KiB with their names, and less with
// [Config].Stateless. It belongs before the body of the answer, since it may set a cookie, with which nothing is cached. Values are the application's own
// business only: they survive a login, and end with a logout or when somebody else logs in.
func (h *Handler) SetValue(w http.ResponseWriter, r *http.Request, name, value string) error {
	st, err := h.recognize(w, r)
	if err != nil {
		return err
	}
	set := func(s *session) error {
		s.values = maps.Clone(s.values)
		if value == "" {
			delete(s.values, name)
		} else {
			if s.values == nil {
				s.values = map[string]string{}
			}
			s.values[name] = value
		}
		return valuesMistake(s.values)
	}
	now := time.Now()
	changed := session{started: now, seen: now}
	before := st.session()
	if before != nil {
		changed = *before
	}
	if h.cfg.Stateless || before == nil {
		if err := set(&changed); err != nil {
			return err
		}
	}
	switch {
	case before == nil && value == "":
		return nil
	case h.cfg.Stateless:
		return h.setSealed(w, st, &changed)
	case before == nil:
		id, err := h.put(r.Context(), &changed)
		if err != nil {
			return err
		}
		w.Header().Set("Cache-Control", "no-store")
		replaceCookie(w, h.cookie(h.sessionCookie(), id, h.remembered(&changed)))
		st.become(id, &changed)
		return nil
	}
	err = h.change(r.Context(), st.id, func(s *session) error {
		if err := set(s); err != nil {
			return err
		}
		changed = *s
		return nil
	})
	if err == nil {
		st.become(st.id, &changed)
	}
	return err
}
