package openid

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/openid-client/openid/internal/endpoint"
	"github.com/openid-client/openid/internal/strict"
)

// A ClaimSource is somebody whose word about users this application takes beside its server's: a claims provider (OpenID Connect Core 1.0
// section 5.6). The server only passes on what the source has signed, or says where that is to be had.
type ClaimSource struct {
	// Client knows the source: its Issuer, its keys by discovery or by Metadata, the algorithms it may sign with (IDTokenSigningAlgs) and how
	// it is reached. ClientID is what the source calls this application, should it name an audience. A server that signs claims of its own is its
	// own source. Required.
	Client *Client
	// Origins are those that distributed claims of this source may be fetched from, such as "https://claims.example". Nil: from nowhere, and only
	// aggregated claims are read. No origin may belong to two sources.
	Origins []string
	// AccessToken was agreed upon with the source and is presented where the server brings none. Empty: nothing is presented then.
	AccessToken Secret
	// Subject is whom the source knows the user as, where the application knows that: its JWT must then say so. Empty: a sub of another issuer
	// is not compared with anything.
	Subject string
}

// A ClaimsResult is what came of one source: Claims or Err.
type ClaimsResult struct {
	Source string         // how the server's document calls it: its own word, which says nothing of who it is
	Names  []string       // the claims that are to be had there, sorted
	Claims *SourcedClaims // nil with Err
	// Err is a *[VerificationError], also for a source that nobody named, a *[ResponseError] or an *[ExchangeError].
	Err error
}

// SourcedClaims are claims that their own source has signed. Only [Client.ResolveClaims] makes them.
type SourcedClaims struct{ v **sourcedClaims }

type sourcedClaims struct {
	issuer, subject string
	payload         []byte
}

func (s *SourcedClaims) content() *sourcedClaims {
	if s == nil || s.v == nil {
		return new(sourcedClaims)
	}
	return *s.v
}

// Issuer returns iss: who vouches for the claims.
func (s *SourcedClaims) Issuer() string { return s.content().issuer }

// Subject returns sub, whom the source knows the user as; empty where it does not say, as it should not (OpenID Connect Core 1.0 section 5.6.2).
func (s *SourcedClaims) Subject() string { return s.content().subject }

// Payload returns a copy of the claims: a JSON object of those that the server's document names for this source, and of nothing else. [Claims]
// decodes it.
func (s *SourcedClaims) Payload() []byte { return slices.Clone(s.content().payload) }

// String names the source and shows no claim.
func (s SourcedClaims) String() string {
	if s.v == nil {
		return "no claims"
	}
	return "claims of " + quoted(s.Issuer())
}

// Format writes what String says, for every verb.
func (s SourcedClaims) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// MarshalText shows what String says; JSON encoders and log/slog use it.
func (s SourcedClaims) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func (s *SourcedClaims) verified() []byte { return s.content().payload }

const (
	// maxClaimSources bounds what one document can make this client do.
	maxClaimSources = 16
	// maxSourceToken is the longest access token that a document may bring, in bytes.
	maxSourceToken = 8 << 10
)

// A claimResolver is a client that looks further than its server; its tables lie here, so that nobody else links them.
type claimResolver struct {
	*Client
	references []check[*claimReferences]
	reference  []check[*claimReference]
	jwt        []check[*jwt]
}

func newClaimResolver(c *Client) *claimResolver {
	return &claimResolver{c, claimReferencesChecks, claimReferenceChecks, slices.Concat(signedChecks, []check[*jwt]{issuerCheck("OpenID Connect Core 1.0 §5.6.2, RFC 8725 §3.8")}, claimJWTChecks)}
}

// ResolveClaims reads the aggregated and distributed claims that an ID Token or a UserInfo of this client refers to (OpenID Connect Core 1.0
// section 5.6.2): the result has one entry for each source that the document refers to, in the order of their names; none where it refers to
// none. Nothing else calls it: without it no address in a document is ever asked, and a login goes on whatever its document refers to.
//
// Only the given sources are believed, each for what its own keys have signed, and only origins that they name are asked, all at once, with
// the token that the document brings for it and never the user's. A bad source does not spoil the others: its entry has an Err. What two sources
// say of the same claim stays apart.
//
// Errors: *[VerificationError] for a document that contradicts itself, or of another issuer; mistakes of the arguments.
func (c *Client) ResolveClaims(ctx context.Context, document Verified, sources ...ClaimSource) ([]ClaimsResult, error) {
	return newClaimResolver(c).resolve(c.newFlow(ctx), document, sources)
}

func (r *claimResolver) resolve(ctx context.Context, document Verified, sources []ClaimSource) ([]ClaimsResult, error) {
	issuer, subject, err := r.aboutWhom(document)
	if err != nil {
		return nil, err
	}
	named, err := nameSources(sources)
	if err != nil {
		return nil, err
	}
	d := new(claimReferences)
	err = strict.Object(document.verified(), func(name []byte, v strict.Value) error {
		switch string(name) {
		case "_claim_names":
			d.names = v
		case "_claim_sources":
			d.sources = v
		}
		return nil
	})
	if err != nil || d.names == nil {
		return nil, err
	}
	if err := judge(ctx, r.Client, r.references, d); err != nil {
		return nil, err
	}
	results := make([]ClaimsResult, 0, len(d.bySource))
	for _, source := range slices.Sorted(maps.Keys(d.bySource)) {
		names := d.bySource[source]
		slices.Sort(names)
		results = append(results, ClaimsResult{Source: source, Names: names})
	}
	var all sync.WaitGroup
	for i := range results {
		all.Go(func() {
			result := &results[i]
			ref := &claimReference{r: r, named: named, names: result.Names, value: d.found[result.Source],
				about: issuer, subject: subject}
			result.Claims, result.Err = r.follow(ctx, ref)
		})
	}
	all.Wait()
	return results, nil
}

// aboutWhom is the user of a document, which must be this client's.
func (r *claimResolver) aboutWhom(document Verified) (issuer, subject string, err error) {
	kind := "UserInfo"
	switch d := document.(type) {
	case *IDToken:
		kind, issuer, subject = "ID Token", d.Issuer(), d.Subject()
	case *UserInfo:
		issuer, subject = d.content().issuer, d.Subject()
	default:
		return "", "", errors.New("openid: ResolveClaims: expected an ID Token or UserInfo")
	}
	if _, ok := r.issuerNamed(issuer); !ok {
		return "", "", &VerificationError{Document: kind, Check: "issuer", Expected: r.anyName(), Got: quoted(issuer), Spec: "RFC 9700 §4.4"}
	}
	return issuer, subject, nil
}

// A namedSource is a [ClaimSource] whose origins have been read.
type namedSource struct {
	ClaimSource
	origins []string
}

func nameSources(sources []ClaimSource) ([]namedSource, error) {
	named := make([]namedSource, 0, len(sources))
	var mistakes []error
	mistake := func(i int, field, expected, got string) {
		mistakes = append(mistakes, fmt.Errorf("openid: ResolveClaims: source %d: %s: expected %s, got %s", i, field, expected, got))
	}
	for i, s := range sources {
		if s.Client == nil {
			mistake(i, "Client", "the client that knows the source", "nil")
			continue
		}
		n := namedSource{ClaimSource: s}
		if len(s.Origins) > 0 {
			read := &bearer{c: s.Client}
			if read.allow(s.Origins[0], s.Origins[1:]...); read.err != nil {
				mistake(i, "Origins", "origins such as https://claims.example", quoted(strings.Join(s.Origins, " ")))
			}
			n.origins = read.origins
		}
		for _, before := range named {
			if before.Client.shares(s.Client) {
				mistake(i, "Client", "an issuer of its own", quoted(s.Client.cfg.Issuer)+" once more")
			}
			for _, origin := range n.origins {
				if slices.Contains(before.origins, origin) {
					mistake(i, "Origins", "origins of its own", quoted(origin)+", which is another source's too")
				}
			}
		}
		named = append(named, n)
	}
	return named, errors.Join(mistakes...)
}

// shares reports whether both clients take one name for their server's.
func (c *Client) shares(other *Client) bool {
	_, ok := c.issuerNamed(other.cfg.Issuer)
	_, too := other.issuerNamed(c.cfg.Issuer)
	return ok || too || c.cfg.Issuer == other.cfg.Issuer
}

// errNoSource is what the rows leave nothing of.
var errNoSource = errors.New("openid: no source is named that has these claims")

// follow gets what one source says and verifies it.
func (r *claimResolver) follow(ctx context.Context, ref *claimReference) (*SourcedClaims, error) {
	ref.read()
	if err := judge(ctx, r.Client, r.reference, ref); err != nil {
		return nil, err
	}
	if ref.source == nil {
		return nil, errNoSource
	}
	source := ref.source.Client
	if ref.distributed() {
		var err error
		if ref.raw, err = ref.fetch(ctx); err != nil {
			return nil, err
		}
	}
	s, err := source.current(ctx)
	if err != nil {
		return nil, err
	}
	j := source.newJWT("sourced claims", s, s.algs, ref.raw, expectation{claims: ref})
	defer j.release()
	if err := judge(ctx, r.Client, r.jwt, j); err != nil {
		return nil, err
	}
	j.keepHeader()
	members := make(map[string]json.RawMessage, len(ref.names))
	err = strict.Object(j.payload, func(name []byte, v strict.Value) error {
		if slices.Contains(ref.names, string(name)) {
			members[string(name)] = json.RawMessage(v)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	v := &sourcedClaims{issuer: j.issuer.issuer}
	v.subject, _ = j.claims.sub.Text()
	if v.payload, err = appendMembers(nil, members); err != nil {
		return nil, err
	}
	return &SourcedClaims{&v}, nil
}

var jwtMediaTypes = []string{"application/jwt"}

// fetch asks the endpoint of distributed claims (RFC 6750 section 2.1), once and without following anything.
func (ref *claimReference) fetch(ctx context.Context) (string, error) {
	token := ref.tokenText
	if token == "" {
		token = ref.source.AccessToken.Reveal()
	}
	req := &endpoint.Request{Method: http.MethodGet, URL: ref.url, Accept: jwtMediaTypes}
	if token != "" {
		req.Header = http.Header{"Authorization": {"Bearer " + token}}
	}
	sent := func() []string { return []string{token} }
	res, err := ref.source.Client.exchange(ctx, "claims", req, sent)
	if err != nil {
		return "", err
	}
	if res.Status != http.StatusOK {
		return "", statusError("claims", res, sent)
	}
	return string(res.Body), nil
}

// allows finds the source that an address belongs to.
func (ref *claimReference) allows(u *url.URL) *namedSource {
	origin := originOf(u)
	for i := range ref.named {
		if slices.Contains(ref.named[i].origins, origin) {
			return &ref.named[i]
		}
	}
	return nil
}
