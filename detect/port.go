package detect

import "strconv"

// portText names an interface for a reader: `Ethernet12 "to spine2"` by its
// name and what the operator wrote about it, openly "ifIndex 49" where it has
// no name.
func portText(name, alias string, ifIndex uint32) string {
	if name == "" {
		name = "ifIndex " + strconv.FormatUint(uint64(ifIndex), 10)
	}
	if alias != "" {
		name += " " + strconv.Quote(alias)
	}
	return name
}
