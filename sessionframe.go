package openid

import (
	"context"
	"html"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// maxSessionState is far above a hash and its salt, in bytes.
	maxSessionState = 512
	// sessionInterval is the time between two questions, which cost no request.
	sessionInterval = 10 * time.Second
)

// sessionState is s if it can stand in a message to the server's iframe, where a space ends it (OpenID Connect Session Management 1.0 section
// 2). What is none is no reason to refuse a login.
func sessionState(s string) string {
	if len(s) > maxSessionState || !isScope(s) {
		return ""
	}
	return s
}

// A SessionFrame is the RP iframe of OpenID Connect Session Management 1.0 section 3.1, an [http.Handler] for an address of the
// application's own. The application's pages load it in a hidden iframe while somebody is logged in. It asks the server's iframe whether the
// session there is still the same, and posts one message to the page when it is not: {"openid": "changed"} or {"openid": "error"}.
//
// At "changed" the page should find out who is logged in now, by a login with Prompt "none" and the IDTokenHint in an iframe, or simply
// reload what the server renders; at "error" it must not ask again by itself (section 3.1). A page tells the message from others by its
// event's origin and source:
//
//	addEventListener("message", (e) => {
//	  if (e.origin === location.origin && e.source === frame.contentWindow && e.data.openid) location.reload();
//	});
//
// Browsers that keep cookies of other sites from iframes make the server's say "changed" or "error" whatever is true.
type SessionFrame struct {
	Client *Client
	// State returns [Tokens].SessionState of the login that a request belongs to; empty: nobody is logged in, and the answer is 404.
	State func(*http.Request) string
	// Interval is the time between two questions: 10 s when zero. Less than a second counts as one.
	Interval time.Duration
}

// sessionFrame is what the page is made of, under judgement.
type sessionFrame struct {
	state string
	op    *url.URL // check_session_iframe; nil: the server has none
}

func (*sessionFrame) kind() string { return "session frame" }
func (*sessionFrame) cause() error { return nil }

var sessionFrameChecks = []check[*sessionFrame]{
	{"session_state", "OpenID Connect Session Management 1.0 §2",
		func(_ context.Context, d *sessionFrame) bool {
			return d.state != "" && sessionState(d.state) == d.state
		},
		func(d *sessionFrame) (string, string) {
			switch {
			case d.state == "":
				return "what came with the login", "nothing"
			case sessionState(d.state) != d.state:
				return "what came with the login, visible ASCII without a space", "something else"
			}
			return "what came with the login", "it"
		}},
	{"check_session_iframe", "OpenID Connect Session Management 1.0 §3.3",
		func(_ context.Context, d *sessionFrame) bool { return d.op != nil },
		func(d *sessionFrame) (string, string) {
			return "a URL in the server's metadata", or(map[bool]string{true: "one"}[d.op != nil], "nothing")
		}},
	// Its origin goes into a header, where a semicolon would begin another rule.
	{"origin", "Content Security Policy Level 3 §2.3.1",
		func(_ context.Context, d *sessionFrame) bool {
			return d.op == nil || !strings.ContainsFunc(d.op.Host, func(r rune) bool {
				return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(".-:[]", r))
			})
		},
		func(d *sessionFrame) (string, string) {
			if d.op == nil {
				return "a host of letters, digits and hyphens", "nothing"
			}
			return "a host of letters, digits and hyphens", quoted(d.op.Host)
		}},
}

// pollSession believes the server's iframe and nobody else, and speaks to nobody but the application's own page.
const pollSession = `'use strict';
(() => {
  const { origin, message, interval } = document.currentScript.dataset;
  const op = document.getElementById('op');
  let timer;
  const ask = () => op.contentWindow.postMessage(message, origin);
  addEventListener('message', (e) => {
    if (e.origin !== origin || e.source !== op.contentWindow || e.data === 'unchanged' || timer === undefined) return;
    clearInterval(timer);
    timer = undefined;
    parent.postMessage({ openid: e.data === 'changed' ? 'changed' : 'error' }, location.origin);
  });
  op.addEventListener('load', () => {
    clearInterval(timer);
    timer = setInterval(ask, interval);
    ask();
  });
})();
`

// ServeHTTP shows the page: 404 where nobody is logged in, or with a server that manages no sessions, and 502 where its metadata cannot be
// had. Only pages of the same origin may frame it.
func (f *SessionFrame) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	page, policy, err := f.page(r, sessionFrameChecks)
	if err != nil {
		w.Header().Set("Cache-Control", "no-store")
		status := http.StatusBadGateway
		if v, ok := err.(*VerificationError); ok && v.Document == (*sessionFrame)(nil).kind() {
			status = http.StatusNotFound
		}
		http.Error(w, "no session to watch", status)
		return
	}
	noStorePage(w, policy)
	_, _ = io.WriteString(w, page)
}

func (f *SessionFrame) page(r *http.Request, rows []check[*sessionFrame]) (page, policy string, err error) {
	ctx := f.Client.newFlow(r.Context())
	s, err := f.Client.current(ctx)
	if err != nil {
		return "", "", err
	}
	d := &sessionFrame{state: f.State(r), op: s.urls[checkSessionIframe]}
	if err := judge(ctx, f.Client, rows, d); err != nil {
		return "", "", err
	}
	interval := max(f.Interval, time.Second)
	if f.Interval == 0 {
		interval = sessionInterval
	}
	origin := browserOrigin(d.op)
	var b strings.Builder
	b.WriteString(`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Session</title></head><body><iframe id="op" title="OP" sandbox="allow-scripts allow-same-origin" src="`)
	b.WriteString(html.EscapeString(d.op.String()) + `"></iframe><script data-origin="` + html.EscapeString(origin))
	b.WriteString(`" data-message="` + html.EscapeString(f.Client.cfg.ClientID+" "+d.state))
	b.WriteString(`" data-interval="` + strconv.FormatInt(interval.Milliseconds(), 10) + `">` + pollSession + `</script></body></html>`)
	return b.String(), "script-src " + scriptHash(pollSession) + "; frame-src " + origin + "; frame-ancestors 'self'", nil
}

// browserOrigin is the origin of u as browsers write it (RFC 6454 section 6.2): in lower case, without the port that goes without saying.
func browserOrigin(u *url.URL) string {
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port != "" && port != map[string]string{"https": "443", "http": "80"}[u.Scheme] {
		host += ":" + port
	}
	return u.Scheme + "://" + host
}
