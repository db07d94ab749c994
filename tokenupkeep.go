package openid

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/openid-client/openid/store"
)

// An unattendedGrant needs no user and may be used again and again: it is obtained under the lease, by one caller among all processes.
type unattendedGrant interface {
	Grant
	unattended()
}

func (ClientCredentials) unattended() {}
func (JWTBearer) unattended()         {}
func (SAMLBearer) unattended()        {}
func (TokenExchange) unattended()     {}
func (CustomGrant) unattended()       {}
func (RefreshToken) unattended()      {}

// An outcome is what the holder of the lease came to.
type outcome struct {
	tokens *Tokens
	began  time.Time
	kind   string // of the change; empty: none
	err    error
}

// renew finds tokens in the store that are good and not the rejected ones, or makes some.
func (s *TokenSource) renew(ctx context.Context, rejected *keptTokens) (*keptTokens, error) {
	epoch := s.generation()
	ctx = s.c.newFlow(ctx)
	b, err := s.c.store.Get(ctx, s.key)
	if err != nil {
		return nil, s.fail(ctx, &StoreError{err})
	}
	r, err := readTokenRecord(b)
	if err != nil {
		return nil, s.fail(ctx, &StoreError{err})
	}
	// Those who find good tokens need no lease. If they are not fresh any more, that is for the background.
	if k, err := s.usable(r, rejected, (*keptTokens).good); err != nil {
		return nil, err
	} else if k != nil {
		s.take(k, epoch)
		s.tell(ctx, TokenChange{Kind: TokensLoaded, Tokens: k.tokens})
		return k, nil
	}
	// Nor do those for whom there is nothing to do, and what everybody needs is there before the lease is.
	if !r.refreshable() && s.standIn(r) == nil {
		return nil, &LoginRequiredError{}
	}
	if _, err := s.c.current(ctx); err != nil {
		return nil, s.fail(ctx, err)
	}
	for range 3 {
		var o outcome
		err := s.c.store.Update(ctx, s.key, func(ctx context.Context, held *store.Held) (store.Change, error) {
			return s.hold(ctx, held, rejected, &o)
		})
		if errors.Is(err, store.ErrLost) && o.tokens == nil || errors.Is(o.err, store.ErrLost) {
			continue // somebody else has been faster: nothing was sent, or it does not count; see what there is now
		}
		return s.settle(ctx, epoch, &o, err)
	}
	return nil, s.fail(ctx, &StoreError{store.ErrLost})
}

// usable returns what can be handed out as it is.
func (s *TokenSource) usable(r *tokenRecord, rejected *keptTokens, enough func(*keptTokens, time.Time) bool) (*keptTokens, error) {
	if r.tokens == nil {
		return nil, nil
	}
	k, err := s.keep(r.tokens, r.obtained)
	if err != nil {
		return nil, err
	}
	if k.covers(rejected) || !enough(k, k.now()) {
		return nil, nil
	}
	return k, nil
}

// hold does the work that one of all processes does.
func (s *TokenSource) hold(ctx context.Context, held *store.Held, rejected *keptTokens, o *outcome) (store.Change, error) {
	o.began = time.Now()
	r, err := readTokenRecord(held.Value)
	if err != nil {
		o.err = &StoreError{err}
		return store.Change{}, nil
	}
	k, err := s.usable(r, rejected, (*keptTokens).fresh)
	switch {
	case err != nil:
		o.err = err
		return store.Change{}, nil
	case k != nil:
		o.tokens, o.began, o.kind = k.tokens, k.obtained, TokensLoaded
		return store.Change{}, nil
	}
	if o.err = r.noted(time.Now()); o.err != nil {
		return store.Change{}, nil
	}
	dirty := s.refresh(ctx, held, r, o)
	switch {
	case errors.Is(o.err, store.ErrLost): // it was not sent
		return store.Change{}, nil
	case o.err == nil:
		r = &tokenRecord{tokens: o.tokens, obtained: o.began, spent: r.spent}
	case o.kind == TokensRefused && r.spent == "":
		return store.Remove(), nil
	case o.kind == TokensRefused:
		r = &tokenRecord{spent: r.spent}
	case !r.note(o.err, dirty, time.Now()):
		return store.Change{}, nil
	}
	b, err := r.encode()
	if err != nil {
		return store.Change{}, err
	}
	return store.Put(b, s.lifetime(r, time.Now())), nil
}

// refresh uses the refresh token, which nobody else may have used meanwhile, and then the grant. It reports whether r was changed.
func (s *TokenSource) refresh(ctx context.Context, held *store.Held, r *tokenRecord, o *outcome) (dirty bool) {
	var refused error
	unsure := false
	if r.refreshable() {
		g := s.policy()
		g.Token, g.Previous = Secret{}, r.tokens
		o.kind = TokensRefreshed
		r.unsure = r.unsure || held.TakenOver
		if dirty = s.use(ctx, held, g, r, o) || r.unsure; !errors.Is(o.err, ErrInvalidGrant) {
			return dirty
		}
		refused, unsure, o.kind = o.err, r.unsure, TokensRefused
		used := r.tokens.RefreshToken
		r.replaceRefreshToken(r.tokens, Secret{}) // if the grant fails now, it is not sent again
		if seed := s.policy().token(); seed.Equal(used) {
			r.spent = seedDigest(seed)
		}
	}
	switch g := s.standIn(r).(type) {
	case nil:
		o.tokens, o.err = nil, &LoginRequiredError{Err: refused, Unsure: unsure}
	case RefreshToken:
		o.kind = TokensObtained
		dirty = s.use(ctx, held, g, r, o)
		if errors.Is(o.err, ErrInvalidGrant) {
			o.err, o.kind = &LoginRequiredError{Err: o.err, Unsure: r.unsure}, TokensRefused
		}
		if o.err == nil || o.kind == TokensRefused || r.refreshable() {
			r.spent = seedDigest(g.token())
		}
	default:
		o.tokens, o.err = g.Obtain(ctx, s.c)
		o.kind = TokensObtained
	}
	return dirty || refused != nil
}

// use sends a refresh token. It reports whether that changed r.
func (s *TokenSource) use(ctx context.Context, held *store.Held, g RefreshToken, r *tokenRecord, o *outcome) bool {
	var sent atomic.Bool
	var issued Secret
	o.tokens, o.err = g.obtain(ctx, s.c, &refreshWatch{
		confirm: func() error {
			err := held.Check()
			if err == nil {
				sent.Store(true)
			}
			return err
		},
		issued: func(next Secret) { issued = next },
	})
	var judged *VerificationError
	var refused *ResponseError
	switch failed, ok := o.err.(*ExchangeError); {
	case o.err == nil || !sent.Load() || errors.As(o.err, &refused) || ok && !failed.Sent:
		return false
	case errors.As(o.err, &judged) && judged.Err != nil && !issued.IsEmpty():
		// What came could not be judged, since the server's keys are not to be had. The refresh token in it is the one that counts now.
		r.replaceRefreshToken(g.Previous, issued)
	default:
		r.unsure = true
	}
	return true
}

// policy is how to refresh, as far as a grant of that kind says it.
func (s *TokenSource) policy() RefreshToken {
	g, _ := s.grant.(RefreshToken)
	return g
}

// standIn is the grant that needs no user; nil where there is none that could work.
func (s *TokenSource) standIn(r *tokenRecord) unattendedGrant {
	g, _ := s.grant.(unattendedGrant)
	if seed, ok := g.(RefreshToken); ok && (seed.token().IsEmpty() || seedDigest(seed.token()) == r.spent) {
		return nil
	}
	return g
}

// settle makes of the outcome what callers and observers get. err is the store's.
func (s *TokenSource) settle(ctx context.Context, epoch int, o *outcome, err error) (*keptTokens, error) {
	if o.err == nil && o.tokens == nil { // nothing was done
		return nil, s.fail(ctx, &StoreError{err})
	}
	if o.err != nil {
		if o.kind == TokensRefused {
			s.take(nil, epoch)
			s.tell(ctx, TokenChange{Kind: TokensRefused, Err: o.err})
			return nil, o.err
		}
		if errors.Is(o.err, ErrLoginRequired) { // nobody was asked
			return nil, o.err
		}
		return nil, s.fail(ctx, o.err)
	}
	k, keyErr := s.keep(o.tokens, o.began)
	if keyErr != nil {
		return nil, keyErr
	}
	if err == nil {
		s.take(k, epoch)
		s.tell(ctx, TokenChange{Kind: o.kind, Tokens: k.tokens})
		return k, nil
	}
	if !errors.Is(err, store.ErrLost) {
		s.take(k, epoch)
	}
	return nil, s.unsaved(ctx, k, err)
}

// unsaved hands on what only this process has.
func (s *TokenSource) unsaved(ctx context.Context, k *keptTokens, err error) error {
	unsaved := &UnsavedError{Tokens: k.tokens, Err: err}
	s.tell(ctx, TokenChange{Kind: TokensUnsaved, Tokens: k.tokens, Err: unsaved})
	return unsaved
}

func (s *TokenSource) save(ctx context.Context, t *Tokens, kind string) (*keptTokens, error) {
	began := time.Now()
	k, err := s.keep(t, began)
	if err != nil {
		return nil, &UnsavedError{Tokens: t, Err: err}
	}
	r := &tokenRecord{tokens: t, obtained: began}
	epoch := s.drop()
	b, err := r.encode()
	if err == nil {
		err = s.c.store.Update(ctx, s.key, func(context.Context, *store.Held) (store.Change, error) {
			epoch = s.drop() // in the order of the leases: the last one to save is the one that is cached
			return store.Put(b, s.lifetime(r, began)), nil
		})
	}
	if !errors.Is(err, store.ErrLost) {
		s.replace(k, epoch)
	}
	if err != nil {
		return nil, s.unsaved(ctx, k, err)
	}
	s.tell(ctx, TokenChange{Kind: kind, Tokens: t})
	return k, nil
}

// A failure is the last one, for a while: who comes right after it gets it too, instead of asking a server in trouble again.
type failure struct {
	err   error
	until time.Time     // for those who wait
	quiet time.Time     // for what goes on in the background
	pause time.Duration // doubled each time
}

const (
	maxQuiet    = 30 * time.Second
	maxObedient = time.Minute // how long Retry-After is obeyed
)

func (s *TokenSource) recentFailure(background bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	until := s.failed.until
	if background {
		until = s.failed.quiet
	}
	if time.Now().Before(until) {
		return s.failed.err
	}
	return nil
}

// fail remembers what the server or the store answered and passes it on.
func (s *TokenSource) fail(ctx context.Context, err error) error {
	s.mu.Lock()
	if now := time.Now(); ctx.Err() == nil { // who was left alone has not failed
		f := &s.failed
		f.err, f.pause = err, min(max(2*f.pause, noteFor), maxQuiet)
		f.until, f.quiet = now.Add(max(noteFor, obeyed(err))), now.Add(max(f.pause, obeyed(err)))
	}
	s.mu.Unlock()
	s.tell(ctx, TokenChange{Kind: TokensFailed, Err: err})
	return err
}

// obeyed is how long the server asks to be left alone, within reason.
func obeyed(err error) time.Duration {
	var refused *ResponseError
	var failed *ExchangeError
	switch {
	case errors.As(err, &refused):
		return min(refused.RetryAfter, maxObedient)
	case errors.As(err, &failed):
		return min(failed.RetryAfter, maxObedient)
	}
	return 0
}
