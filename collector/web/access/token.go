package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
)

// Hash is the SHA-256 of a token. Tokens are random and long, so that no slow
// hash is needed: there is nothing to guess.
type Hash [sha256.Size]byte

// HashPrefix begins a hash as it is written.
const HashPrefix = "sha256:"

// minToken is the shortest token taken, in octets: 128 bits in base64.
const minToken = 22

// String is how the hash is written.
func (h Hash) String() string { return HashPrefix + hex.EncodeToString(h[:]) }

// NewToken returns a random token.
func NewToken() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails (crypto/rand)
	return "weir_" + base64.RawURLEncoding.EncodeToString(b)
}

// HashOf returns the hash of a token.
func HashOf(token string) Hash { return sha256.Sum256([]byte(token)) }

// ParseHash reads a token or, after "sha256:", its hash.
func ParseHash(s string) (h Hash, err error) {
	digits, ok := strings.CutPrefix(s, HashPrefix)
	if !ok {
		if len(s) < minToken {
			return h, errors.New("the token is short enough to be guessed")
		}
		return HashOf(s), nil
	}
	b, err := hex.DecodeString(digits)
	if err != nil || len(b) != len(h) {
		return h, errors.New("after sha256: are no 64 hexadecimal digits")
	}
	return Hash(b), nil
}
