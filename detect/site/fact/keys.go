package fact

import (
	"net/netip"

	"weir/decoder/witness"
)

// Keys are what host agents sign their statements with. The zero value is none:
// all are believed.
type Keys struct {
	Shared []byte                // of agents without a key of their own; it holds from their first signature on
	Of     map[netip.Addr][]byte // by the agent's address; it holds from the beginning
}

// keyring makes the signers of agents.
type keyring struct {
	keys   Keys
	shared *witness.Signer
}

func newKeyring(k Keys) keyring { return keyring{k, witness.NewSigner(k.Shared)} }

// of returns who verifies the statements of an agent, nil where nobody can;
// keyed tells whether it has a key of its own. The source names an agent whose
// address names nobody.
func (r *keyring) of(agent, source netip.Addr) (s *witness.Signer, keyed bool) {
	for _, a := range [...]netip.Addr{agent, source} {
		if key := r.keys.Of[a]; len(key) > 0 {
			return witness.NewSigner(key), true
		}
		if !a.IsLoopback() && !a.IsUnspecified() {
			break // nobody else's key
		}
	}
	return r.shared, false
}
