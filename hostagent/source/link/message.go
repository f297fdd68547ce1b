package link

// ParseMessage reads the body of an RTM_NEWLINK or RTM_DELLINK as the table does;
// ok is false where it is too short or has no name. Speed and duplex are not in
// it.
func ParseMessage(body []byte) (i Info, ok bool) {
	p, ok := parseLink(body)
	if !ok || len(p.name) == 0 {
		return Info{}, false
	}
	p.Name, p.Driver = string(p.name), string(p.driver)
	return p.Info, true
}
