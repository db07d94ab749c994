package openid

import (
	"context"
	"slices"
)

// Kinds of [TokenChange].
const (
	TokensObtained  = "obtained"  // by the source's grant
	TokensRefreshed = "refreshed" // by their refresh token
	TokensSaved     = "saved"     // by TokenSource.Save
	TokensLoaded    = "loaded"    // from the store, where another process or source had put them
	TokensForgotten = "forgotten" // by TokenSource.Forget
	TokensRefused   = "refused"   // the server does not accept the refresh token any more; they are removed
	TokensUnsaved   = "unsaved"   // the server answered, and the store did not: Err is an *UnsavedError
	TokensFailed    = "failed"    // a refresh or the grant failed, and those there are stay
)

// A TokenChange is what observers of a [TokenSource] hear. It shows no token when printed; Tokens has them.
type TokenChange struct {
	Kind   string  // TokensObtained, …
	Tokens *Tokens // those that are there now; nil where there are none
	Err    error
}

// Observe calls f for each change that this source makes or finds, before callers who wait for it go on, in the goroutine that made it. f
// must return soon and not use the source. What the store holds needs no observer; it is for logs, metrics and user interfaces.
func (s *TokenSource) Observe(f func(context.Context, TokenChange)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.observers = append(s.observers, f)
}

func (s *TokenSource) tell(ctx context.Context, change TokenChange) {
	s.mu.Lock()
	observers := slices.Clip(s.observers)
	s.mu.Unlock()
	for _, f := range observers {
		f(ctx, change)
	}
}
