package contender

import (
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/openid-client/openid/bench/fixture"
)

var (
	scsPlain = Contender{Name: "scs", Session: scsWeb(0)}
	scsIdle  = Contender{Name: "scs + idle lifetime", Session: scsWeb(time.Hour)}
)

func scsWeb(idle time.Duration) Web {
	return func(string, *http.Client) (http.Handler, error) { return vouching(newSCS(idle), fixture.Subject), nil }
}

// scsSessions are in memory, which is the library's default.
type scsSessions struct{ *scs.SessionManager }

func newSCS(idle time.Duration) scsSessions {
	m := scs.New()
	m.Cookie.Secure, m.Cookie.Name, m.Lifetime, m.IdleTimeout = true, "__Host-session", 12*time.Hour, idle
	return scsSessions{m}
}

func (s scsSessions) begin(_ http.ResponseWriter, r *http.Request, subject string) error {
	if err := s.RenewToken(r.Context()); err != nil {
		return err
	}
	s.Put(r.Context(), "subject", subject)
	return nil
}

func (s scsSessions) around(next http.Handler) http.Handler { return s.LoadAndSave(next) }

func (s scsSessions) subject(r *http.Request) string { return s.GetString(r.Context(), "subject") }
