package openid

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openid-client/openid/internal/endpoint"
)

// A TokenSource keeps the tokens of one key fresh: of a user, or of the application itself. They are cached, refreshed before they expire,
// in the background while the old ones are good, and by one caller only among all that share [Config.Store], in whatever process; what the
// server answered is in the store before anybody has it. Make one with [Client.TokenSource] and keep it; it is safe for concurrent use.
//
// Errors of its methods: *[LoginRequiredError] when the user has to log in again; *[ResponseError], *[ExchangeError] and
// *[VerificationError] of the refresh; *[StoreError] when the store failed and nothing was asked of the server; *[UnsavedError] when the
// server answered and the store did not.
type TokenSource struct {
	c     *Client
	key   string // in the store
	grant Grant
	part  float64 // of the margin, by chance: processes that share a key do not all come at once

	kept   atomic.Pointer[keptTokens]
	behind atomic.Bool                  // a refresh in the background is under way
	upkeep endpoint.Flight[*keptTokens] // whatever needs nobody
	login  endpoint.Flight[*keptTokens] // a grant that may wait for a user

	mu        sync.Mutex
	until     time.Time
	epoch     int // counts what Save and Forget did: what was on its way before is not kept after
	failed    failure
	observers []func(context.Context, TokenChange)
}

// TokenSource returns the source of the tokens that are kept under key, which names whose they are: a user's subject, a session, an API.
// grant obtains tokens where there are none, or where the refresh token is not accepted any more: [ClientCredentials], [TokenExchange] and
// the like by one caller among all processes, [Device], [CIBA] and grants of the caller's own while somebody waits for them. With a nil
// grant there is what [TokenSource.Save] put there, until the user has to log in again. A [RefreshToken] says how to refresh what is there,
// by its Scope, Resource and Extra, and its token, if it has one, is used once to begin with.
//
// Two sources of one key share the tokens, and so must ask for the same. It does no I/O.
func (c *Client) TokenSource(key string, grant Grant) *TokenSource {
	if g, _ := grant.(*RefreshToken); g != nil {
		grant = *g
	}
	return &TokenSource{c: c, key: c.storeKey("tokens", key), grant: grant, part: rand.Float64()}
}

const (
	maxMargin      = 5 * time.Minute  // how early tokens are refreshed in the background at most
	maxLeeway      = 10 * time.Second // how long before their end they are not handed out any more, at most
	wallClockEvery = time.Second      // how long the cheap clock is believed, which stands still while the machine sleeps
	upkeepTimeout  = 2 * time.Minute  // of a refresh with the wait for its turn
	loginTimeout   = time.Hour
)

// keptTokens are tokens with the times that govern them, by the wall clock.
type keptTokens struct {
	tokens   *Tokens
	key      proofKey
	obtained time.Time
	early    time.Time // from here on they are refreshed in the background; zero: the server does not say when they end
	late     time.Time // from here on they are not handed out

	since time.Time    // when this process kept them, with the cheap clock's reading
	wall  time.Time    // the same without it
	until atomic.Int64 // nanoseconds after since
}

// keep plans for t. The margins are parts of the lifetime, so that tokens of a minute work as well.
func (s *TokenSource) keep(t *Tokens, obtained time.Time) (*keptTokens, error) {
	now := time.Now()
	k := &keptTokens{tokens: t, obtained: obtained, since: now, wall: now.Round(0)}
	var err error
	if k.key, err = s.c.cfg.DPoP.restore(t.keyRecord()); err != nil || t.Expiry.IsZero() {
		return k, err
	}
	lifetime := max(t.Expiry.Sub(obtained), 0)
	k.late = t.Expiry.Add(-min(lifetime/20, maxLeeway))
	if least := obtained.Add(noteFor); k.late.Before(least) && !t.Expiry.Before(obtained) {
		k.late = least // a server that says 0 is asked once a second at most
	}
	k.early = k.late
	if margin := min(lifetime/5, maxMargin); margin > 0 && s.renewable(t) {
		k.early = t.Expiry.Add(-margin/2 - time.Duration(s.part*float64(margin/2)))
	}
	// What was obtained in the future was so by a clock that was ahead, as much as it was for their end.
	if ahead := obtained.Sub(now); ahead > 0 {
		k.early, k.late = k.early.Add(-ahead), k.late.Add(-ahead)
	}
	return k, nil
}

// now is the later of what two clocks make of the time since then: one stands still while the machine sleeps, the other may be set back.
func (k *keptTokens) now() time.Time {
	now := time.Now()
	if passed := k.wall.Add(now.Sub(k.since)); passed.After(now.Round(0)) {
		return passed
	}
	return now.Round(0)
}

func (k *keptTokens) good(now time.Time) bool {
	return k.shows() && (k.late.IsZero() || now.Before(k.late))
}
func (k *keptTokens) fresh(now time.Time) bool {
	return k.shows() && (k.early.IsZero() || now.Before(k.early))
}

// shows: there is an access token. What was saved may be a refresh token only.
func (k *keptTokens) shows() bool { return !k.tokens.AccessToken.IsEmpty() }

// covers: these are the tokens that were rejected. A server may well give the same access token again, and that is its answer then.
func (k *keptTokens) covers(rejected *keptTokens) bool {
	return rejected != nil && k.tokens.AccessToken.Equal(rejected.tokens.AccessToken) && k.obtained.UnixMilli() <= rejected.obtained.UnixMilli()
}

// Token returns tokens that are good now; while they are it costs next to nothing. They are shared: change nothing in them. ctx bounds how
// long this caller waits; a refresh that others wait for, or whose answer may be the only copy, goes on without it.
func (s *TokenSource) Token(ctx context.Context) (*Tokens, error) {
	if k := s.kept.Load(); k != nil && int64(time.Since(k.since)) < k.until.Load() {
		return k.tokens, nil
	}
	k, err := s.current(ctx)
	if err != nil {
		return nil, err
	}
	return k.tokens, nil
}

// Replace returns other tokens than old, which somebody refused, or which do not say any more what the user may do, however good they look: what has
// taken their place already, or fresh ones, for which one caller among all that share the store refreshes. With a nil old, others than there are now.
// [TokenSource.HTTPClient] does this by itself.
func (s *TokenSource) Replace(ctx context.Context, old *Tokens) (*Tokens, error) {
	k, err := s.current(ctx)
	if err == nil && (old == nil || k.tokens.AccessToken.Equal(old.AccessToken)) {
		k, err = s.obtain(ctx, k)
	}
	if err != nil {
		return nil, err
	}
	return k.tokens, nil
}

func (s *TokenSource) current(ctx context.Context) (*keptTokens, error) {
	k := s.kept.Load()
	if k != nil {
		now := k.now()
		switch {
		case k.fresh(now):
			good := wallClockEvery
			if !k.early.IsZero() {
				good = min(good, k.early.Sub(now))
			}
			k.until.Store(int64(time.Since(k.since) + good))
			return k, nil
		case k.good(now):
			s.renewBehind(ctx, k)
			return k, nil
		}
	}
	k, err := s.obtain(ctx, k)
	if err == nil && !k.fresh(k.now()) { // found in the store
		s.renewBehind(ctx, k)
	}
	return k, err
}

// renewBehind starts a refresh that nobody waits for. What comes of it, its failure too, is for observers.
func (s *TokenSource) renewBehind(ctx context.Context, old *keptTokens) {
	if s.recentFailure(true) != nil || !s.behind.CompareAndSwap(false, true) {
		return
	}
	ctx = context.WithoutCancel(ctx)
	go func() {
		defer s.behind.Store(false)
		_, _ = s.upkeep.Do(ctx, upkeepTimeout, func(ctx context.Context) (*keptTokens, error) { return s.renew(ctx, old) })
	}()
}

// obtain waits for tokens that are good and not the rejected ones, which have expired or were refused.
func (s *TokenSource) obtain(ctx context.Context, rejected *keptTokens) (*keptTokens, error) {
	k, err := s.share(ctx, rejected)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = fmt.Errorf("openid: token source: waiting for tokens: %w", err)
	}
	return k, err
}

// share does what others do at the same time together with them.
func (s *TokenSource) share(ctx context.Context, rejected *keptTokens) (*keptTokens, error) {
	for range 3 {
		if err := s.recentFailure(false); err != nil {
			return nil, err
		}
		k, err := s.upkeep.Do(ctx, upkeepTimeout, func(ctx context.Context) (*keptTokens, error) { return s.renew(ctx, rejected) })
		if _, unattended := s.grant.(unattendedGrant); errors.Is(err, ErrLoginRequired) && s.grant != nil && !unattended {
			k, err = s.login.DoWhileWanted(ctx, loginTimeout, func(ctx context.Context) (*keptTokens, error) { return s.logIn(ctx, rejected) })
			if err == nil && !k.shows() {
				continue // it brought a refresh token only
			}
			return k, err
		}
		if err != nil || !k.covers(rejected) {
			return k, err
		}
		// The refresh that was joined knew nothing of the rejection.
	}
	return nil, errors.New("openid: token source: no other tokens could be had")
}

// logIn obtains tokens by a grant that may wait for a user, unless others have just done so. They are saved although the user's patience may
// end meanwhile.
func (s *TokenSource) logIn(ctx context.Context, rejected *keptTokens) (*keptTokens, error) {
	if k := s.kept.Load(); k != nil && k.good(k.now()) && !k.covers(rejected) {
		return k, nil
	}
	t, err := s.grant.Obtain(s.c.newFlow(ctx), s.c)
	if err == nil {
		err = s.keepable(t)
	}
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return s.save(context.WithoutCancel(ctx), t, TokensObtained)
}

// keepable says why t has no place here.
func (s *TokenSource) keepable(t *Tokens) error {
	if t == nil || t.AccessToken.IsEmpty() && t.RefreshToken.IsEmpty() {
		return errors.New("openid: token source: there is neither an access token nor a refresh token")
	}
	return s.c.own(t.issuer, t.IDToken)
}

// Save puts tokens there that came on another way, such as [Client.Callback], in place of what was there before: t is shared from then on,
// change nothing in it. When it returns nil they are in the store. Otherwise the error says why they have no place there, or it is an
// *[UnsavedError] with t in it.
func (s *TokenSource) Save(ctx context.Context, t *Tokens) error {
	if err := s.keepable(t); err != nil {
		return err
	}
	if !t.AccessToken.IsEmpty() {
		if err := presentable(t); err != nil {
			return err
		}
	}
	_, err := s.save(ctx, t, TokensSaved)
	return err
}

// Forget removes the tokens, here and in the store, also those that a refresh under way is about to bring. To tell the server, use
// [Client.Revoke] before. Other processes may hand out what they have cached until they refresh it.
func (s *TokenSource) Forget(ctx context.Context) error {
	s.drop()
	err := s.c.store.Delete(ctx, s.key)
	s.drop()
	if err != nil {
		return &StoreError{err}
	}
	s.tell(ctx, TokenChange{Kind: TokensForgotten})
	return nil
}

// drop forgets what is cached, and what is on its way. It returns the generation that begins.
func (s *TokenSource) drop() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
	s.failed = failure{}
	s.kept.Store(nil)
	return s.epoch
}

// generation counts what Save and Forget did.
func (s *TokenSource) generation() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epoch
}

// take caches k unless Save or Forget came in between.
func (s *TokenSource) take(k *keptTokens, epoch int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch == epoch {
		s.failed = failure{}
		s.kept.Store(k)
	}
}

// replace caches k, for which the generation epoch began, over what was read meanwhile.
func (s *TokenSource) replace(k *keptTokens, epoch int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch == epoch {
		s.epoch++
		s.failed = failure{}
		s.kept.Store(k)
	}
}

// renewable: there is a way to fresh tokens in which nobody has to take part.
func (s *TokenSource) renewable(t *Tokens) bool {
	r := tokenRecord{tokens: t}
	return r.refreshable() || s.standIn(&r) != nil
}

// KeepUntil has the store forget, at end, what this source puts there: the tokens of a session that then is over. The zero time, as without
// it, keeps them for as long as they may be of use.
func (s *TokenSource) KeepUntil(end time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = end
}

// lifetime is how long the store keeps r.
func (s *TokenSource) lifetime(r *tokenRecord, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.until.IsZero() {
		return r.lifetime(now)
	}
	return max(min(r.lifetime(now), s.until.Sub(now)), time.Second)
}

// String names the client and shows nothing of what the source holds.
func (s *TokenSource) String() string { return "openid.TokenSource of " + s.c.String() }

// Format writes what String says, for every verb.
func (s *TokenSource) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// MarshalText shows what String says; JSON encoders and log/slog use it.
func (s *TokenSource) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
