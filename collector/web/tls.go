package web

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"
)

// Certificates are the server's, and those that sign the certificates of people,
// read from files that may change.
type Certificates struct {
	certificate, key, clientCA string

	now atomic.Pointer[tls.Config]
}

// NewCertificates reads the files, in PEM format; clientCA may be "". The error is
// one line that names the file.
func NewCertificates(certificate, key, clientCA string) (*Certificates, error) {
	c := &Certificates{certificate: certificate, key: key, clientCA: clientCA}
	return c, c.Reload()
}

// Reload reads the files again. On an error what was read before holds.
func (c *Certificates) Reload() error {
	pair, err := tls.LoadX509KeyPair(c.certificate, c.key)
	if err != nil {
		if p, ok := errors.AsType[*fs.PathError](err); ok {
			return fmt.Errorf("access: %s cannot be read: %w; name files in PEM format that this user can read", p.Path, p.Err)
		}
		return fmt.Errorf("access: certificate %s with key %s cannot be used: %w; name a certificate and its key in PEM format", c.certificate, c.key, err)
	}
	conf := &tls.Config{
		Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
	}
	if c.clientCA != "" {
		b, err := os.ReadFile(c.clientCA)
		if err != nil {
			return fmt.Errorf("access: client_ca %s cannot be read: %w; name a file in PEM format that this user can read", c.clientCA, reason(err))
		}
		conf.ClientCAs, conf.ClientAuth = x509.NewCertPool(), tls.VerifyClientCertIfGiven
		if !conf.ClientCAs.AppendCertsFromPEM(b) {
			return fmt.Errorf("access: client_ca %s has no certificate; name a file in PEM format", c.clientCA)
		}
	}
	c.now.Store(conf)
	return nil
}

// Names returns what the certificate is for.
func (c *Certificates) Names() (all []string) {
	if c == nil {
		return nil
	}
	leaf := c.now.Load().Certificates[0].Leaf
	all = append(all, leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		all = append(all, ip.String())
	}
	return all
}

// config always takes what was read last.
func (c *Certificates) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.now.Load(), nil },
		GetCertificate:     func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &c.now.Load().Certificates[0], nil },
	}
}
