package openidtest

import (
	"container/list"
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

const (
	maxRows    = 5000 // of each kind; the oldest is forgotten
	maxAliases = 64   // of one row: a grant that is refreshed for ever must not grow for ever
)

// table is a bounded map whose rows can be found by further keys, their aliases. It holds values: what it returns can be
// changed without harm to what it keeps.
type table[T any] struct {
	mu   sync.Mutex
	rows map[string]*row[T] // by id and by alias
	age  list.List          // of rows, oldest first
}

type row[T any] struct {
	value   T
	id      string
	aliases []string
	place   *list.Element
}

// update replaces the row, or makes it when there is none (then old is nil), in one step.
func (t *table[T]) update(id string, aliases []string, change func(old *T) (T, error)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.rows[id]
	var old *T
	if r != nil {
		old = &r.value
	}
	value, err := change(old)
	if err != nil {
		return err
	}
	if r == nil {
		r = t.add(id)
	}
	r.value = value
	for _, a := range aliases {
		if t.rows[a] != nil {
			continue
		}
		t.rows[a], r.aliases = r, append(r.aliases, a)
		if len(r.aliases) > maxAliases {
			delete(t.rows, r.aliases[0])
			r.aliases = r.aliases[1:]
		}
	}
	return nil
}

func (t *table[T]) add(id string) *row[T] {
	if t.rows == nil {
		t.rows = map[string]*row[T]{}
	}
	if t.age.Len() == maxRows {
		t.remove(t.age.Front().Value.(*row[T]))
	}
	r := &row[T]{id: id}
	t.rows[id], r.place = r, t.age.PushBack(r)
	return r
}

func (t *table[T]) remove(r *row[T]) {
	t.age.Remove(r.place)
	delete(t.rows, r.id)
	for _, a := range r.aliases {
		delete(t.rows, a)
	}
}

func (t *table[T]) put(id string, value T) error {
	return t.update(id, nil, func(*T) (T, error) { return value, nil })
}

func (t *table[T]) delete(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.rows[id]; r != nil {
		t.remove(r)
	}
}

// find returns the oldest row that matches.
func (t *table[T]) find(match func(T) bool) (value T, found bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for e := t.age.Front(); e != nil; e = e.Next() {
		if r := e.Value.(*row[T]); match(r.value) {
			return r.value, true
		}
	}
	return value, false
}

func (t *table[T]) get(key string) (value T, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.rows[key]; r != nil {
		return r.value, nil
	}
	return value, goidc.ErrNotFound
}

// storage is all that the engine stores. Its own memory keeps a hundred entries of each kind and hands out shared pointers.
type storage struct {
	requests table[goidc.AuthnSession] // authorization requests whose user has not answered yet
	grants   table[goidc.Grant]
	tokens   table[goidc.Token]
	logouts  table[goidc.LogoutSession]
	jtis     table[struct{}] // of client assertions
}

// SaveSession implements the engine's AuthManager. A request that is answered is forgotten: going back to its page must
// not yield a second code.
func (s *storage) SaveSession(_ context.Context, as *goidc.AuthnSession) error {
	elsewhere := as.DeviceCode != "" || as.AuthReqID != "" // somebody who waits will ask how it ended
	if as.Status != goidc.StatusPending && !(elsewhere && as.Status == goidc.StatusFailure) {
		s.requests.delete(as.ID)
		return nil
	}
	kept := *as
	kept.Store = maps.Clone(as.Store)
	var aliases []string
	if as.PushedAuthReqID != "" {
		aliases = append(aliases, "pushed:"+as.PushedAuthReqID)
	}
	if as.DeviceCode != "" {
		aliases = append(aliases, "device:"+as.DeviceCode, "user:"+plainCode(as.UserCode))
	}
	if as.AuthReqID != "" {
		aliases = append(aliases, "ciba:"+as.AuthReqID)
	}
	return s.requests.update(as.ID, aliases, func(*goidc.AuthnSession) (goidc.AuthnSession, error) { return kept, nil })
}

// SessionByPushedAuthReqID implements the engine's PARManager.
func (s *storage) SessionByPushedAuthReqID(ctx context.Context, id string) (*goidc.AuthnSession, error) {
	return s.Session(ctx, "pushed:"+id)
}

// Session implements the engine's AuthManager.
func (s *storage) Session(_ context.Context, id string) (*goidc.AuthnSession, error) {
	as, err := s.requests.get(id)
	as.Store = maps.Clone(as.Store)
	return &as, err
}

const grantVersion = "version" // in the Store of a grant

// SaveGrant compares and swaps. The engine loads, checks and saves a grant in three steps: without the version two
// requests could redeem one code, or use one refresh token, at the same time. Now one of them is served. The grant is
// revoked all the same, as it is when the second use comes later.
func (s *storage) SaveGrant(_ context.Context, g *goidc.Grant) error {
	var aliases []string
	if g.AuthCode != "" {
		aliases = append(aliases, "code:"+g.AuthCode)
	}
	if g.RefreshToken != "" {
		aliases = append(aliases, "refresh:"+g.RefreshToken)
	}
	if g.DeviceCode != "" {
		aliases = append(aliases, "device:"+g.DeviceCode)
	}
	if g.AuthReqID != "" {
		aliases = append(aliases, "ciba:"+g.AuthReqID)
	}
	version, _ := g.Store[grantVersion].(int)
	g.Store = maps.Clone(g.Store)
	if g.Store == nil {
		g.Store = map[string]any{}
	}
	g.Store[grantVersion] = version + 1
	late := false
	_ = s.grants.update(g.ID, aliases, func(old *goidc.Grant) (goidc.Grant, error) {
		if late = old != nil && old.Store[grantVersion] != version; late {
			return revoked(*old), nil
		}
		kept := *g
		kept.Store = maps.Clone(g.Store)
		return kept, nil
	})
	if late {
		return goidc.NewError(goidc.ErrorCodeInvalidGrant, "used by another request at the same time")
	}
	return nil
}

func revoked(g goidc.Grant) goidc.Grant {
	g.RevokedAt = int(time.Now().Unix())
	g.Store = maps.Clone(g.Store)
	g.Store[grantVersion] = -1 // no save that is under way may bring it back
	return g
}

func (s *storage) grant(key string) (*goidc.Grant, error) {
	g, err := s.grants.get(key)
	g.Store = maps.Clone(g.Store)
	return &g, err
}

// Grant implements the engine's GrantManager.
func (s *storage) Grant(_ context.Context, id string) (*goidc.Grant, error) { return s.grant(id) }

// GrantByAuthCode implements the engine's AuthManager.
func (s *storage) GrantByAuthCode(_ context.Context, code string) (*goidc.Grant, error) {
	return s.grant("code:" + code)
}

// GrantByRefreshToken implements the engine's RefreshTokenManager. It also finds tokens that were rotated away: one of
// them coming back means that two parties hold it, so the grant ends (RFC 9700, section 4.14.2).
func (s *storage) GrantByRefreshToken(ctx context.Context, token string) (*goidc.Grant, error) {
	g, err := s.grant("refresh:" + token)
	if err != nil || g.RefreshToken == token {
		return g, err
	}
	if !noteIn(ctx).tokenRequest { // introspection and revocation are no use of it
		return g, goidc.ErrNotFound
	}
	_ = s.grants.update(g.ID, nil, func(old *goidc.Grant) (goidc.Grant, error) {
		if old == nil {
			return goidc.Grant{}, goidc.ErrNotFound
		}
		return revoked(*old), nil
	})
	return g, errors.New("the refresh token was used before: its grant is revoked")
}

// SaveToken implements the engine's OpaqueTokenManager.
func (s *storage) SaveToken(_ context.Context, t *goidc.Token) error { return s.tokens.put(t.ID, *t) }

// Token implements the engine's OpaqueTokenManager.
func (s *storage) Token(_ context.Context, id string) (*goidc.Token, error) {
	t, err := s.tokens.get(id)
	return &t, err
}

// SaveLogoutSession implements the engine's LogoutManager.
func (s *storage) SaveLogoutSession(_ context.Context, l *goidc.LogoutSession) error {
	if l.Status != goidc.StatusPending {
		s.logouts.delete(l.ID)
		return nil
	}
	return s.logouts.put(l.ID, *l)
}

// LogoutSession implements the engine's LogoutManager.
func (s *storage) LogoutSession(_ context.Context, id string) (*goidc.LogoutSession, error) {
	l, err := s.logouts.get(id)
	return &l, err
}

func (s *storage) consumeJTI(_ context.Context, jti string) error {
	return s.jtis.update(jti, nil, func(old *struct{}) (struct{}, error) {
		if old != nil {
			return *old, errors.New("the jti was used before")
		}
		return struct{}{}, nil
	})
}
