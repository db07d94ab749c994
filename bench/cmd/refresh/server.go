package main

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

const thinking = 300 * time.Millisecond

// A server rotates, and revokes the grant when a refresh token comes a second time outside of its window.
type server struct {
	window time.Duration
	down   bool
	taken  chan struct{} // the silenced request has been worked on

	mu        sync.Mutex
	silent    bool // the next request gets no answer
	refreshes int
	good      string
	used      string
	usedAt    time.Time
	revoked   bool
}

func newServer(window time.Duration) *server {
	return &server{window: window, good: "refresh-0", taken: make(chan struct{}, 1)}
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token := r.PostFormValue("refresh_token")
	if token == "" {
		return
	}
	if s.down {
		s.count()
		time.Sleep(thinking)
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	next, silent := s.take(token)
	if silent {
		s.taken <- struct{}{}
		<-r.Context().Done()
		return
	}
	time.Sleep(thinking)
	w.Header().Set("Content-Type", "application/json")
	if next == "" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_grant"}`)
		return
	}
	fmt.Fprintf(w, `{"access_token":"access-%s","token_type":"Bearer","refresh_token":"%s","expires_in":3600}`, next, next)
}

func (s *server) count() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refreshes++
}

// take spends a refresh token, and returns the next one.
func (s *server) take(token string) (next string, silent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	silent, s.silent = s.silent, false
	s.refreshes++
	again := token == s.used && time.Since(s.usedAt) < s.window
	switch {
	case s.revoked || token != s.good && !again:
		s.revoked = true
		return "", silent
	case !again:
		s.used, s.usedAt = s.good, time.Now()
		s.good = fmt.Sprintf("refresh-%d", s.refreshes)
	}
	return s.good, silent
}
