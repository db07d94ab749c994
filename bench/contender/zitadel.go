package contender

import (
	"context"
	"crypto/rand"
	"net/http"

	"github.com/zitadel/oidc/v3/pkg/client/rp"
	httphelper "github.com/zitadel/oidc/v3/pkg/http"
	"github.com/zitadel/oidc/v3/pkg/oidc"

	"github.com/openid-client/openid/bench/fixture"
)

// zitadelWeb uses the library's own handlers, which have no nonce, and a session by scs.
var zitadelWeb = Contender{Name: "zitadel rp + scs", WebLogin: func(issuer string, hc *http.Client) (http.Handler, error) {
	authentication, encryption := make([]byte, 32), make([]byte, 32)
	rand.Read(authentication)
	rand.Read(encryption)
	cookies := httphelper.NewCookieHandler(authentication, encryption, httphelper.WithMaxAge(600))
	party, err := rp.NewRelyingPartyOIDC(context.Background(), issuer, fixture.ClientID, fixture.ClientSecret, redirectURI, []string{oidc.ScopeOpenID, "email"},
		rp.WithCookieHandler(cookies), rp.WithPKCE(cookies), rp.WithHTTPClient(hc), rp.WithSigningAlgsFromDiscovery())
	if err != nil {
		return nil, err
	}
	s := newSCS(0)
	signIn := func(w http.ResponseWriter, r *http.Request, tokens *oidc.Tokens[*oidc.IDTokenClaims], _ string, _ rp.RelyingParty) {
		if err := s.begin(w, r, tokens.IDTokenClaims.Subject); err != nil {
			http.Error(w, "no session", http.StatusInternalServerError)
			return
		}
		http.Redirect(w, r, PageURL, http.StatusSeeOther)
	}
	mux := http.NewServeMux()
	mux.Handle(startPath, rp.AuthURLHandler(rand.Text, party))
	mux.Handle(callbackPath, s.around(rp.CodeExchangeHandler(signIn, party)))
	mux.Handle(pagePath, s.around(page(s.subject)))
	return mux, nil
}}
