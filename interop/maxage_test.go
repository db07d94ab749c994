package interop

import (
	"testing"
	"time"

	"github.com/openid-client/openid"
)

func TestMaxAge(t *testing.T) {
	eachProvider(t, func(t *testing.T, p *provider) {
		c, ua := p.confidential(t), p.userAgent()
		for _, row := range []struct {
			name   string
			maxAge time.Duration
			typed  int // passwords so far
		}{
			{"a first login", time.Hour, 1},
			{"a recent login will do", time.Hour, 1},
			{"only a new login will do", 0, 2},
		} {
			t.Run(row.name, func(t *testing.T) {
				tokens, _ := logIn(t, c, ua, openid.AuthorizationRequest{Scope: []string{"openid"}, MaxAge: &row.maxAge})
				if at := tokens.IDToken.AuthTime(); time.Since(at).Abs() > time.Hour {
					t.Errorf("auth_time is %v", at)
				}
				if p.pages && ua.typed != row.typed {
					t.Errorf("the password was asked for %d times, want %d", ua.typed, row.typed)
				}
			})
		}
	})
}
