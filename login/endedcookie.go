package login

import (
	"net/http"
	"strings"
)

// An answer that was under way at a logout may still set the cookie of the session that has ended. The browser itself remembers the last few that have, in
// a cookie that no such answer touches.
const (
	endedLength = 16
	maxEnded    = 4
)

func (c *core) endedCookie() string { return c.cookieName(c.cfg.CookieName + "-ended") }

// ended are the names of sessions that have ended in this browser.
func (c *core) ended(r *http.Request) (names []string) {
	for _, cookie := range r.CookiesNamed(c.endedCookie()) {
		for name := range strings.SplitSeq(cookie.Value, ".") {
			if len(name) == endedLength {
				names = append(names, name)
			}
		}
	}
	return names[:min(len(names), maxEnded)]
}

// noteEnd has the browser remember the end of s, if s was in its cookie.
func (c *core) noteEnd(w http.ResponseWriter, r *http.Request, s *session) {
	if !c.cfg.Stateless || s == nil || s.name == "" {
		return
	}
	names := append([]string{s.name}, c.ended(r)...)
	http.SetCookie(w, c.cookie(c.endedCookie(), strings.Join(names[:min(len(names), maxEnded)], "."), c.cfg.Lifetime))
}
