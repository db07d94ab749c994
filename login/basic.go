package login

import (
	"context"
	"net/http"

	"github.com/openid-client/openid"
)

// Basic is the [Strategy] of HTTP Basic authentication (RFC 7617), for scripts: browsers never forget what was typed. Verify says who it is,
// an error that is no [ErrCredentials] that it cannot. It has to take the same time for names that do not exist.
type Basic struct {
	Realm  string
	Verify func(ctx context.Context, name string, password openid.Secret) (Identity, error)
}

// Authenticate implements [Strategy].
func (b Basic) Authenticate(_ http.ResponseWriter, r *http.Request) (Outcome, error) {
	fail := Fail(http.StatusUnauthorized, "Basic realm="+quoteParameter(b.Realm)+`, charset="UTF-8"`)
	name, password, ok := r.BasicAuth()
	if !ok || len(r.Header["Authorization"]) != 1 {
		return fail, nil
	}
	id, err := b.Verify(r.Context(), name, openid.NewSecret(password))
	switch {
	case err == nil:
		return Success(id), nil
	case wrongCredentials(err):
		return fail, nil
	}
	return Outcome{}, err
}
