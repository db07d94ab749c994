package openid_test

import (
	"fmt"
	"log"
	"strings"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/internal/hostile"
)

// Entra ID for several organizations: one client, the list of who may come in, and users that are told apart by issuer and subject.
func ExampleConfig_tenants() {
	const contoso, fabrikam = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490", "82229342-1101-4ab6-817b-70c0747630f3"
	_, op := start()
	defer op.stop()
	op.Metadata = func(m map[string]any) { m["issuer"] = "https://login.microsoftonline.com/{tenantid}/v2.0" }
	user := func(tenant string) {
		op.Issuer = "https://login.microsoftonline.com/" + tenant + "/v2.0"
		op.IDToken = func(tok *hostile.Token) { tok.Claims["tid"] = tenant }
	}

	client, err := openid.New(openid.Config{
		Issuer:       "https://login.microsoftonline.com/{tenantid}/v2.0",
		DiscoveryURL: op.URL("discovery"), // there: https://login.microsoftonline.com/organizations/v2.0/.well-known/openid-configuration
		Tenants:      []string{contoso, fabrikam},
		ClientID:     "client",
		Auth:         openid.ClientSecretPost(openid.NewSecret(op.ClientSecret)),
		RedirectURI:  "https://app.example/cb",
		HTTPClient:   op.HTTPClient(),
	})
	if err != nil {
		log.Fatal(err)
	}
	user(contoso)
	fmt.Println(op.logIn(client, "openid").IDToken.Issuer())
	user(fabrikam)
	fmt.Println(op.logIn(client, "openid").IDToken.Issuer())
	// Output:
	// https://login.microsoftonline.com/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0
	// https://login.microsoftonline.com/82229342-1101-4ab6-817b-70c0747630f3/v2.0
}

// A place for tenants without a list of them would let every organization of the world in: New refuses it.
func ExampleConfig_incorrectTenants() {
	_, err := openid.New(openid.Config{
		Issuer:       "https://login.microsoftonline.com/{tenantid}/v2.0",
		DiscoveryURL: "https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration",
		ClientID:     "client",
		Auth:         openid.None(),
	})
	fmt.Println(err)
	// Output: openid: Config.Tenants: expected the tenants that may log in, since Issuer has a place for one, got none
}

// Google may leave https:// out of its tokens (the alias there is "accounts.google.com"). The user's key stays the same.
func ExampleConfig_issuerAliases() {
	_, op := start()
	defer op.stop()
	client := op.client(func(cfg *openid.Config) { cfg.IssuerAliases = []string{"op.example/t"} })

	fmt.Println(op.logIn(client, "openid").IDToken.Issuer())
	op.IDToken = func(tok *hostile.Token) { tok.Claims["iss"] = strings.TrimPrefix(op.Issuer, "https://") }
	fmt.Println(op.logIn(client, "openid").IDToken.Issuer())
	// Output:
	// https://op.example/t
	// https://op.example/t
}

// Azure AD B2C publishes metadata for each user flow, at an address that is not below the issuer. The issuer is what that document says.
func ExampleConfig_discoveryURL() {
	_, op := start()
	defer op.stop()
	const issuer = "https://contoso.b2clogin.com/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0/"
	inside := op.URL("discovery") // there: https://contoso.b2clogin.com/contoso.onmicrosoft.com/B2C_1_signin/v2.0/.well-known/openid-configuration
	op.Issuer = issuer

	client := op.client(func(cfg *openid.Config) { cfg.Issuer, cfg.DiscoveryURL = issuer, inside })
	fmt.Println(op.logIn(client, "openid").IDToken.Issuer())
	// Output: https://contoso.b2clogin.com/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0/
}
