package login

import (
	"net/http"
	"time"
)

const (
	noticeTime = time.Minute
	maxNotice  = 1 << 10
)

func (c *core) noticeCookie() string { return c.cookieName(c.cfg.CookieName + "-notice") }

// Notice is the text of a failed login for the page that [Config].FailurePage names: once, and never anybody else's words. Empty when there is none.
func (h *Handler) Notice(w http.ResponseWriter, r *http.Request) string {
	name := h.noticeCookie()
	cookies := r.CookiesNamed(name)
	if len(cookies) == 0 {
		return ""
	}
	private(w.Header())
	h.forget(w, name)
	plain, _, ok := h.attemptSeal.open(cookies[0].Value, name)
	if !ok || len(cookies) != 1 {
		return ""
	}
	fields := newReader(plain, attemptVersion)
	text, at := fields.text(), fields.time()
	if !fields.done() || time.Since(at) > noticeTime {
		return ""
	}
	return text
}

// goWithNotice sends the browser to the application's own page about failed logins.
func (h *Handler) goWithNotice(w http.ResponseWriter, f *Failure) error {
	text := f.Text
	if len(text) > maxNotice {
		text = explanations[f.Kind].text
	}
	name := h.noticeCookie()
	value, err := h.attemptSeal.seal(appendTime(appendString([]byte{attemptVersion}, text), time.Now()), name)
	if err != nil {
		return err
	}
	http.SetCookie(w, h.cookie(name, value, noticeTime))
	redirect(w, h.cfg.FailurePage)
	return nil
}
