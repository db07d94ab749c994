package openid

import (
	"crypto/sha256"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/openid-client/openid/internal/strict"
)

// maxPing is far above what a notification holds, in bytes.
const maxPing = 16 << 10

// A PingEndpoint is the client notification endpoint of CIBA section 10.2, for [CIBA].Ping: an [http.Handler] to serve at the https
// address that the client is registered with. It believes a notification only under the bearer token that was made for this one request, and then
// lets the waiting [CIBA] ask for its tokens. A ping that reaches another process is no loss: the client asks every 30 seconds as well. Tokens
// that are pushed here (section 10.3) are refused: they come from the token endpoint alone (FAPI-CIBA section 5.2.2). The zero value is ready;
// do not copy it after its first use.
type PingEndpoint struct {
	mu      sync.Mutex
	pending map[[sha256.Size]byte]*pendingPing // by the hash of the token: looking one up tells nothing about it
}

// A pendingPing is one notification that is awaited.
type pendingPing struct {
	token   string
	arrived chan struct{} // holds one

	mu    sync.Mutex
	id    string // auth_req_id; empty until the server has said it
	early string // the one that a notification named before that
}

func (e *PingEndpoint) expect() *pendingPing {
	// 256 bits; CIBA section 7.1 wants 128 at least, and 1024 characters at most.
	p := &pendingPing{token: random(), arrived: make(chan struct{}, 1)}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.pending == nil {
		e.pending = make(map[[sha256.Size]byte]*pendingPing)
	}
	e.pending[sha256.Sum256([]byte(p.token))] = p
	return p
}

func (e *PingEndpoint) forget(p *pendingPing) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.pending, sha256.Sum256([]byte(p.token)))
}

// begun tells which request it is; a notification may have been faster than the answer to it.
func (p *pendingPing) begun(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.id = id
	if p.early != "" && equal(p.early, id) {
		p.wake()
	}
}

// hear reports whether a notification may be about this request.
func (p *pendingPing) hear(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.id == "" {
		p.early = id
		return true
	}
	if !equal(p.id, id) {
		return false
	}
	p.wake()
	return true
}

func (p *pendingPing) wake() {
	select {
	case p.arrived <- struct{}{}:
	default: // it is known already
	}
}

// ServeHTTP answers 204 to a notification that is awaited, 401 to one under a token that is not, and 400 to what is none.
func (e *PingEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "a notification is a POST (CIBA §10.2)", http.StatusMethodNotAllowed)
		return
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	e.mu.Lock()
	p := e.pending[sha256.Sum256([]byte(token))]
	e.mu.Unlock()
	if p == nil || !strings.EqualFold(scheme, "Bearer") || len(r.Header["Authorization"]) != 1 || !equal(p.token, token) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, "no notification is awaited under this token", http.StatusUnauthorized)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPing))
	var id string
	pushed := false
	if err == nil {
		err = strict.Object(body, func(name []byte, v strict.Value) error {
			switch string(name) {
			case "auth_req_id":
				id, _ = v.Text()
			case "access_token", "error", "id_token", "refresh_token":
				pushed = true
			}
			return nil
		})
	}
	if err == nil && pushed {
		http.Error(w, "this client is told that there is an answer, not which: register it for the ping mode, not for push (CIBA §10.2)", http.StatusBadRequest)
		return
	}
	if err != nil || id == "" || !p.hear(id) {
		http.Error(w, "expected the auth_req_id of the request that the token was made for, in a JSON object (CIBA §10.2)", http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
