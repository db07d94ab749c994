package login

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/store"
)

const (
	sessionVersion = 1
	maxValues      = 64
	maxValueBytes  = 16 << 10 // of all values together

	// touchPatience is how long a request waits for others of its session while the store does not save what they have noted.
	touchPatience = time.Second
)

// A session is what is known of one browser. Without a subject nobody is signed in, and there are only the application's values. It is not
// changed once others can see it.
type session struct {
	started   time.Time // the absolute lifetime counts from here
	seen      time.Time
	provider  string
	issuer    string
	subject   string
	signedIn  time.Time
	authTime  time.Time // as the provider said; zero: it did not
	acr       string
	sessionID string // the provider's name for its session: sid
	scope     string
	tokens    string // the key of the token source; empty: there are none
	renewable bool   // there was a refresh token
	proof     string // the ID Token, as openid.Tokens keep it
	name      string // of a session in a cookie, for when it has ended
	values    map[string]string
}

func (s *session) signed() bool { return s != nil && s.subject != "" }

// sameUser: also at the same provider, since whoever sets up one may name the issuer of another.
func (s *session) sameUser(t *session) bool {
	return s.signed() && t.signed() && s.provider == t.provider && s.issuer == t.issuer && s.subject == t.subject
}

// tag stands for the user in an attempt.
func (s *session) tag() string {
	return stateTag(string(appendString(appendString(appendString(nil, s.provider), s.issuer), s.subject)))
}

func (s *session) encode() []byte {
	b := append(make([]byte, 0, 512+len(s.proof)), sessionVersion)
	for _, t := range []time.Time{s.started, s.seen, s.signedIn, s.authTime} {
		b = appendTime(b, t)
	}
	for _, text := range []string{s.provider, s.issuer, s.subject, s.acr, s.sessionID, s.scope, s.tokens, strconv.FormatBool(s.renewable), s.proof, s.name, strconv.Itoa(len(s.values))} {
		b = appendString(b, text)
	}
	for _, name := range slices.Sorted(maps.Keys(s.values)) {
		b = appendString(appendString(b, name), s.values[name])
	}
	return b
}

func decodeSession(b []byte) (*session, error) {
	r, s := newReader(b, sessionVersion), new(session)
	for _, t := range []*time.Time{&s.started, &s.seen, &s.signedIn, &s.authTime} {
		*t = r.time()
	}
	var renewable string
	for _, text := range []*string{&s.provider, &s.issuer, &s.subject, &s.acr, &s.sessionID, &s.scope, &s.tokens, &renewable, &s.proof, &s.name} {
		*text = r.text()
	}
	s.renewable = renewable == "true"
	if n := r.count(); n > 0 {
		s.values = make(map[string]string, n)
		for range n {
			name := r.text()
			s.values[name] = r.text()
		}
	}
	if !r.done() {
		return nil, errRecord
	}
	return s, nil
}

// alive judges both lifetimes; the store's own is only for cleaning up. Providers that are loaded are judged by vouched.
func (c *core) alive(s *session, now time.Time) bool {
	return now.Before(s.started.Add(c.cfg.Lifetime)) && now.Before(s.seen.Add(c.cfg.IdleLifetime)) &&
		(!s.signed() || s.provider == ownProvider || c.loader != nil || c.provider(s.provider) != nil)
}

// due: it is time to note that the session is in use. Not every request is worth a write.
func (c *core) due(s *session, now time.Time) bool { return now.Sub(s.seen) >= c.touchEvery }

// left is how long the store keeps s.
func (c *core) left(s *session, now time.Time) time.Duration {
	return max(min(c.cfg.IdleLifetime, s.started.Add(c.cfg.Lifetime).Sub(now)), time.Second)
}

// storeKey is where the session with this id lies: whoever reads the store learns no id.
func (c *core) storeKey(id string) string {
	b := appendString(append(make([]byte, 0, 128), c.base...), id)
	sum := sha256.Sum256(b)
	key := append(make([]byte, 0, len("session:")+randomLength), "session:"...)
	return string(base64.RawURLEncoding.AppendEncode(key, sum[:]))
}

// find reads the session with this id. nil, nil: there is none, or not any more.
func (c *core) find(ctx context.Context, id string) (*session, error) {
	if len(id) != randomLength {
		return nil, nil
	}
	b, err := c.store.Get(ctx, c.storeKey(id))
	if err != nil || b == nil {
		return nil, err
	}
	s, err := decodeSession(b)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	if !c.alive(s, now) {
		return nil, nil
	}
	if c.due(s, now) {
		ctx, cancel := context.WithTimeout(ctx, touchPatience)
		defer cancel()
		_ = c.touch(ctx, id) // it will be noted with a later request if it cannot be now
	}
	return s, nil
}

// touch notes that the session is in use. Of many requests at once, one does.
func (c *core) touch(ctx context.Context, id string) error {
	return c.change(ctx, id, func(s *session) error {
		if !c.due(s, time.Now()) {
			return errTouched
		}
		return nil
	})
}

var errTouched = errors.New("login: another request was faster")

// errEnded: somebody has logged out, or in, meanwhile.
var errEnded = errors.New("login: the session has ended meanwhile")

// change lets f change the session with this id, and notes that it is in use. A session that has ended stays so: a change never brings one back.
func (c *core) change(ctx context.Context, id string, f func(*session) error) error {
	err := c.store.Update(ctx, c.storeKey(id), func(_ context.Context, held *store.Held) (store.Change, error) {
		now := time.Now()
		if held.Value == nil {
			return store.Change{}, errEnded
		}
		s, err := decodeSession(held.Value)
		if err != nil {
			return store.Change{}, err
		}
		if !c.alive(s, now) {
			return store.Change{}, errEnded
		}
		if err := f(s); err != nil {
			return store.Change{}, err
		}
		s.seen = now
		return store.Put(s.encode(), c.left(s, now)), nil
	})
	if errors.Is(err, store.ErrLost) {
		return errEnded
	}
	return err
}

// put starts a session under a new id.
func (c *core) put(ctx context.Context, s *session) (id string, err error) {
	id = random()
	added, err := c.store.Add(ctx, c.storeKey(id), s.encode(), c.left(s, time.Now()))
	if err == nil && !added {
		err = errors.New("login: a new session id is taken")
	}
	return id, err
}

// replace removes the session with this id, which another one stands for from now on: once it has ended that is [errEnded], and the other one must
// not go on for it.
func (c *core) replace(ctx context.Context, id string) error {
	err := c.store.Update(ctx, c.storeKey(id), func(_ context.Context, held *store.Held) (store.Change, error) {
		if held.Value == nil {
			return store.Change{}, errEnded
		}
		return store.Remove(), nil
	})
	if errors.Is(err, store.ErrLost) {
		return errEnded
	}
	return err
}

// end removes a session and its tokens. What cannot be removed is an error: it would go on. The session goes last, so that all of it can be repeated.
func (c *core) end(ctx context.Context, id string, s *session) error {
	if err := c.forgetTokens(ctx, s); err != nil {
		return err
	}
	return c.store.Delete(ctx, c.storeKey(id))
}

// forgetTokens leaves them to the store, which forgets them at the session's own end, where there is no client any more to name them.
func (c *core) forgetTokens(ctx context.Context, s *session) error {
	if s.tokens == "" {
		return nil
	}
	p, _, err := c.look(ctx, s.provider)
	if err != nil {
		return nil
	}
	return p.client.TokenSource(s.tokens, nil).Forget(ctx)
}

// idToken decodes the proof.
func (s *session) idToken() *openid.IDToken {
	t := new(openid.Tokens)
	if s.proof == "" || t.UnmarshalBinary([]byte(s.proof)) != nil {
		return nil
	}
	return t.IDToken
}

// proofOf keeps an ID Token: its encoding is the one of tokens.
func proofOf(t *openid.IDToken) (string, error) {
	if t == nil {
		return "", nil
	}
	b, err := (&openid.Tokens{IDToken: t}).MarshalBinary()
	return string(b), err
}
