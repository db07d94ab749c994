package openid

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/openid-client/openid/internal/strict"
)

// ServerMetadata is what a server says of itself (OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2 and the specifications
// that registered more). Usually it is discovered; set [Config].Metadata for a server that publishes none.
type ServerMetadata struct {
	Issuer                                    string
	AuthorizationEndpoint                     string
	TokenEndpoint                             string
	UserInfoEndpoint                          string
	JWKSURI                                   string
	RegistrationEndpoint                      string
	RevocationEndpoint                        string
	IntrospectionEndpoint                     string
	EndSessionEndpoint                        string
	CheckSessionIframe                        string // OpenID Connect Session Management 1.0 section 3.3
	DeviceAuthorizationEndpoint               string
	PushedAuthorizationRequestEndpoint        string
	BackchannelAuthenticationEndpoint         string
	ScopesSupported                           []string
	ResponseTypesSupported                    []string
	ResponseModesSupported                    []string
	GrantTypesSupported                       []string
	ACRValuesSupported                        []string
	ClaimsSupported                           []string
	CodeChallengeMethodsSupported             []string
	IDTokenSigningAlgValuesSupported          []string
	TokenEndpointAuthMethodsSupported         []string
	TokenEndpointAuthSigningAlgSupported      []string
	UserInfoSigningAlgValuesSupported         []string
	AuthorizationSigningAlgValuesSupported    []string // of JWT responses, JARM section 4
	RequestObjectSigningAlgValuesSupported    []string
	IntrospectionSigningAlgValuesSupported    []string // RFC 9701 section 7
	DPoPSigningAlgValuesSupported             []string // RFC 9449 section 5.1
	AuthorizationDetailsTypesSupported        []string // RFC 9396 section 10
	PromptValuesSupported                     []string
	BackchannelTokenDeliveryModesSupported    []string // CIBA section 4, like the next one
	BackchannelRequestSigningAlgSupported     []string // backchannel_authentication_request_signing_alg_values_supported
	AuthorizationResponseIssParameter         bool     // authorization_response_iss_parameter_supported, RFC 9207 section 3
	RequirePushedAuthorizationRequests        bool     // RFC 9126 section 5
	RequireSignedRequestObject                bool     // RFC 9101 section 10.5
	RequestParameterSupported                 bool
	ClaimsParameterSupported                  bool
	BackchannelLogoutSupported                bool
	FrontchannelLogoutSupported               bool
	ClientIDMetadataDocumentSupported         bool // client_id may be the address of the client's metadata document
	TLSClientCertificateBoundAccessTokens     bool
	ServiceDocumentation, OPPolicyURI, TOSURI string
	// MTLSEndpointAliases are the addresses for clients with a certificate, by the name of the member they stand in for (RFC 8705 section 5).
	MTLSEndpointAliases map[string]string

	// Extra holds every other member as it stood in the document.
	Extra map[string]json.RawMessage
}

// member binds a registered name to its field: *string, *[]string, *words, *bool, *map[string]string, *json.RawMessage, **time.Duration or
// *Secret.
type member struct {
	name  string
	field any
}

// words are a list that is written as one string, with spaces between (RFC 6749 section 3.3).
type words []string

// take reads the value of a member. Where it is of another kind, it says what was expected.
func (m member) take(v strict.Value) (expected string) {
	var ok bool
	switch field := m.field.(type) {
	case *string:
		*field, ok = v.Text()
		expected = "a string"
	case *[]string:
		*field, ok = v.Texts()
		expected = "an array of strings"
	case *words:
		var s string
		s, ok = v.Text()
		*field, expected = strings.Fields(s), "a string"
	case *bool:
		*field, ok = v.Bool()
		expected = "true or false"
	case *map[string]string:
		*field, ok = textMembers(v)
		expected = "an object of strings"
	case *json.RawMessage:
		*field, ok = json.RawMessage(slices.Clone(v)), v.Kind() == '{'
		expected = "an object"
	case **time.Duration:
		n, whole := v.Integer()
		d := time.Duration(n) * time.Second
		*field, ok = &d, whole && n >= 0 && n <= maxExpiresIn
		expected = "a number of seconds"
	case *Secret:
		var s string
		s, ok = v.Text()
		*field, expected = NewSecret(s), "a string"
	}
	if ok {
		return ""
	}
	return expected
}

func (m *ServerMetadata) members() []member {
	return []member{
		{"issuer", &m.Issuer},
		{"authorization_endpoint", &m.AuthorizationEndpoint},
		{"token_endpoint", &m.TokenEndpoint},
		{"userinfo_endpoint", &m.UserInfoEndpoint},
		{"jwks_uri", &m.JWKSURI},
		{"registration_endpoint", &m.RegistrationEndpoint},
		{"revocation_endpoint", &m.RevocationEndpoint},
		{"introspection_endpoint", &m.IntrospectionEndpoint},
		{"end_session_endpoint", &m.EndSessionEndpoint},
		{"check_session_iframe", &m.CheckSessionIframe},
		{"device_authorization_endpoint", &m.DeviceAuthorizationEndpoint},
		{"pushed_authorization_request_endpoint", &m.PushedAuthorizationRequestEndpoint},
		{"backchannel_authentication_endpoint", &m.BackchannelAuthenticationEndpoint},
		{"scopes_supported", &m.ScopesSupported},
		{"response_types_supported", &m.ResponseTypesSupported},
		{"response_modes_supported", &m.ResponseModesSupported},
		{"grant_types_supported", &m.GrantTypesSupported},
		{"acr_values_supported", &m.ACRValuesSupported},
		{"claims_supported", &m.ClaimsSupported},
		{"code_challenge_methods_supported", &m.CodeChallengeMethodsSupported},
		{"id_token_signing_alg_values_supported", &m.IDTokenSigningAlgValuesSupported},
		{"token_endpoint_auth_methods_supported", &m.TokenEndpointAuthMethodsSupported},
		{"token_endpoint_auth_signing_alg_values_supported", &m.TokenEndpointAuthSigningAlgSupported},
		{"userinfo_signing_alg_values_supported", &m.UserInfoSigningAlgValuesSupported},
		{"authorization_signing_alg_values_supported", &m.AuthorizationSigningAlgValuesSupported},
		{"request_object_signing_alg_values_supported", &m.RequestObjectSigningAlgValuesSupported},
		{"introspection_signing_alg_values_supported", &m.IntrospectionSigningAlgValuesSupported},
		{"dpop_signing_alg_values_supported", &m.DPoPSigningAlgValuesSupported},
		{"authorization_details_types_supported", &m.AuthorizationDetailsTypesSupported},
		{"prompt_values_supported", &m.PromptValuesSupported},
		{"backchannel_token_delivery_modes_supported", &m.BackchannelTokenDeliveryModesSupported},
		{"backchannel_authentication_request_signing_alg_values_supported", &m.BackchannelRequestSigningAlgSupported},
		{"authorization_response_iss_parameter_supported", &m.AuthorizationResponseIssParameter},
		{"require_pushed_authorization_requests", &m.RequirePushedAuthorizationRequests},
		{"require_signed_request_object", &m.RequireSignedRequestObject},
		{"request_parameter_supported", &m.RequestParameterSupported},
		{"claims_parameter_supported", &m.ClaimsParameterSupported},
		{"backchannel_logout_supported", &m.BackchannelLogoutSupported},
		{"frontchannel_logout_supported", &m.FrontchannelLogoutSupported},
		{"client_id_metadata_document_supported", &m.ClientIDMetadataDocumentSupported},
		{"tls_client_certificate_bound_access_tokens", &m.TLSClientCertificateBoundAccessTokens},
		{"service_documentation", &m.ServiceDocumentation},
		{"op_policy_uri", &m.OPPolicyURI},
		{"op_tos_uri", &m.TOSURI},
		{"mtls_endpoint_aliases", &m.MTLSEndpointAliases},
	}
}

// ParseServerMetadata reads a metadata document that was kept somewhere, for [Config].Metadata. A registered member of another kind
// than its specification says is an error; a null counts as absent.
func ParseServerMetadata(doc []byte) (*ServerMetadata, error) {
	m := new(ServerMetadata)
	if err := readMetadata(doc, m.members(), &m.Extra); err != nil {
		return nil, fmt.Errorf("openid: server metadata: %w", err)
	}
	return m, nil
}

// readMetadata reads a metadata document: registered members, and the others as they stand.
func readMetadata(doc []byte, members []member, extra *map[string]json.RawMessage) error {
	return strict.Object(doc, func(name []byte, v strict.Value) error {
		i := slices.IndexFunc(members, func(r member) bool { return r.name == string(name) })
		if i < 0 {
			if *extra == nil {
				*extra = make(map[string]json.RawMessage)
			}
			(*extra)[string(name)] = json.RawMessage(slices.Clone(v))
			return nil
		}
		if v.Kind() == 'n' {
			return nil
		}
		if expected := members[i].take(v); expected != "" {
			return &mistypedMember{string(name), expected}
		}
		return nil
	})
}

// A mistypedMember is a registered member of another kind than its specification says.
type mistypedMember struct{ name, expected string }

func (m *mistypedMember) Error() string { return "member " + m.name + " is not " + m.expected }

func textMembers(v strict.Value) (map[string]string, bool) {
	members := make(map[string]string)
	if v.Kind() != '{' {
		return nil, false
	}
	err := v.Members(func(name []byte, v strict.Value) error {
		s, ok := v.Text()
		if !ok {
			return errNotText
		}
		members[string(name)] = s
		return nil
	})
	return members, err == nil
}

var errNotText = errors.New("not a string")

func (m *ServerMetadata) clone() *ServerMetadata {
	c := *m
	for _, r := range c.members() {
		if list, ok := r.field.(*[]string); ok {
			*list = slices.Clone(*list)
		}
	}
	c.MTLSEndpointAliases = maps.Clone(m.MTLSEndpointAliases)
	c.Extra = maps.Clone(m.Extra)
	for name, v := range c.Extra {
		c.Extra[name] = slices.Clone(v)
	}
	return &c
}
