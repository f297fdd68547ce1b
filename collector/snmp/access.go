package snmp

import (
	"context"
	"net/netip"
	"time"

	"github.com/gosnmp/gosnmp"
)

// Access is how a group of switches is asked: by a community (SNMP v2c), or as
// a user (SNMP v3) where User is set.
type Access struct {
	Agents    []netip.Prefix // of the addresses asked
	Port      uint16         // 0 is 161
	Community string

	User            string
	Auth            Auth // AuthNone: neither authentication nor privacy
	AuthPassword    string
	Privacy         Privacy
	PrivacyPassword string

	timeout time.Duration // 0 is sessionWait; tests shorten it
}

// Auth is an authentication protocol of SNMP v3.
type Auth string

// The authentication protocols.
const (
	AuthNone   Auth = ""
	AuthMD5    Auth = "md5"
	AuthSHA    Auth = "sha"
	AuthSHA256 Auth = "sha256"
	AuthSHA512 Auth = "sha512"
)

// Privacy is a privacy protocol of SNMP v3.
type Privacy string

// The privacy protocols.
const (
	PrivacyNone   Privacy = ""
	PrivacyDES    Privacy = "des"
	PrivacyAES    Privacy = "aes"
	PrivacyAES256 Privacy = "aes256"
)

var authProtocols = map[Auth]gosnmp.SnmpV3AuthProtocol{
	AuthNone: gosnmp.NoAuth, AuthMD5: gosnmp.MD5, AuthSHA: gosnmp.SHA, AuthSHA256: gosnmp.SHA256, AuthSHA512: gosnmp.SHA512,
}

var privacyProtocols = map[Privacy]gosnmp.SnmpV3PrivProtocol{
	PrivacyNone: gosnmp.NoPriv, PrivacyDES: gosnmp.DES, PrivacyAES: gosnmp.AES, PrivacyAES256: gosnmp.AES256,
}

// covers reports whether the address is one to ask.
func (a *Access) covers(addr netip.Addr) bool {
	for _, p := range a.Agents {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// client returns what speaks to the device at addr.
func (a *Access) client(ctx context.Context, addr netip.Addr) *gosnmp.GoSNMP {
	g := &gosnmp.GoSNMP{
		Context: ctx, Target: addr.String(), Port: a.Port, Transport: "udp",
		Timeout: a.timeout, Retries: sessionTry, ExponentialTimeout: false,
		MaxOids: gosnmp.MaxOids, MaxRepetitions: rowsAtOnce,
		Version: gosnmp.Version2c, Community: a.Community,
	}
	if g.Port == 0 {
		g.Port = 161
	}
	if g.Timeout == 0 {
		g.Timeout = sessionWait
	}
	if a.User == "" {
		return g
	}
	g.Version, g.Community = gosnmp.Version3, ""
	g.SecurityModel = gosnmp.UserSecurityModel
	g.MsgFlags = gosnmp.NoAuthNoPriv
	switch {
	case a.Privacy != PrivacyNone:
		g.MsgFlags = gosnmp.AuthPriv
	case a.Auth != AuthNone:
		g.MsgFlags = gosnmp.AuthNoPriv
	}
	g.SecurityParameters = &gosnmp.UsmSecurityParameters{
		UserName:                 a.User,
		AuthenticationProtocol:   authProtocols[a.Auth],
		AuthenticationPassphrase: a.AuthPassword,
		PrivacyProtocol:          privacyProtocols[a.Privacy],
		PrivacyPassphrase:        a.PrivacyPassword,
	}
	return g
}
