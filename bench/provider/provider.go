// Package provider stands in for an OpenID Provider on loopback: a key set that can be slow, broken or hung, and a token endpoint. It
// counts what reaches it.
package provider

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"

	"github.com/openid-client/openid/bench/fixture"
)

// A Mode is how the key set is served.
type Mode int32

const (
	Good     Mode = iota
	Failing       // every request is answered with status 500
	Hanging       // no request is answered
	HangOnce      // the first request is not answered, the others are
	Empty         // a set without keys
)

// A Provider may be changed and read while it serves.
type Provider struct {
	Set     *fixture.Set
	Delay   time.Duration // of the key set
	URL     string
	Rotated atomic.Bool // the set has the next keys too

	Fetches     atomic.Int64 // of the key set
	Connections atomic.Int64

	mode   atomic.Int32
	hung   atomic.Bool
	closed chan struct{}
	server *httptest.Server
}

// Start serves s on a free loopback port.
func Start(s *fixture.Set, delay time.Duration) *Provider {
	p := &Provider{Set: s, Delay: delay, closed: make(chan struct{})}
	p.server = httptest.NewUnstartedServer(p)
	p.server.Config.ConnState = p.count
	p.server.Start()
	p.URL = p.server.URL
	return p
}

// Client is an HTTP client that ends with the provider.
func (p *Provider) Client() *http.Client { return p.server.Client() }

// Close lets hung requests go, and stops.
func (p *Provider) Close() {
	close(p.closed)
	p.server.CloseClientConnections()
	p.server.Close()
}

// Become changes how the key set is served.
func (p *Provider) Become(m Mode) {
	p.hung.Store(false)
	p.mode.Store(int32(m))
}

func (p *Provider) count(_ net.Conn, state http.ConnState) {
	if state == http.StateNew {
		p.Connections.Add(1)
	}
}

func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/jwks":
		p.serveKeys(w, r)
	case "/token":
		serveToken(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (p *Provider) serveKeys(w http.ResponseWriter, r *http.Request) {
	p.Fetches.Add(1)
	select {
	case <-time.After(p.Delay):
	case <-p.closed:
	}
	mode := Mode(p.mode.Load())
	if mode == Hanging || mode == HangOnce && p.hung.CompareAndSwap(false, true) {
		select {
		case <-r.Context().Done():
		case <-p.closed:
		}
		return
	}
	set := p.Set.JWKS
	switch {
	case mode == Failing:
		http.Error(w, "out of order", http.StatusInternalServerError)
		return
	case mode == Empty:
		set = []byte(`{"keys":[]}`)
	case p.Rotated.Load():
		set = p.Set.Rotated
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	w.Write(set)
}
