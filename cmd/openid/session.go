package main

import (
	"crypto/rand"
	"net/http"
	"sync"
	"time"

	"github.com/openid-client/openid"
)

const (
	maxSessions     = 1000 // the oldest is forgotten
	sessionLifetime = 8 * time.Hour
)

// A session is what the server keeps of one browser; the browser itself has only its random id.
type session struct {
	mu       sync.Mutex // held for a whole request, so that two tabs cannot use up one refresh token
	id       string
	started  time.Time
	timeline timeline
	login    *login // nil: nobody is logged in
	failed   *failedStep
	notice   string
}

// A login is a user who is logged in.
type login struct {
	tokens    *openid.Tokens
	info      *openid.UserInfo
	refreshes int
	rotations int // refreshes that brought another refresh token
}

// A failedStep is shown until the next step.
type failedStep struct {
	step string
	err  error
}

// sessions finds the session of a browser by its cookie. It lives in memory: a restart logs everybody out.
type sessions struct {
	cookie string
	mu     sync.Mutex
	byID   map[string]*session
	order  []string // of ids, oldest first
}

// open returns the browser's session, locked, and starts one if need be.
func (s *sessions) open(w http.ResponseWriter, r *http.Request) *session {
	var found *session
	if c, err := r.Cookie(s.cookie); err == nil {
		found = s.find(c.Value)
	}
	if found == nil {
		found = &session{started: time.Now()}
	}
	found.mu.Lock()
	if found.id == "" {
		s.renew(w, found)
	}
	return found
}

func (s *sessions) find(id string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.byID[id]
	if found == nil || time.Since(found.started) > sessionLifetime {
		return nil
	}
	return found
}

// renew gives the session another id. It is called whenever the user changes: an id that somebody planted or saw before the login must be
// worth nothing after it (session fixation).
func (s *sessions) renew(w http.ResponseWriter, of *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil {
		s.byID = map[string]*session{}
	}
	delete(s.byID, of.id)
	of.id, of.started = rand.Text(), time.Now()
	s.byID[of.id], s.order = of, append(s.order, of.id)
	for len(s.order) > maxSessions {
		delete(s.byID, s.order[0])
		s.order = s.order[1:]
	}
	setCookie(w, s.cookie, of.id, "/", 0)
}

// setCookie sets a cookie that scripts cannot read and that other sites do not send along. Secure is missing only because this
// application speaks http, on loopback.
func setCookie(w http.ResponseWriter, name, value, path string, maxAge time.Duration) {
	c := &http.Cookie{Name: name, Value: value, Path: path, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: int(maxAge / time.Second)}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}
