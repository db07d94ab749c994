package jose

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"math/big"
	"math/bits"
)

// RSALib is what a chip of 2012 to 2017 made its keys with (ROCA, CVE-2017-15361). Its primes are k·M + (65537^a mod M), M being
// the product of the first small primes, so that half of a key can be guessed and the rest computed (Nemec and others, "The Return of
// Coppersmith's Attack", CCS 2017).
//
// Modulo each prime of M such a modulus is a power of 65537, as a product of two powers is. Of other moduli 1 in 2^167 is that for
// all primes up to 701, the ones in M for keys of 1984 bits and more: no honest key is refused.
const lastPrimeOfRSALib = 701

var errROCA = errors.New("the RSA modulus is of a chip whose keys can be factored (ROCA, CVE-2017-15361)")

// checkModulus refuses a modulus with a factor below 752, as NIST SP 800-89 section 5.3.3 asks, and one of RSALib.
func checkModulus(n *big.Int) error {
	power := true
	for p, r := range residues(n) {
		if r == 0 {
			return fmt.Errorf("the RSA modulus can be divided by %d", p)
		}
		if power && p <= lastPrimeOfRSALib {
			power = isPower(r, p)
		}
	}
	if power {
		return errROCA
	}
	return nil
}

// isPower tells whether r is a power of 65537 modulo p.
func isPower(r, p uint) bool {
	for power := uint(1); power != r; {
		if power = power * 65537 % p; power == 1 {
			return false
		}
	}
	return true
}

// residues yields each small prime with what n leaves modulo it. Primes are multiplied as far as a word goes, so that n, which
// is long, is divided once for all of them.
func residues(n *big.Int) iter.Seq2[uint, uint] {
	return func(yield func(p, r uint) bool) {
		words := n.Bits()
		for rest := smallPrimes[:]; len(rest) > 0; {
			product, count := uint(1), 0
			for count < len(rest) && product <= math.MaxUint/uint(rest[count]) {
				product *= uint(rest[count])
				count++
			}
			var r uint
			for i := len(words) - 1; i >= 0; i-- {
				_, r = bits.Div(r, uint(words[i]), product)
			}
			for _, p := range rest[:count] {
				if !yield(uint(p), r%uint(p)) {
					return
				}
			}
			rest = rest[count:]
		}
	}
}

// smallPrimes are the odd ones below 752.
var smallPrimes = [...]uint16{
	3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127,
	131, 137, 139, 149, 151, 157, 163, 167, 173, 179, 181, 191, 193, 197, 199, 211, 223, 227, 229, 233, 239, 241, 251, 257,
	263, 269, 271, 277, 281, 283, 293, 307, 311, 313, 317, 331, 337, 347, 349, 353, 359, 367, 373, 379, 383, 389, 397, 401,
	409, 419, 421, 431, 433, 439, 443, 449, 457, 461, 463, 467, 479, 487, 491, 499, 503, 509, 521, 523, 541, 547, 557, 563,
	569, 571, 577, 587, 593, 599, 601, 607, 613, 617, 619, 631, 641, 643, 647, 653, 659, 661, 673, 677, 683, 691, 701, 709,
	719, 727, 733, 739, 743, 751,
}
