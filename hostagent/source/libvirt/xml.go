package libvirt

import (
	"encoding/xml"
	"fmt"
	"net/netip"
	"strings"

	"weir/decoder/sflow"
)

// Bounds of what is read from one domain's XML.
const (
	maxXML   = 4 << 20 // octets
	maxNICs  = 64
	maxPorts = 64
	maxName  = 255 // octets of a name that tenants choose
	maxWord  = 64  // octets of an identifier
)

// novaSpace begins the namespace of Nova's metadata, whatever its version.
const novaSpace = "http://openstack.org/xmlns/libvirt/nova/"

// about is what a domain's XML says of it.
type about struct {
	nics []nic
	nova *nova // nil where Nova did not make it
}

// nic is one network interface of a domain.
type nic struct {
	mac     sflow.MAC
	hasMAC  bool
	tap     string // its name on the host; "" where it has none yet
	ovsPort string // iface-id, the Neutron port
}

// nova is what Nova wrote into the metadata.
type nova struct {
	name, project, projectName, user, flavor string
	ports                                    string // port=address,…
}

// domainXML is the part of a domain's XML that is read.
type domainXML struct {
	Metadata struct {
		Instance []struct {
			XMLName xml.Name
			Name    string `xml:"name"`
			Flavor  struct {
				Name string `xml:"name,attr"`
			} `xml:"flavor"`
			User struct {
				UUID string `xml:"uuid,attr"`
			} `xml:"owner>user"`
			Project struct {
				UUID string `xml:"uuid,attr"`
				Name string `xml:",chardata"`
			} `xml:"owner>project"`
			Ports []struct {
				UUID string `xml:"uuid,attr"`
				IPs  []struct {
					Address string `xml:"address,attr"`
				} `xml:"ip"`
			} `xml:"ports>port"`
		} `xml:"instance"`
	} `xml:"metadata"`
	NICs []struct {
		MAC struct {
			Address string `xml:"address,attr"`
		} `xml:"mac"`
		Target struct {
			Dev string `xml:"dev,attr"`
		} `xml:"target"`
		VirtualPort struct {
			Parameters struct {
				InterfaceID string `xml:"interfaceid,attr"`
			} `xml:"parameters"`
		} `xml:"virtualport"`
	} `xml:"devices>interface"`
}

// parseXML reads a domain's XML. Every text in it may be hostile.
func parseXML(text string) (about, error) {
	var a about
	if len(text) > maxXML {
		return a, fmt.Errorf("domain XML of %d octets is longer than %d", len(text), maxXML)
	}
	var x domainXML
	if err := xml.NewDecoder(strings.NewReader(text)).Decode(&x); err != nil {
		return a, fmt.Errorf("domain XML: %w", err)
	}
	for _, n := range x.NICs[:min(len(x.NICs), maxNICs)] {
		v := nic{tap: clean(n.Target.Dev, maxWord), ovsPort: clean(n.VirtualPort.Parameters.InterfaceID, maxWord)}
		v.mac, v.hasMAC = parseMAC(n.MAC.Address)
		a.nics = append(a.nics, v)
	}
	for _, m := range x.Metadata.Instance {
		if !strings.HasPrefix(m.XMLName.Space, novaSpace) {
			continue
		}
		a.nova = &nova{
			name: clean(m.Name, maxName), flavor: clean(m.Flavor.Name, maxName),
			project: clean(m.Project.UUID, maxWord), projectName: clean(strings.TrimSpace(m.Project.Name), maxName),
			user: clean(m.User.UUID, maxWord),
		}
		var b strings.Builder
		for _, p := range m.Ports[:min(len(m.Ports), maxPorts)] {
			for _, ip := range p.IPs {
				addr, err := netip.ParseAddr(ip.Address)
				if err != nil || b.Len() > 4*maxName {
					continue
				}
				if b.Len() > 0 {
					b.WriteByte(',')
				}
				b.WriteString(listed(p.UUID) + "=" + addr.String())
			}
		}
		a.nova.ports = b.String()
		break
	}
	return a, nil
}

// listed returns an identifier without the signs that part a list.
func listed(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ',' || r == '=' {
			return '?'
		}
		return r
	}, clean(s, maxWord))
}

// parseMAC reads an Ethernet address: six hexadecimal octets with colons.
func parseMAC(s string) (m sflow.MAC, ok bool) {
	if len(s) != 17 {
		return m, false
	}
	for i := range m {
		hi, lo := hexDigit(s[3*i]), hexDigit(s[3*i+1])
		if hi > 15 || lo > 15 || i < 5 && s[3*i+2] != ':' {
			return sflow.MAC{}, false
		}
		m[i] = hi<<4 | lo
	}
	return m, true
}

func hexDigit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}
