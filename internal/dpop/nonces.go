package dpop

import (
	"container/list"
	"net/http"
	"net/url"
	"sync"
)

// A Role is what a server is to the client. Authorization server and resource server give nonces of their own also where they share an
// origin (RFC 9449 sections 8 and 9).
type Role uint8

const (
	AuthorizationServer Role = iota
	ResourceServer
)

const (
	maxOrigins = 100
	maxNonce   = 1 << 10 // bytes
)

// Nonces remembers the last nonce of each server, for a bounded number of them. The zero value is ready to use.
type Nonces struct {
	mu     sync.Mutex
	byPeer map[peer]*list.Element
	recent list.List // of *entry, the latest used first
}

type peer struct {
	role   Role
	origin string
}

type entry struct {
	peer  peer
	nonce string
}

// Get returns the nonce to send to u; empty when none was given.
func (n *Nonces) Get(role Role, u *url.URL) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	e, ok := n.byPeer[peer{role, origin(u)}]
	if !ok {
		return ""
	}
	n.recent.MoveToFront(e)
	return e.Value.(*entry).nonce
}

// Learn takes the nonce of an answer from u, and reports whether there was one that can be used. Every answer may bring one.
func (n *Nonces) Learn(role Role, u *url.URL, h http.Header) bool {
	values := h.Values("DPoP-Nonce")
	if len(values) != 1 || !usable(values[0]) {
		return false
	}
	p := peer{role, origin(u)}
	n.mu.Lock()
	defer n.mu.Unlock()
	if e, ok := n.byPeer[p]; ok {
		e.Value.(*entry).nonce = values[0]
		n.recent.MoveToFront(e)
		return true
	}
	if n.byPeer == nil {
		n.byPeer = make(map[peer]*list.Element)
	}
	if len(n.byPeer) == maxOrigins {
		oldest := n.recent.Back()
		delete(n.byPeer, n.recent.Remove(oldest).(*entry).peer)
	}
	n.byPeer[p] = n.recent.PushFront(&entry{p, values[0]})
	return true
}

// usable is RFC 9449 section 8.1: visible ASCII without quote and backslash.
func usable(nonce string) bool {
	if nonce == "" || len(nonce) > maxNonce {
		return false
	}
	for i := range len(nonce) {
		if c := nonce[i]; c < 0x21 || c > 0x7e || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
