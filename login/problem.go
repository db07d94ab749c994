package login

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// unauthorized answers those who cannot be sent to a login page: programs with a problem document (RFC 9457), and a form whose session has
// ended with a page.
func (h *Handler) unauthorized(w http.ResponseWriter, r *http.Request, s *session) {
	code, detail := h.lacks(s)
	w.Header().Set("WWW-Authenticate", h.cookieChallenge(s))
	if wantsHTML(r) {
		h.showEnded(w, r)
		return
	}
	members := [][2]string{{"type", "about:blank"}, {"title", "Unauthorized"}, {"detail", detail}, {"error", code}, {"login", h.path + "/login"}}
	if len(h.need.ACR) > 0 {
		members = append(members, [2]string{"acr_values", strings.Join(h.need.ACR, " ")})
	}
	if len(h.need.Scope) > 0 {
		members = append(members, [2]string{"scope", strings.Join(h.need.Scope, " ")})
	}
	numbers := ""
	if h.need.MaxAge != 0 {
		numbers = `,"max_age":` + strconv.Itoa(int(max(h.need.MaxAge, time.Minute)/time.Second))
	}
	writeProblem(w, http.StatusUnauthorized, members, numbers)
}

// lacks names what is missing, and explains it.
func (h *Handler) lacks(s *session) (code, detail string) {
	switch {
	case !s.signed():
		return "login_required", "Nobody is signed in."
	case len(h.need.missing(s)) > 0:
		return "insufficient_scope", "This needs a further permission." // RFC 6750 section 3.1
	}
	return "insufficient_user_authentication", "This needs a more recent or a stronger login." // RFC 9470 section 3
}

// cookieChallenge: a 401 needs a challenge (RFC 9110 section 15.5.2), and cookies have no scheme that is registered.
func (h *Handler) cookieChallenge(s *session) string {
	code, _ := h.lacks(s)
	return "Cookie realm=" + quoteParameter(h.path+"/login") + `, error="` + code + `"`
}

func wantsHTML(r *http.Request) bool {
	mode := r.Header.Get("Sec-Fetch-Mode")
	return (mode == "navigate" || mode == "") && r.Header.Get("X-Requested-With") == "" && strings.Contains(r.Header.Get("Accept"), "text/html")
}

func writeProblem(w http.ResponseWriter, status int, members [][2]string, more string) {
	var b strings.Builder
	b.WriteString(`{"status":` + strconv.Itoa(status))
	for _, m := range members {
		b.WriteString(`,"` + m[0] + `":` + quoteJSON(m[1]))
	}
	b.WriteString(more + "}\n")
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(b.String()))
}

// quoteJSON quotes a text as JSON that is safe inside of HTML, too.
func quoteJSON(s string) string {
	const hex = "0123456789abcdef"
	b := append(make([]byte, 0, len(s)+2), '"')
	for _, c := range strings.ToValidUTF8(s, "\uFFFD") {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', byte(c))
		case c < ' ' || c == '<' || c == '>' || c == '&' || c == 0x7f:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, string(c)...)
		}
	}
	return string(append(b, '"'))
}
