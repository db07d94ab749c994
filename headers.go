package openid

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/openid-client/openid/internal/jose"
)

// verifiedHeaders remembers the JOSE headers of tokens that verified. A server writes one and the same header until its keys change, and
// reading it again costs as much as hashing the token. The zero value is ready.
type verifiedHeaders struct {
	mu   sync.Mutex
	seen atomic.Pointer[map[string]jose.Header] // by the encoded segment; replaced, never changed
}

// maxHeaders is enough for every key of a server with a few spellings each. When they are used up the memory starts anew.
const maxHeaders = 64

func (v *verifiedHeaders) lookup(segment string) (jose.Header, bool) {
	m := v.seen.Load()
	if m == nil {
		return jose.Header{}, false
	}
	h, ok := (*m)[segment]
	return h, ok
}

func (v *verifiedHeaders) keep(segment string, h jose.Header) {
	if _, ok := v.lookup(segment); ok {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	next := make(map[string]jose.Header)
	if m := v.seen.Load(); m != nil && len(*m) < maxHeaders {
		next = maps.Clone(*m)
	}
	next[strings.Clone(segment)] = h // the segment is part of a token, which must not be kept alive
	v.seen.Store(&next)
}
