package main

import (
	"crypto/rand"
	"net/http"
	"path"
	"sync"
)

// The steps of the application, by which its timeline is divided.
const (
	stepLogin    = "login"
	stepCallback = "callback"
	stepUserInfo = "userinfo"
	stepRefresh  = "refresh"
	stepLogout   = "logout"
)

// stepOf says which step an address is part of, by its last element.
var stepOf = map[string]string{"login": stepLogin, "callback": stepCallback, "logout": stepLogout, "logged-out": stepLogout, "refresh": stepRefresh}

const maxSeats = 1000 // the oldest is given away

// An audience are the browsers that watch an application, each by a cookie of its own: a login that fails has a timeline, too, and a logout, and
// then there is no session. It belongs to the demo and not to what an application needs.
type audience struct {
	cookie, path string
	mu           sync.Mutex
	seats        map[string]*seat
	order        []string // of the cookies' values, oldest first
}

// A seat is what one browser watches.
type seat struct {
	timeline timeline
	mu       sync.Mutex
	failed   *failedStep
}

// A failedStep is shown until the next step.
type failedStep struct {
	step string
	err  error
}

// find is the seat of a browser; nil when it has none.
func (a *audience) find(value string) *seat {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seats[value]
}

func (a *audience) of(r *http.Request) *seat {
	c, err := r.Cookie(a.cookie)
	if err != nil {
		return nil
	}
	return a.find(c.Value)
}

// take gives a browser a seat.
func (a *audience) take(w http.ResponseWriter) *seat {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.seats == nil {
		a.seats = map[string]*seat{}
	}
	value, taken := rand.Text(), new(seat)
	a.seats[value], a.order = taken, append(a.order, value)
	for len(a.order) > maxSeats {
		delete(a.seats, a.order[0])
		a.order = a.order[1:]
	}
	http.SetCookie(w, &http.Cookie{Name: a.cookie, Value: value, Path: a.path, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	return taken
}

// watched has the browser see what happens in next.
func (a *app) watched(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := a.audience.of(r)
		if s == nil {
			s = a.audience.take(w)
		}
		step := stepOf[path.Base(r.URL.Path)]
		if step == stepLogin {
			s.timeline.clear()
		}
		s.setFailed(nil)
		next.ServeHTTP(w, r.WithContext(s.during(r.Context(), step)))
	})
}

func (s *seat) setFailed(f *failedStep) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = f
}

func (s *seat) failure() *failedStep {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// entries are those of the timeline.
func (s *seat) entries() []entry {
	if s == nil {
		return nil
	}
	return s.timeline.all()
}

// loggedOut: the last that happened is a logout, here and at the provider.
func (s *seat) loggedOut() bool {
	all := s.entries()
	return s.failure() == nil && len(all) > 0 && all[len(all)-1].Document == "logout response"
}
