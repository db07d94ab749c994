package provider

import (
	"net/http"
	"strings"
)

// accessToken has the size of a JWT.
var accessToken = strings.Repeat("abcdefgh", 100)

var tokenResponse = []byte(`{"access_token":"` + accessToken + `","token_type":"Bearer","expires_in":3600,"scope":"accounts:read accounts:write"}`)

func serveToken(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header["Content-Type"] = []string{"application/json"}
	header["Cache-Control"] = []string{"no-store"}
	_, _, authenticated := r.BasicAuth()
	if !authenticated || r.PostFormValue("grant_type") != "client_credentials" {
		w.WriteHeader(http.StatusBadRequest)
		w.Write([]byte(`{"error":"invalid_request"}`))
		return
	}
	w.Write(tokenResponse)
}
