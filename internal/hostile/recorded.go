package hostile

import (
	"net/http"
	"net/url"
	"slices"
	"time"
)

// Recorded is a request that reached the provider.
type Recorded struct {
	Endpoint string // as URL names it; for another place its path
	Method   string
	Path     string // as it was sent, without the query
	Header   http.Header
	Query    url.Values // of the request's target
	Form     url.Values // of a form in the body
	Body     []byte
	// Certificate is the subject of the client's certificate, empty without one.
	Certificate string
	At          time.Time
	Auth        string // at the token endpoint the client authentication: none, client_secret_basic, …
}

// Requests returns the requests to an endpoint so far, oldest first; to all
// endpoints when it is empty.
func (p *Provider) Requests(endpoint string) []Recorded {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.log), func(r Recorded) bool {
		return endpoint != "" && r.Endpoint != endpoint
	})
}

// Count is the number of requests to an endpoint so far; "" counts all.
func (p *Provider) Count(endpoint string) int { return len(p.Requests(endpoint)) }

// MaxInFlight is how many requests an endpoint had to answer at the same time.
func (p *Provider) MaxInFlight(endpoint string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.maxInFlight[endpoint]
}

func record(endpoint string, r *http.Request, body []byte) Recorded {
	rec := Recorded{
		Endpoint: endpoint, Method: r.Method, Path: r.URL.EscapedPath(),
		Header: r.Header.Clone(), Query: r.URL.Query(), Body: body, At: time.Now(),
	}
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		rec.Certificate = r.TLS.PeerCertificates[0].Subject.CommonName
	}
	if isForm(r) {
		rec.Form, _ = url.ParseQuery(string(body))
	}
	if endpoint == "token" || endpoint == "pushed_authorization_request" {
		rec.Auth = clientAuthentication(r.Header, rec.Form)
	}
	return rec
}
