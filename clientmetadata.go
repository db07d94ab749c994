package openid

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openid-client/openid/internal/strict"
)

// ClientMetadata is what a client says of itself when it registers, and what the server has made of it (RFC 7591 section 2, OpenID Connect
// Dynamic Client Registration 1.0 section 2, and the specifications that registered more). What is empty, nil or false is not sent: the
// server then decides.
type ClientMetadata struct {
	RedirectURIs                []string
	PostLogoutRedirectURIs      []string // OpenID Connect RP-Initiated Logout 1.0 section 3.1
	TokenEndpointAuthMethod     string   // such as "private_key_jwt"; an answer with another is refused
	TokenEndpointAuthSigningAlg string
	GrantTypes                  []string
	ResponseTypes               []string // an empty list that is not nil says: none
	ApplicationType             string   // "web" or "native"
	Scope                       []string // what may be asked for
	AuthorizationDetailsTypes   []string // RFC 9396 section 10

	ClientName, ClientURI, LogoURI, PolicyURI, TOSURI string // for people; in their languages by Extra, as "client_name#fr"
	Contacts                                          []string
	SoftwareID, SoftwareVersion                       string
	SoftwareStatement                                 Secret // a JWT of somebody whom the server trusts (RFC 7591 section 2.3)

	JWKSURI             string
	JWKS                json.RawMessage // the client's public keys, instead of JWKSURI
	SectorIdentifierURI string
	SubjectType         string // "pairwise" or "public"

	IDTokenSignedResponseAlg, IDTokenEncryptedResponseAlg, IDTokenEncryptedResponseEnc                   string
	UserInfoSignedResponseAlg, UserInfoEncryptedResponseAlg, UserInfoEncryptedResponseEnc                string
	AuthorizationSignedResponseAlg, AuthorizationEncryptedResponseAlg, AuthorizationEncryptedResponseEnc string // JARM section 3
	IntrospectionSignedResponseAlg, IntrospectionEncryptedResponseAlg, IntrospectionEncryptedResponseEnc string // RFC 9701 section 6
	RequestObjectSigningAlg, RequestObjectEncryptionAlg, RequestObjectEncryptionEnc                      string
	RequestURIs                                                                                          []string
	RequireSignedRequestObject                                                                           bool // RFC 9101 section 10.5
	RequirePushedAuthorizationRequests                                                                   bool // RFC 9126 section 6

	DefaultMaxAge    *time.Duration // in whole seconds; nil: none
	RequireAuthTime  bool
	DefaultACRValues []string
	InitiateLoginURI string

	FrontchannelLogoutURI, BackchannelLogoutURI                         string // OpenID Connect Front-Channel and Back-Channel Logout 1.0
	FrontchannelLogoutSessionRequired, BackchannelLogoutSessionRequired bool

	BackchannelTokenDeliveryMode               string // "poll" or "ping" (CIBA section 4)
	BackchannelClientNotificationEndpoint      string
	BackchannelAuthenticationRequestSigningAlg string
	BackchannelUserCodeParameter               bool

	DPoPBoundAccessTokens                 bool   // RFC 9449 section 5.2
	TLSClientCertificateBoundAccessTokens bool   // RFC 8705 section 3.4
	UseMTLSEndpointAliases                bool   // FAPI 2.0 Security Profile
	TLSClientAuthSubjectDN                string // one of the five says whose certificate tls_client_auth means (RFC 8705 section 2.1.2)
	TLSClientAuthSANDNS                   string
	TLSClientAuthSANURI                   string
	TLSClientAuthSANIP                    string
	TLSClientAuthSANEmail                 string

	// Extra holds every other member, as JSON. It cannot replace what has a field above.
	Extra map[string]json.RawMessage
}

func (m *ClientMetadata) members() []member {
	return []member{
		{"redirect_uris", &m.RedirectURIs},
		{"post_logout_redirect_uris", &m.PostLogoutRedirectURIs},
		{"token_endpoint_auth_method", &m.TokenEndpointAuthMethod},
		{"token_endpoint_auth_signing_alg", &m.TokenEndpointAuthSigningAlg},
		{"grant_types", &m.GrantTypes},
		{"response_types", &m.ResponseTypes},
		{"application_type", &m.ApplicationType},
		{"scope", (*words)(&m.Scope)},
		{"authorization_details_types", &m.AuthorizationDetailsTypes},
		{"client_name", &m.ClientName},
		{"client_uri", &m.ClientURI},
		{"logo_uri", &m.LogoURI},
		{"policy_uri", &m.PolicyURI},
		{"tos_uri", &m.TOSURI},
		{"contacts", &m.Contacts},
		{"software_id", &m.SoftwareID},
		{"software_version", &m.SoftwareVersion},
		{"software_statement", &m.SoftwareStatement},
		{"jwks_uri", &m.JWKSURI},
		{"jwks", &m.JWKS},
		{"sector_identifier_uri", &m.SectorIdentifierURI},
		{"subject_type", &m.SubjectType},
		{"id_token_signed_response_alg", &m.IDTokenSignedResponseAlg},
		{"id_token_encrypted_response_alg", &m.IDTokenEncryptedResponseAlg},
		{"id_token_encrypted_response_enc", &m.IDTokenEncryptedResponseEnc},
		{"userinfo_signed_response_alg", &m.UserInfoSignedResponseAlg},
		{"userinfo_encrypted_response_alg", &m.UserInfoEncryptedResponseAlg},
		{"userinfo_encrypted_response_enc", &m.UserInfoEncryptedResponseEnc},
		{"authorization_signed_response_alg", &m.AuthorizationSignedResponseAlg},
		{"authorization_encrypted_response_alg", &m.AuthorizationEncryptedResponseAlg},
		{"authorization_encrypted_response_enc", &m.AuthorizationEncryptedResponseEnc},
		{"introspection_signed_response_alg", &m.IntrospectionSignedResponseAlg},
		{"introspection_encrypted_response_alg", &m.IntrospectionEncryptedResponseAlg},
		{"introspection_encrypted_response_enc", &m.IntrospectionEncryptedResponseEnc},
		{"request_object_signing_alg", &m.RequestObjectSigningAlg},
		{"request_object_encryption_alg", &m.RequestObjectEncryptionAlg},
		{"request_object_encryption_enc", &m.RequestObjectEncryptionEnc},
		{"request_uris", &m.RequestURIs},
		{"require_signed_request_object", &m.RequireSignedRequestObject},
		{"require_pushed_authorization_requests", &m.RequirePushedAuthorizationRequests},
		{"default_max_age", &m.DefaultMaxAge},
		{"require_auth_time", &m.RequireAuthTime},
		{"default_acr_values", &m.DefaultACRValues},
		{"initiate_login_uri", &m.InitiateLoginURI},
		{"frontchannel_logout_uri", &m.FrontchannelLogoutURI},
		{"frontchannel_logout_session_required", &m.FrontchannelLogoutSessionRequired},
		{"backchannel_logout_uri", &m.BackchannelLogoutURI},
		{"backchannel_logout_session_required", &m.BackchannelLogoutSessionRequired},
		{"backchannel_token_delivery_mode", &m.BackchannelTokenDeliveryMode},
		{"backchannel_client_notification_endpoint", &m.BackchannelClientNotificationEndpoint},
		{"backchannel_authentication_request_signing_alg", &m.BackchannelAuthenticationRequestSigningAlg},
		{"backchannel_user_code_parameter", &m.BackchannelUserCodeParameter},
		{"dpop_bound_access_tokens", &m.DPoPBoundAccessTokens},
		{"tls_client_certificate_bound_access_tokens", &m.TLSClientCertificateBoundAccessTokens},
		{"use_mtls_endpoint_aliases", &m.UseMTLSEndpointAliases},
		{"tls_client_auth_subject_dn", &m.TLSClientAuthSubjectDN},
		{"tls_client_auth_san_dns", &m.TLSClientAuthSANDNS},
		{"tls_client_auth_san_uri", &m.TLSClientAuthSANURI},
		{"tls_client_auth_san_ip", &m.TLSClientAuthSANIP},
		{"tls_client_auth_san_email", &m.TLSClientAuthSANEmail},
	}
}

// String names the client and shows nothing else: Extra may hold what is secret.
func (m ClientMetadata) String() string { return "metadata of " + quoted(m.ClientName) }

// Format writes what String says, for every verb.
func (m ClientMetadata) Format(f fmt.State, _ rune) { fmt.Fprint(f, m.String()) }

// MarshalText shows what String says; JSON encoders and log/slog use it.
func (m ClientMetadata) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// take reads one member of a registration, with a table of m's members. What is of another kind stays out, and is named.
func (m *ClientMetadata) take(table []member, name string, v strict.Value) (expected string) {
	if i := slices.IndexFunc(table, func(r member) bool { return r.name == name }); i >= 0 {
		return table[i].take(v)
	}
	if m.Extra == nil {
		m.Extra = make(map[string]json.RawMessage)
	}
	m.Extra[name] = json.RawMessage(slices.Clone(v))
	return ""
}

// document writes what is set, and the client's identifier where it has one.
func (m *ClientMetadata) document(clientID string) []byte {
	b := append(make([]byte, 0, 1024), '{')
	next := func(name string) {
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = append(appendText(b, name), ':')
	}
	if clientID != "" {
		next("client_id")
		b = appendText(b, clientID)
	}
	for _, r := range m.members() {
		switch field := r.field.(type) {
		case *string:
			if *field != "" {
				next(r.name)
				b = appendText(b, *field)
			}
		case *[]string:
			if *field != nil {
				next(r.name)
				b = appendTexts(b, *field)
			}
		case *words:
			if len(*field) > 0 {
				next(r.name)
				b = appendText(b, strings.Join(*field, " "))
			}
		case *bool:
			if *field {
				next(r.name)
				b = append(b, "true"...)
			}
		case *json.RawMessage:
			if len(*field) > 0 {
				next(r.name)
				b = append(b, *field...)
			}
		case **time.Duration:
			if *field != nil {
				next(r.name)
				b = strconv.AppendInt(b, int64(**field/time.Second), 10)
			}
		case *Secret:
			if !field.IsEmpty() {
				next(r.name)
				b = appendText(b, field.Reveal())
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Extra)) {
		next(name)
		b = append(b, m.Extra[name]...)
	}
	return append(b, '}')
}
