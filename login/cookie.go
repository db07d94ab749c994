package login

import (
	"net/http"
	"time"
)

// maxCookie is what browsers keep of name and value together (RFC 6265 section 6.1).
const maxCookie = 4096

// cookie is one with the flags that every cookie of this package has: for this host only, not for scripts, not over http, not sent along when
// another site loads something here.
func (c *core) cookie(name, value string, lifetime time.Duration) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: int(lifetime / time.Second), Secure: c.secure, HttpOnly: true,
		SameSite: http.SameSiteLaxMode}
}

// forget makes the browser forget a cookie.
func (c *core) forget(w http.ResponseWriter, name string) {
	gone := c.cookie(name, "", 0)
	gone.MaxAge = -1
	replaceCookie(w, gone)
}

// cookieName has the prefix by which a browser refuses the cookie from anybody but this host over https (RFC 6265bis section 4.1.3.2).
// On loopback over http, for development, there is none.
func (c *core) cookieName(name string) string {
	if c.secure {
		return "__Host-" + name
	}
	return name
}

// private keeps what concerns one user out of caches and of the next site's logs.
func private(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
}
