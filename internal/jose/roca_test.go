package jose

import (
	"crypto/rand"
	"crypto/rsa"
	"math"
	"math/big"
	"strings"
	"testing"
)

// rocaModulus is a product of two numbers that are what RSALib would have tried as primes. The fingerprint is in each, prime or not.
func rocaModulus(bits int) *big.Int {
	last := int64(lastPrimeOfRSALib)
	if bits >= 3968 {
		last = 1427
	}
	m := big.NewInt(2)
	for p := int64(3); p <= last; p += 2 {
		if big.NewInt(p).ProbablyPrime(0) {
			m.Mul(m, big.NewInt(p))
		}
	}
	product := big.NewInt(1)
	for range 2 {
		a := must(rand.Int(rand.Reader, m))
		k := new(big.Int).Lsh(big.NewInt(1), uint(bits/2))
		k.Sub(k.Div(k, m), must(rand.Int(rand.Reader, big.NewInt(1<<16)))) // so that no bit is missing
		factor := new(big.Int).Exp(big.NewInt(65537), a, m)
		product.Mul(product, factor.Add(factor, k.Mul(k, m)))
	}
	if err := checkModulus(product); err != nil && err != errROCA { // numbers that are no primes can have factors behind M's
		return rocaModulus(bits)
	}
	return product
}

// roughOf is a number of so many bits that no prime below 752 divides.
func roughOf(bits uint) *big.Int {
	n := oddOf(bits)
	for checkModulus(n) != nil {
		n.Add(n, big.NewInt(2))
	}
	return n
}

func TestROCA(t *testing.T) {
	for _, bits := range []int{2048, 3072, 4096} {
		for range 5 {
			if _, err := NewKey(&rsa.PublicKey{N: rocaModulus(bits), E: 65537}, ""); err != errROCA {
				t.Errorf("%d bits: %v", bits, err)
			}
		}
	}
	// A single factor that is not of that form, and the modulus is of none.
	n := new(big.Int).Mul(rocaModulus(1024), must(rand.Prime(rand.Reader, 1024)))
	if err := checkModulus(n); err != nil {
		t.Error(err)
	}
}

// TestOneResidueTells: a modulus that looks like RSALib's to all primes but one is not RSALib's.
func TestOneResidueTells(t *testing.T) {
	m := big.NewInt(2)
	for _, p := range smallPrimes {
		if p <= lastPrimeOfRSALib {
			m.Mul(m, big.NewInt(int64(p)))
		}
	}
	roca, told := rocaModulus(2048), 0
	for _, p := range smallPrimes {
		others := new(big.Int).Div(m, big.NewInt(int64(p)))
		for n, k := new(big.Int).Set(roca), 0; p <= lastPrimeOfRSALib && k < 4*int(p); k++ {
			n.Add(n, others) // another residue modulo p, and modulo no other prime of M
			if r := new(big.Int).Mod(n, big.NewInt(int64(p))).Uint64(); r == 0 || isPower(uint(r), uint(p)) {
				continue
			}
			if err := checkModulus(n); err == errROCA {
				t.Errorf("no power modulo %d, and yet: %v", p, err)
			} else if err == nil {
				told++
				break
			} // or a prime behind M's divides it
		}
	}
	if told != 76 { // modulo the other primes every number is a power of 65537
		t.Errorf("%d of 76 primes tell", told)
	}
}

// TestHonestModuli: some hundred keys that had nothing to do with the chip.
func TestHonestModuli(t *testing.T) {
	for bits, count := range map[int]int{512: 20, 1024: 14} {
		var primes []*big.Int
		for range count {
			prime := must(rand.Prime(rand.Reader, bits))
			for _, other := range primes {
				if err := checkModulus(new(big.Int).Mul(prime, other)); err != nil {
					t.Errorf("%d bits: %v", 2*bits, err)
				}
			}
			primes = append(primes, prime)
		}
	}
}

// TestSmallPrimes compares the table, the powers and the chance of a mistake that roca.go names with what math/big says.
func TestSmallPrimes(t *testing.T) {
	i, chance := 0, 0.0
	for p := int64(3); p < 752; p += 2 {
		if !big.NewInt(p).ProbablyPrime(0) { // which is exact below 2^64
			continue
		}
		if i >= len(smallPrimes) || smallPrimes[i] != uint16(p) {
			t.Fatalf("%d is not in its place", p)
		}
		i++
		powers := map[int64]bool{}
		for exponent := range p {
			powers[new(big.Int).Exp(big.NewInt(65537), big.NewInt(exponent), big.NewInt(p)).Int64()] = true
		}
		for r := int64(1); r < p; r++ {
			if isPower(uint(r), uint(p)) != powers[r] {
				t.Errorf("%d modulo %d: %v", r, p, !powers[r])
			}
		}
		if p <= lastPrimeOfRSALib {
			chance += math.Log2(float64(len(powers)) / float64(p-1))
		}
	}
	if i != len(smallPrimes) || math.Round(chance) != -167 {
		t.Errorf("%d of %d primes; a chance of 1 in 2^%.1f", i, len(smallPrimes), -chance)
	}
}

func TestResidues(t *testing.T) {
	n := rsaKey().N
	i := 0
	for p, r := range residues(n) {
		if want := new(big.Int).Mod(n, big.NewInt(int64(p))).Uint64(); uint64(r) != want || p != uint(smallPrimes[i]) {
			t.Errorf("%d modulo %d, want %d", r, p, want)
		}
		i++
	}
	if i != len(smallPrimes) {
		t.Errorf("%d primes", i)
	}
	for _, p := range smallPrimes {
		if err := checkModulus(new(big.Int).Mul(n, big.NewInt(int64(p)))); err == nil || !strings.HasPrefix(err.Error(), "the RSA modulus can be divided by ") {
			t.Errorf("%d: %v", p, err)
		}
	}
	if err := checkModulus(new(big.Int).Mul(n, big.NewInt(757))); err != nil {
		t.Error(err)
	}
}

func BenchmarkCheckModulus(b *testing.B) {
	for name, n := range map[string]*big.Int{"honest": rsaKey().N, "honest, 4096 bits": new(big.Int).Mul(rsaKey().N, rsaKey().N), "ROCA": rocaModulus(2048)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				checkModulus(n)
			}
		})
	}
}
