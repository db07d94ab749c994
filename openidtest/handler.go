package openidtest

import (
	"bytes"
	"context"
	"log"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

const maxBody = 1 << 20

// note is what we know about the request in hand. The engine hands the request's context to all its callbacks, and the
// note with it.
type note struct {
	client                *goidc.Client // that the engine loaded last
	redirectURI           string        // of an authorization request
	postLogoutRedirectURI string        // of a logout request
	accessToken, code     string        // just made
	tokenRequest          bool
	registration          bool
	registered            registration
	cause                 error // the whole error, of which the engine tells only the outermost words
}

type noteKey struct{}

func noteIn(ctx context.Context) *note {
	if n, ok := ctx.Value(noteKey{}).(*note); ok {
		return n
	}
	return new(note)
}

func (p *Provider) noteError(ctx context.Context, err error) {
	noteIn(ctx).cause = err
	p.log("openidtest: %s: %s", engineError(err).Code, explain(ctx, err))
}

// handle stands around the engine.
func (p *Provider) handle(w http.ResponseWriter, r *http.Request) {
	n := new(note)
	r = r.WithContext(context.WithValue(r.Context(), noteKey{}, n))
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	switch path, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/"); path {
	case "":
		_ = p.show(w, page{Kind: pageMessage, Title: "A provider for tests", Text: "This is an OpenID Provider for development and tests. Its issuer is " + p.issuer})
	case strings.TrimPrefix(backchannelPage, "/"):
		if err := r.ParseForm(); err != nil {
			http.Error(w, "the request cannot be read", http.StatusBadRequest)
			return
		}
		p.serveBackchannel(w, r)
	case "authorize", "logout", "device":
		if err := r.ParseForm(); err != nil {
			http.Error(w, "the request cannot be read", http.StatusBadRequest)
			return
		}
		n.redirectURI, n.postLogoutRedirectURI = r.Form.Get("redirect_uri"), r.Form.Get("post_logout_redirect_uri")
		if err := p.resolveRequest(r); err != nil {
			_ = p.show(w, page{Kind: pageMessage, Status: http.StatusBadRequest, Title: "This does not work", Error: "invalid_request_uri: " + err.Error()})
			return
		}
		p.freshenHint(r)
		spareChallenge(r)
		p.engine.ServeHTTP(&pageWriter{w, n}, r)
	default:
		p.handleAPI(w, r, n, path)
	}
}

// handleAPI serves everything that answers with JSON. The answer is kept back, so that it can be mended.
func (p *Provider) handleAPI(w http.ResponseWriter, r *http.Request, n *note, path string) {
	// Any page may call these: applications in the browser are tested too.
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Expose-Headers", "DPoP-Nonce, WWW-Authenticate")
	if r.Method == http.MethodOptions {
		w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, DPoP")
		w.Header().Set("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	decodeBasic(r)
	switch path {
	case "token":
		n.tokenRequest = true
	case "register":
		n.registration = true
		if err := n.hideHTTP(r); err != nil {
			http.Error(w, "the request cannot be read", http.StatusBadRequest)
			return
		}
	case "userinfo":
		if token := r.PostFormValue("access_token"); token != "" && r.Header.Get("Authorization") == "" { // RFC 6750, section 2.2
			r.Header.Set("Authorization", "Bearer "+token)
		}
		switch scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " "); {
		case strings.EqualFold(scheme, "DPoP"):
		case strings.EqualFold(scheme, "Bearer"):
			r.Header.Del("DPoP") // the engine would take a bound token for a bearer token
		default:
			r.Header.Del("Authorization") // the engine would take any scheme
		}
	case ".well-known":
		if r.URL.Path == "/.well-known/oauth-authorization-server" { // RFC 8414
			r.URL.Path = "/.well-known/openid-configuration"
		}
	}
	a := &answer{header: w.Header(), status: http.StatusOK}
	if code, why := p.nonces.demand(r, path, w.Header()); code != "" {
		a.refuseProof(r, code, why)
	} else {
		p.engine.ServeHTTP(a, r)
		p.mend(a, r, n)
	}
	w.Header().Set("Content-Length", strconv.Itoa(a.body.Len()))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes())
}

// decodeBasic undoes the form encoding of both halves (RFC 6749, section 2.3.1), which the engine does not.
func decodeBasic(r *http.Request) {
	id, secret, ok := r.BasicAuth()
	if !ok {
		return
	}
	plainID, err1 := url.QueryUnescape(id)
	plainSecret, err2 := url.QueryUnescape(secret)
	if err1 == nil && err2 == nil {
		r.SetBasicAuth(plainID, plainSecret)
	}
}

// errorLog receives what the HTTP server has to say, such as failed handshakes.
func (p *Provider) errorLog() *log.Logger { return log.New(logWriter(p.log), "openidtest: ", 0) }

type logWriter func(format string, args ...any)

func (w logWriter) Write(b []byte) (int, error) {
	w("%s", bytes.TrimSpace(b))
	return len(b), nil
}
