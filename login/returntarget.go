package login

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const maxReturnTarget = 1 << 10

// returnTarget judges where a browser is sent after a login: a path of this site, or one of Config.ReturnTo byte for byte. What comes back is
// made from what was parsed, so that a browser has nothing else to read into it (RFC 9700 section 4.11).
func (c *core) returnTarget(raw string) (string, bool) {
	if slices.Contains(c.cfg.ReturnTo, raw) && raw != "" {
		return raw, true
	}
	if len(raw) > maxReturnTarget || !strings.HasPrefix(raw, "/") || strings.HasPrefix(raw, "//") || !printable(raw) {
		return "", false
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || !plainPath(u.Path) || c.owns(u.Path) {
		return "", false
	}
	safe := &url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery, Fragment: u.Fragment, RawFragment: u.RawFragment}
	target := safe.String()
	return target, len(target) <= maxReturnTarget // what has to be escaped becomes longer
}

// printable: no control characters, no spaces, and not the backslash that browsers take for a slash.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '\\' })
}

// plainPath judges the decoded path, for whoever decodes it once more on the way.
func plainPath(path string) bool {
	if strings.HasPrefix(path, "//") || strings.ContainsFunc(path, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\\' }) {
		return false
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return false
		}
	}
	return true
}

// owns: an address of this handler's own is no place to return to, or a login would end in another one.
func (c *core) owns(path string) bool {
	if c.path != "" && (path == c.path || strings.HasPrefix(path, c.path+"/")) {
		return true
	}
	what, _ := c.endpoint(path)
	return what != ""
}

// asked is the address that the browser asked for, whatever a router made of it since.
func asked(r *http.Request) *url.URL {
	if u, err := url.ParseRequestURI(r.RequestURI); err == nil {
		return u
	}
	return r.URL
}

// here is the return target that brings a browser back to r.
func (c *core) here(r *http.Request) string {
	u := asked(r)
	if target, ok := c.returnTarget((&url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}).String()); ok {
		return target
	}
	if target, ok := c.returnTarget((&url.URL{Path: u.Path, RawPath: u.RawPath}).String()); ok { // with its query it is too long
		return target
	}
	return "/"
}
