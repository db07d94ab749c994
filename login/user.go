package login

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/openid-client/openid"
)

// A User is somebody who is signed in.
type User struct {
	s       *session
	core    *core
	account any
	info    any
}

// ErrNoAccount is what [Config].LoadUser returns for a user whom the application does not have, or not any more: the session ends.
var ErrNoAccount = errors.New("login: the application has no such user")

// UserFrom is who the request is from; nil when nobody is signed in, or when neither [Handler.Require] nor [Handler.Optional] stands in front.
func UserFrom(ctx context.Context) *User {
	st := stateOf(ctx)
	if st == nil {
		return nil
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.user
}

// Subject is the user's key, both parts together: a subject means something at its issuer only. An e-mail address is no key.
func (u *User) Subject() (issuer, subject string) { return u.s.issuer, u.s.subject }

// Provider is the Name of the provider at which the user has logged in; empty for one without a name, and where the application itself vouches.
func (u *User) Provider() string {
	if u.s.provider == ownProvider {
		return ""
	}
	return u.s.provider
}

// IDToken is the verified ID Token of the login, for [openid.Claims]; nil for a login without one, and with [Config].Stateless.
func (u *User) IDToken() *openid.IDToken { return u.s.idToken() }

// SignedIn is when the user came from the provider.
func (u *User) SignedIn() time.Time { return u.s.signedIn }

// AuthTime is when the user last proved to the provider who they are; zero when it did not say.
func (u *User) AuthTime() time.Time { return u.s.authTime }

// ACR is the class of that authentication; empty when the provider did not say.
func (u *User) ACR() string { return u.s.acr }

// Scope is what was granted.
func (u *User) Scope() []string { return strings.Fields(u.s.scope) }

// Account is what [Config].LoadUser returned for this request.
func (u *User) Account() any { return u.account }

// Info is what a [Strategy] knows beside the identity, in the request in which it succeeded.
func (u *User) Info() any { return u.info }

// String names the user and shows nothing else.
func (u *User) String() string {
	if u == nil || u.s == nil {
		return "nobody"
	}
	return fmt.Sprintf("user %q of %q", u.s.subject, u.s.issuer)
}

// Format writes what String says, for every verb.
func (u *User) Format(f fmt.State, _ rune) { fmt.Fprint(f, u.String()) }

// MarshalText shows what String says; JSON encoders and log/slog use it.
func (u *User) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// TokenSource is where the user's tokens come from, fresh: of all requests and processes one refreshes. Its HTTPClient calls APIs as the
// user. When the provider refuses to refresh them the session ends: the error is an [openid.ErrLoginRequired], and the next request is sent
// to the login. Without a refresh token, which [Config].Scope is about, the error is the same when the access token has expired, and the session
// goes on: [Handler.Start] brings new tokens. Nil when nobody is signed in, or not at a provider.
func TokenSource(ctx context.Context) *openid.TokenSource {
	st := stateOf(ctx)
	if st == nil || st.core == nil {
		return nil
	}
	st.mu.Lock()
	id, s, p := st.id, st.s, st.provider
	st.mu.Unlock()
	switch {
	case p == nil || !s.signed():
		return nil
	case s.tokens == "":
		return p.client.TokenSource(random(), noTokens{})
	}
	end := &endGrant{core: st.core, id: id}
	var grant openid.Grant
	if s.renewable {
		grant = end
	}
	source := st.core.tokenSource(p, s, grant)
	source.Observe(func(ctx context.Context, change openid.TokenChange) {
		var refused *openid.LoginRequiredError
		if change.Kind == openid.TokensRefused && errors.As(change.Err, &refused) {
			end.refused.Store(refused)
			_ = end.session(ctx) // or with the next one who finds that there are no tokens
		}
	})
	return source
}

// tokenSource makes one for this request: what another process has changed since is in the store, not in a cache here.
func (c *core) tokenSource(p *provider, s *session, grant openid.Grant) *openid.TokenSource {
	source := p.client.TokenSource(s.tokens, grant)
	source.KeepUntil(s.started.Add(c.cfg.Lifetime))
	return source
}

// endGrant is the grant of a session whose tokens could be refreshed, and are gone: the session ends.
type endGrant struct {
	core    *core
	id      string
	refused atomic.Pointer[openid.LoginRequiredError]
}

func (g *endGrant) session(ctx context.Context) error {
	return g.core.store.Delete(context.WithoutCancel(ctx), g.core.storeKey(g.id))
}

// Obtain implements [openid.Grant].
func (g *endGrant) Obtain(ctx context.Context, _ *openid.Client) (*openid.Tokens, error) {
	if err := g.session(ctx); err != nil {
		return nil, &openid.StoreError{Err: err}
	}
	if refused := g.refused.Load(); refused != nil {
		return nil, refused
	}
	return nil, &openid.LoginRequiredError{}
}

// noTokens is the grant of a session that has none.
type noTokens struct{}

var errNoTokens = errors.New("login: this session has no tokens (Config.Stateless keeps none)")

// Obtain implements [openid.Grant].
func (noTokens) Obtain(context.Context, *openid.Client) (*openid.Tokens, error) {
	return nil, errNoTokens
}
