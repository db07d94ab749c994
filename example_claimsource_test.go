package openid_test

import (
	"fmt"
	"log"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/internal/hostile"
)

// What the bank knows about a user, signed by the bank: the server only says where it is to be had.
func ExampleClient_ResolveClaims() {
	ctx, op := start()
	defer op.stop()
	t := new(exampleT)
	defer t.stop()
	bank := hostile.PipeAt(t, "bank.example")
	bank.Claims = map[string]any{"credit_score": 650}
	op.UserInfo = func(m map[string]any) {
		hostile.Refer(m, map[string][]string{"src1": {"credit_score"}, "src2": {"shoe_size"}}, map[string]any{
			"src1": hostile.Distributed(bank.URL("claims"), hostile.ClaimsToken),
			"src2": hostile.Distributed("https://shoes.example/claims", ""),
		})
	}
	client := op.client()
	atBank, err := openid.New(openid.Config{Issuer: bank.Issuer, ClientID: "client", Auth: openid.None(), HTTPClient: bank.HTTPClient(),
		IDTokenSigningAlgs: []string{"ES256"}})
	if err != nil {
		log.Fatal(err)
	}

	info, err := client.UserInfo(ctx, op.logIn(client, "openid"))
	if err != nil {
		log.Fatal(err)
	}
	results, err := client.ResolveClaims(ctx, info, openid.ClaimSource{Client: atBank, Origins: []string{"https://bank.example"}})
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range results {
		if r.Err != nil { // the others are good all the same
			fmt.Println(r.Names, r.Err)
			continue
		}
		type credit struct {
			Score int `json:"credit_score"`
		}
		claims, err := openid.Claims[credit](r.Claims)
		fmt.Println(r.Claims.Issuer(), claims.Score, err)
	}
	// Output:
	// https://bank.example/t 650 <nil>
	// [shoe_size] openid: claim source: endpoint: expected an https URL at one of "https://bank.example", got "https://shoes.example" (OpenID Connect Core 1.0 §5.6.2, RFC 8725 §3.10)
}
