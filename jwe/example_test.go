package jwe_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"

	"github.com/openid-client/openid/jwe"
)

// The client publishes the public half in its key set; what the server encrypts for it only the private half reads.
func ExampleKeys() {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	decrypter := jwe.Keys(jwe.Key{Private: private, KeyID: "2026-11", Algorithm: "ECDH-ES+A256KW"}).Encodings("A256GCM")
	fmt.Println(decrypter.Err())

	_, err = decrypter.Decrypt(context.Background(), "eyJhbGciOiJSU0ExXzUiLCJlbmMiOiJBMjU2R0NNIn0.AA.AA.AA.AA")
	fmt.Println(err)
	// Output:
	// <nil>
	// jwe: expected alg to be one of ECDH-ES, ECDH-ES+A128KW, ECDH-ES+A192KW, ECDH-ES+A256KW, RSA-OAEP, RSA-OAEP-256, RSA-OAEP-384, RSA-OAEP-512, got "RSA1_5"
}

// A request object is encrypted for the server by the keys that it publishes: hand the encrypter to openid.RequestObject.
func ExampleEncrypt() {
	encrypter := jwe.Encrypt("RSA-OAEP-256", "A256GCM")
	_, err := encrypter.Encrypt(context.Background(), []byte("a.signed.request"), []byte(`{"keys":[{"kty":"EC","crv":"P-256","use":"sig"}]}`))
	fmt.Println(err)
	// Output:
	// jwe: expected a key for RSA-OAEP-256 in the server's key set, got none
}
