package openid

import (
	"fmt"
	"testing"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

func BenchmarkVerifyIDToken(b *testing.B) {
	for _, alg := range []string{"RS256", "ES256", "EdDSA", "HS256"} {
		b.Run(alg, func(b *testing.B) {
			p := hostile.New(b)
			p.Alg = alg
			c, err := New(Config{Issuer: p.Issuer, ClientID: p.ClientID, Auth: ClientSecret(NewSecret(p.ClientSecret)), HTTPClient: p.HTTPClient(),
				IDTokenSigningAlgs: []string{alg}})
			if err != nil {
				b.Fatal(err)
			}
			now := time.Now().Unix()
			tok := hostile.NewToken(p.SigningKey(), nil)
			tok.RawPayload = []byte(fmt.Sprintf(`{"iss":%q,"sub":"248289761001","aud":"client","nonce":"n-0S6_WzA2Mjqwertyuiopasdfg","exp":%d,"iat":%d,"auth_time":%d,"azp":"client","acr":"urn:mace:incommon:iap:silver","amr":["pwd","otp"],"at_hash":"77QmUPtjPfzWtF2AnpK9RQ","sid":"08a5019c-17e1-4977-8f42-65a12843ea02","name":"Jane Doe","email":"janedoe@example.com","email_verified":true,"locale":"en-US","groups":["a","b","c"]}`, p.Issuer, now+3600, now, now))
			raw := tok.String()
			if _, err := c.VerifyIDToken(b.Context(), raw, "n-0S6_WzA2Mjqwertyuiopasdfg"); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				c.VerifyIDToken(b.Context(), raw, "n-0S6_WzA2Mjqwertyuiopasdfg")
			}
		})
	}
}
