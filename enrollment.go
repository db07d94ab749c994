package openid

import (
	"context"
	"errors"
	"slices"
)

// An Enrollment decides what a client is known by at a server that it may never have met: a registration that there is already, the client's own
// metadata document where the server reads those (client_id_metadata_document_supported), dynamic registration where the server offers that. In this
// order, since each way leaves more behind at the server than the one before.
type Enrollment struct {
	// Registered finds the registration that there is at an issuer: by an administrator, or what Keep was given. No registration and no error: there is
	// none. Nil: there never is.
	Registered func(ctx context.Context, issuer string) (*Registration, error)
	// Document is the client's metadata document; nil: it has none.
	Document *ClientDocument
	// Metadata is what is registered dynamically (RFC 7591); nil: nothing ever is.
	Metadata *ClientMetadata
	// InitialAccess is for servers that want a token of those who register.
	InitialAccess []InitialAccess
	// Keep stores a new registration, for Registered to find: each registration makes another client, and the server says its secrets once. Required
	// with Metadata.
	Keep func(ctx context.Context, r *Registration) error
}

// Config completes cfg so that [New] makes the client of it: with ClientID and whatever [Registration.Config] says. A cfg with a ClientID is
// registered and stays as it is. What cfg says for itself, such as Auth, has to fit all the ways that may be taken; for a Document with
// private_key_jwt it says Auth.
//
// Errors: those of [Register], where the *[RegistrationError] also says that Keep failed; those of Registered and of [Registration.Config];
// *[VerificationError] when no way is left.
func (e Enrollment) Config(ctx context.Context, cfg Config) (Config, error) {
	if cfg.ClientID != "" {
		return cfg, nil
	}
	if e.Metadata != nil && e.Keep == nil {
		return Config{}, errors.New("openid: Enrollment: expected Keep with Metadata, got nil")
	}
	if e.Registered != nil {
		switch r, err := e.Registered(ctx, cfg.Issuer); {
		case err != nil:
			return Config{}, &grantError{"Enrollment.Registered", err}
		case r != nil:
			return r.Config(cfg)
		}
	}
	c, err := newRegistrar(cfg)
	if err != nil {
		return Config{}, err
	}
	defer c.hangUp(cfg)
	r, err := e.enroll(ctx, c)
	if err != nil {
		return Config{}, err
	}
	return r.Config(cfg)
}

func (e Enrollment) enroll(ctx context.Context, c *registrar) (*Registration, error) {
	ctx = c.newFlow(ctx)
	s, err := c.current(ctx)
	if err != nil {
		return nil, err
	}
	if e.Document.readBy(s.meta) {
		return &Registration{ClientID: e.Document.id, Metadata: e.Document.metadata, issuer: c.cfg.Issuer}, nil
	}
	if e.Metadata == nil {
		return nil, &VerificationError{Document: "server metadata", Check: "client_id_metadata_document_supported", Expected: "true, or another way to be known there",
			Got: "no way for this client", Spec: "draft-ietf-oauth-client-id-metadata-document-02 §6"}
	}
	r, err := c.register(ctx, *e.Metadata, e.InitialAccess)
	if err != nil {
		return nil, err
	}
	if err := e.Keep(ctx, r); err != nil {
		return nil, &RegistrationError{r, &keepError{err}}
	}
	return r, nil
}

// readBy: the server reads metadata documents, and takes the authentication that this one names.
func (d *ClientDocument) readBy(m *ServerMetadata) bool {
	methods := m.TokenEndpointAuthMethodsSupported
	return d != nil && m.ClientIDMetadataDocumentSupported && (len(methods) == 0 || slices.Contains(methods, d.metadata.TokenEndpointAuthMethod))
}

// A keepError says that a registration could not be kept.
type keepError struct{ err error }

func (e *keepError) Error() string { return "openid: Enrollment.Keep: " + beneath(e.err) }
func (e *keepError) Unwrap() error { return e.err }
