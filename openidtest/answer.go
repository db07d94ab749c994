package openidtest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// answer is a JSON answer of the engine.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

// mend corrects errors and metadata.
func (p *Provider) mend(a *answer, r *http.Request, n *note) {
	doc := map[string]any{}
	if json.Unmarshal(a.body.Bytes(), &doc) != nil {
		return
	}
	switch code, failed := doc["error"].(string); {
	case failed:
		p.mendError(a, r, n, doc, code)
	case r.URL.Path == "/.well-known/openid-configuration":
		doc["request_uri_parameter_supported"] = true
		doc["require_request_uri_registration"] = true
		doc["prompt_values_supported"] = []string{"none", "login", "consent", "select_account"}
	case r.URL.Path == "/device_authorization": // there are no options for these
		doc["interval"] = seconds(pollInterval)
		doc["verification_uri_complete"] = fmt.Sprintf("%s?user_code=%s", doc["verification_uri"], doc["user_code"])
	case doc["auth_req_id"] != nil && p.autoApproved() != "":
		id, _ := doc["auth_req_id"].(string)
		if err := p.decideBackchannel(r.Context(), id, true); err != nil {
			p.log("openidtest: backchannel: %s", reason(err))
		}
		return
	default:
		return
	}
	a.body.Reset()
	_ = json.NewEncoder(&a.body).Encode(doc)
}

func (p *Provider) mendError(a *answer, r *http.Request, n *note, doc map[string]any, code string) {
	asked, polling := polls(r)
	switch {
	case r.URL.Path == "/userinfo":
		a.challengeBearer(r, n, doc, code)
		return
	case strings.Contains(reason(n.cause), "DPoP"):
		code, a.status = "invalid_dpop_proof", http.StatusBadRequest
	case code == string(goidc.ErrorCodeAuthPending):
		if p.tooSoon(asked) {
			code = string(goidc.ErrorCodeSlowDown)
		}
	case code == string(goidc.ErrorCodeAccessDenied) && polling:
		a.status = http.StatusBadRequest // it says 403
	case code == string(goidc.ErrorCodeExpiredToken) && (!polling || reason(n.cause) == "grant was revoked"): // what it says of a code that came back a second time
		code = string(goidc.ErrorCodeInvalidGrant)
	case code == string(goidc.ErrorCodeUnauthorizedClient):
		a.status = http.StatusBadRequest // it says 401
	case code == string(goidc.ErrorCodeInternalError):
		code = string(errServer)
	case code == string(goidc.ErrorCodeUnsupportedGrantType) && r.PostFormValue("grant_type") == "":
		code = string(goidc.ErrorCodeInvalidRequest)
	}
	if a.status == http.StatusUnauthorized {
		if scheme, _, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok { // RFC 6749, section 5.2
			a.header.Set("WWW-Authenticate", scheme+` realm="openidtest"`)
		}
	}
	doc["error"], doc["error_description"] = code, reason(n.cause)
}

// challengeBearer answers as RFC 6750, section 3 wants it.
func (a *answer) challengeBearer(r *http.Request, n *note, doc map[string]any, code string) {
	challenge := `Bearer realm="openidtest"`
	if scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " "); strings.EqualFold(scheme, "DPoP") {
		challenge = `DPoP realm="openidtest"`
	}
	if r.Header.Get("Authorization") != "" {
		if code == string(goidc.ErrorCodeAccessDenied) {
			code = "insufficient_scope"
		}
		challenge += `, error="` + code + `", error_description="` + reason(n.cause) + `"`
	}
	doc["error"], doc["error_description"] = code, reason(n.cause)
	a.header.Set("WWW-Authenticate", challenge)
}

// engineError is the outermost error of the engine, server_error when there is none.
func engineError(err error) goidc.Error {
	e := goidc.NewError(errServer, "").WithStatusCode(http.StatusInternalServerError)
	errors.As(err, &e)
	return e
}

// reason is what lies under an engine's error, in the characters that RFC 6749, section 5.2 allows.
func reason(err error) string {
	text := ""
	for ; err != nil; err = errors.Unwrap(err) {
		if g, ok := err.(goidc.Error); ok {
			text = cmp.Or(g.Description, text)
		} else if g := (goidc.Error{}); !errors.As(err, &g) {
			text = err.Error()
			break
		}
	}
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return '\''
		}
		return c
	}, text)
}

// explain is the reason for the developer, on the page and in the log: which address is not registered.
func explain(ctx context.Context, err error) string {
	why, n := reason(err), noteIn(ctx)
	for _, one := range []struct{ name, value string }{{"redirect_uri", n.redirectURI}, {"post_logout_redirect_uri", n.postLogoutRedirectURI}} {
		if one.value != "" && why == one.name+" is not registered for the client" {
			return why + ": " + strconv.Quote(one.value)
		}
	}
	return why
}

// pageWriter passes pages and redirects through.
type pageWriter struct {
	http.ResponseWriter
	note *note
}

func (w *pageWriter) WriteHeader(status int) {
	location := w.Header().Get("Location")
	base, query, found := strings.Cut(location, "?")
	if q, err := url.ParseQuery(query); found && err == nil && q.Has("error") && w.note.cause != nil {
		q.Set("error_description", reason(w.note.cause))
		w.Header().Set("Location", base+"?"+q.Encode())
	}
	if w.Header().Get("Content-Type") == "text/html" { // the engine's form_post page
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", formPostPolicy)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write gives the engine's form_post page a button, for browsers without scripts.
func (w *pageWriter) Write(b []byte) (int, error) {
	if w.Header().Get("Content-Security-Policy") == formPostPolicy {
		out := bytes.Replace(b, []byte("</form>"), []byte("<noscript><button>Continue</button></noscript></form>"), 1)
		_, err := w.ResponseWriter.Write(out)
		return len(b), err
	}
	return w.ResponseWriter.Write(b)
}
