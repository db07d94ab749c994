package login

import (
	"context"
	"net/http"
	"strings"

	"github.com/openid-client/openid"
)

// maxBearer bounds a token before anything is done with it.
const maxBearer = 16 << 10

// Bearer is the [Strategy] of access tokens in the Authorization header (RFC 6750 section 2.1). Verify says whose it is, for example by
// [openid.Client.VerifyAccessToken] or [openid.Client.Introspect]: an error that is no [ErrCredentials] means that it cannot say.
type Bearer struct {
	Realm  string // optional
	Verify func(ctx context.Context, token openid.Secret) (Identity, error)
}

// Authenticate implements [Strategy].
func (b Bearer) Authenticate(_ http.ResponseWriter, r *http.Request) (Outcome, error) {
	challenge := "Bearer"
	if b.Realm != "" {
		challenge += " realm=" + quoteParameter(b.Realm)
	}
	headers := r.Header["Authorization"]
	if len(headers) == 0 {
		return Fail(http.StatusUnauthorized, challenge), nil // RFC 6750 section 3.1: no error code for who brings nothing
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if len(headers) == 1 && !strings.EqualFold(scheme, "Bearer") {
		return Fail(http.StatusUnauthorized, challenge), nil
	}
	separator := " "
	if b.Realm != "" {
		separator = ", "
	}
	if len(headers) != 1 || token == "" || len(token) > maxBearer || !printable(token) {
		return Fail(http.StatusBadRequest, challenge+separator+`error="invalid_request"`), nil
	}
	id, err := b.Verify(r.Context(), openid.NewSecret(token))
	switch {
	case err == nil:
		return Success(id), nil
	case wrongCredentials(err):
		return Fail(http.StatusUnauthorized, challenge+separator+`error="invalid_token"`), nil
	}
	return Outcome{}, err
}
