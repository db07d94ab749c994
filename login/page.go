package login

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// A Page is what this package shows to a user: a text with links, and at most one form. [Config].Page may show it in another way. The texts are
// plain, not HTML.
type Page struct {
	Status int
	Title  string
	Text   []string // paragraphs
	Detail string   // which check failed, in development only
	Links  []Link
	// Form is a POST to Action with Fields, sent by Button; Auto: by a script at once.
	Action string
	Fields [][2]string
	Button string
	Auto   bool
}

// A Link leads on.
type Link struct{ Text, URL string }

const (
	style = "body{font:1.1em/1.5 system-ui,sans-serif;max-width:32em;margin:14vh auto;padding:0 1.2em;color:#1d2330;background:#fff}h1{font-size:1.6em;line-height:1.25}" +
		"a,button{display:inline-block;font:inherit;font-weight:600;margin:.4em .6em .4em 0;padding:.55em 1.2em;border:0;border-radius:.5em;color:#fff;background:#1d2330;text-decoration:none;cursor:pointer}" +
		"a:focus-visible,button:focus-visible{outline:3px solid #4f83e8;outline-offset:2px}code{overflow-wrap:anywhere}" +
		"@media(prefers-color-scheme:dark){body{background:#16181c;color:#e8e8e8}a,button{background:#e8e8e8;color:#16181c}}"
	script = "document.forms[0].submit()"
)

var styleHash, scriptHash = sourceHash(style), sourceHash(script)

// sourceHash allows one piece of inline code and no other (Content Security Policy Level 3 section 2.3.1).
func sourceHash(code string) string {
	sum := sha256.Sum256([]byte(code))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// show writes a page. leaves: browsers hold its form to form-action through all redirects, and it may lead anywhere.
func (c *core) show(w http.ResponseWriter, r *http.Request, p *Page, leaves bool) {
	h := w.Header()
	private(h)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	if c.cfg.Page != nil {
		c.cfg.Page(w, r, p)
		return
	}
	policy := "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; style-src " + styleHash
	if p.Auto {
		policy += "; script-src " + scriptHash
	}
	h.Set("Content-Security-Policy", policy+"; form-action "+c.formAction(p, leaves))
	h.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write([]byte(p.html()))
	}
}

func (c *core) formAction(p *Page, leaves bool) string {
	switch {
	case p.Action == "":
		return "'none'"
	case leaves && c.secure:
		return "'self' https:"
	case leaves:
		return "'self' https: http:"
	}
	sources := []string{"'self'"}
	for _, to := range c.cfg.ReturnTo {
		if u, err := url.Parse(to); err == nil && !slices.Contains(sources, u.Scheme+"://"+u.Host) {
			sources = append(sources, u.Scheme+"://"+u.Host)
		}
	}
	return strings.Join(sources, " ")
}

func (p *Page) html() string {
	var b strings.Builder
	put := func(parts ...string) {
		for _, s := range parts {
			b.WriteString(s)
		}
	}
	put(`<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">`,
		"<title>", html.EscapeString(p.Title), "</title><style>", style, "</style><main><h1>", html.EscapeString(p.Title), "</h1>")
	for _, text := range p.Text {
		put("<p>", html.EscapeString(text), "</p>")
	}
	if p.Detail != "" {
		put("<p><code>", html.EscapeString(p.Detail), "</code></p>")
	}
	if p.Action != "" {
		put(`<form method="post" action="`, html.EscapeString(p.Action), `">`)
		for _, f := range p.Fields {
			put(`<input type="hidden" name="`, html.EscapeString(f[0]), `" value="`, html.EscapeString(f[1]), `">`)
		}
		put("<button>", html.EscapeString(p.Button), "</button></form>")
	}
	if len(p.Links) > 0 {
		put("<p>")
		for _, l := range p.Links {
			put(`<a href="`, html.EscapeString(l.URL), `">`, html.EscapeString(l.Text), "</a>")
		}
		put("</p>")
	}
	put("</main>")
	if p.Auto {
		put("<script>", script, "</script>")
	}
	return b.String()
}

// showFailure explains a failure to a person, or to a program.
func (h *Handler) showFailure(w http.ResponseWriter, r *http.Request, f *Failure) {
	detail := ""
	if h.cfg.Development && f.Err != nil {
		detail = f.Err.Error()
		if host := strings.TrimPrefix(strings.TrimPrefix(h.origin, "https://"), "http://"); (f.Kind == FailureExpired || f.Kind == FailureCookies) && r.Host != host {
			// Cookies of one name are not sent to another.
			detail += " (this request is for the host " + r.Host + ", and Config.BaseURL says " + host + ")"
		}
	}
	if !wantsHTML(r) && r.Header.Get("Accept") != "" {
		members := [][2]string{{"type", "about:blank"}, {"title", http.StatusText(f.Status)}, {"detail", f.Text}, {"error", f.Kind}}
		if detail != "" {
			members = append(members, [2]string{"development", detail})
		}
		writeProblem(w, f.Status, members, "")
		return
	}
	p := &Page{Status: f.Status, Title: titles[f.Kind], Text: []string{f.Text}, Detail: detail}
	if f.Retry != "" {
		p.Links = []Link{{"Try again", f.Retry}}
	}
	h.show(w, r, p, false)
}

var titles = map[string]string{
	FailureDenied:      "You are not logged in",
	FailureRefused:     "You are not logged in",
	FailureCredentials: "You are not logged in",
	FailureExpired:     "This login has expired",
	FailureCookies:     "This login needs cookies",
	FailureUnmet:       "That was not enough",
	FailureProvider:    "The login service is away",
	FailureServer:      "This login was refused",
	FailureInvalid:     "This login was not accepted",
	FailureStore:       "Please try again in a while",
	FailureRequest:     "That does not work",
	FailureInternal:    "Something is wrong",
}

// choose lists the providers.
func (h *Handler) choose(w http.ResponseWriter, r *http.Request, returnTo string) {
	p := &Page{Status: http.StatusOK, Title: "Log in"}
	for _, one := range h.providers {
		p.Links = append(p.Links, Link{one.name, h.loginURL(one.name, returnTo)})
	}
	h.show(w, r, p, false)
}

func (h *Handler) askLogout(w http.ResponseWriter, r *http.Request) {
	h.show(w, r, &Page{Status: http.StatusOK, Title: "Log out", Text: []string{"Do you want to log out?"}, Action: h.path + "/logout", Button: "Log out"}, true)
}

// showEnded answers a form that came too late: what it says cannot be kept for the user over a login.
func (h *Handler) showEnded(w http.ResponseWriter, r *http.Request) {
	back := "/"
	if u, err := url.Parse(r.Referer()); err == nil && u.Scheme+"://"+u.Host == h.origin {
		if target, ok := h.returnTarget((&url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}).String()); ok {
			back = target
		}
	}
	h.show(w, r, &Page{Status: http.StatusUnauthorized, Title: "Please log in again",
		Text:  []string{"You are not logged in any more, so what you have just sent was not accepted. Log in, and send it again."},
		Links: []Link{{"Log in", h.loginPage(back)}}}, false)
}

// postAgain has the browser send the provider's form once more from a page of this site: a browser that keeps cookies back from other sites' forms
// does not do so then.
func (h *Handler) postAgain(w http.ResponseWriter, r *http.Request, p *provider) {
	again := &Page{Status: http.StatusOK, Title: "One moment", Text: []string{"You are being logged in."}, Action: p.callback + "?again=1", Button: "Continue", Auto: true}
	for _, name := range slices.Sorted(maps.Keys(r.PostForm)) {
		for _, value := range r.PostForm[name] {
			again.Fields = append(again.Fields, [2]string{name, value})
		}
	}
	h.show(w, r, again, false)
}
