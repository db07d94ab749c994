package contender

import (
	"io"
	"net/http"
)

// Origin is where the web applications believe to be: they set their cookies as they do in earnest.
const Origin = "https://app.example.com"

const (
	startPath    = "/auth/login"
	callbackPath = "/auth/callback"
	pagePath     = "/account"

	// StartURL begins a login, and PageURL is a page for those who are signed in, where the login ends. It says who it is.
	StartURL = Origin + startPath + "?return_to=" + pagePath
	PageURL  = Origin + pagePath

	redirectURI = Origin + callbackPath
)

// A Web is a web application whose users log in at a provider.
type Web func(issuer string, hc *http.Client) (http.Handler, error)

// page is the same for all; subject is empty for nobody.
func page(subject func(*http.Request) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := subject(r)
		if who == "" {
			http.Error(w, "nobody", http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		io.WriteString(w, who)
	})
}

// sessions keep who is signed in between requests.
type sessions interface {
	begin(w http.ResponseWriter, r *http.Request, subject string) error
	// around gives a request its session, where the library needs that.
	around(http.Handler) http.Handler
	subject(*http.Request) string
}

// vouching is an application whose login asks nobody, for libraries that do sessions alone.
func vouching(s sessions, subject string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(startPath, s.around(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.begin(w, r, subject); err != nil {
			http.Error(w, "no session", http.StatusInternalServerError)
			return
		}
		http.Redirect(w, r, PageURL, http.StatusSeeOther)
	})))
	mux.Handle(pagePath, s.around(page(s.subject)))
	return mux
}
