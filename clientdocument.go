package openid

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openid-client/openid/internal/endpoint"
)

// maxClientDocument is what servers are told to read at least (draft-ietf-oauth-client-id-metadata-document-02 section 8.7), in bytes.
const maxClientDocument = 5 << 10

// A ClientDocument is a client ID metadata document: with it the client's identifier is the address of its own metadata, and a server that was
// never told of the client reads them there (draft-ietf-oauth-client-id-metadata-document). It is the [http.Handler] to serve at that address.
type ClientDocument struct {
	id       string
	metadata ClientMetadata
	body     []byte
	etag     string
}

// NewClientDocument checks m and makes the document that is served at clientID: an https URL with a path, as servers will compare it, byte for byte.
// It should be short, since users see it, and stay the same, since another one is another client.
//
// TokenEndpointAuthMethod is "none" when m says nothing, or "private_key_jwt" with JWKSURI (see [SigningKeys]) or JWKS: nobody shares a secret with a
// server that it has never met. What m holds is published. Errors, joined: mistakes in m and in clientID; a document of more than 5 KB.
func NewClientDocument(clientID string, m ClientMetadata) (*ClientDocument, error) {
	var found []error
	mistake := func(expected, got string) {
		found = append(found, fmt.Errorf("openid: NewClientDocument: expected %s, got %s", expected, got))
	}
	if expected := clientIDMistake(clientID); expected != "" {
		mistake(expected+" as the client's identifier", quoted(clientID))
	}
	if err := m.mistakes(); err != nil {
		found = append(found, err)
	}
	m.RedirectURIs = slices.Clone(m.RedirectURIs)
	m.TokenEndpointAuthMethod = cmp.Or(m.TokenEndpointAuthMethod, methodNone)
	keyed := len(m.JWKS) > 0 || m.JWKSURI != ""
	switch method := m.TokenEndpointAuthMethod; {
	case slices.Contains(secretMethods, method):
		mistake("a TokenEndpointAuthMethod without a shared secret", quoted(method))
	case method == methodPrivateKeyJWT && !keyed:
		mistake("JWKSURI or JWKS for "+method, "neither")
	case method == methodNone && m.TokenEndpointAuthSigningAlg != "":
		mistake("no TokenEndpointAuthSigningAlg, since nothing is signed", quoted(m.TokenEndpointAuthSigningAlg))
	}
	if !m.SoftwareStatement.IsEmpty() {
		mistake("no SoftwareStatement in a document that anybody may read", "one")
	}
	d := &ClientDocument{id: clientID, metadata: m, body: m.document(clientID)}
	if len(d.body) > maxClientDocument {
		mistake("a document of at most "+strconv.Itoa(maxClientDocument)+" bytes", strconv.Itoa(len(d.body))+" bytes")
	}
	if len(found) > 0 {
		return nil, errors.Join(found...)
	}
	sum := sha256.Sum256(d.body)
	d.etag = `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	return d, nil
}

// clientIDMistake says what is expected where id breaks section 3 of the draft.
func clientIDMistake(id string) string {
	const wanted = "an https URL with a path, without fragment, user, query and dot segments"
	u, err := new(endpoint.Client).ParseURL(id)
	if err != nil || strings.Trim(u.Path, "/") == "" || strings.Contains(id, "?") || u.String() != id || u.Host != strings.ToLower(u.Host) || u.Port() == "443" {
		return wanted + ", as it is written in its normal form"
	}
	for segment := range strings.SplitSeq(u.EscapedPath(), "/") {
		if plain, err := url.PathUnescape(segment); err != nil || plain == "." || plain == ".." {
			return wanted
		}
	}
	return ""
}

// ClientID is the address of the document: the client's identifier at every server that reads it.
func (d *ClientDocument) ClientID() string { return d.id }

// String names the client.
func (d *ClientDocument) String() string { return "client ID metadata document of " + quoted(d.id) }

// ServeHTTP answers GET and HEAD with the document, which may be kept for an hour.
func (d *ClientDocument) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	publish(w, r, "application/json", d.etag, time.Hour, d.body)
}

// publish answers with a public document.
func publish(w http.ResponseWriter, r *http.Request, mediaType, etag string, age time.Duration, body []byte) {
	h := w.Header()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	h.Set("Content-Type", mediaType)
	h.Set("Cache-Control", "public, max-age="+strconv.Itoa(int(age/time.Second)))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("ETag", etag)
	r = r.WithContext(r.Context())
	r.Header = r.Header.Clone()
	r.Header.Del("Range") // a document in parts is of no use to anybody
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}
