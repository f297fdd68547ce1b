package config

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// maxSecret bounds what is read from a file: a token, not a disk.
const maxSecret = 64 << 10

// Secret is a value that is never printed. The file holds only a reference to
// it: ${NAME} for a variable of the environment, file:/path for a file.
type Secret struct {
	value string
	ref   string
}

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return s.value }

// Format writes the reference whatever the verb, so that no log line, error or
// dump of a structure shows the secret.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// String returns the reference.
func (s Secret) String() string { return s.ref }

// Equal reports that both are the same reference and secret.
func (s Secret) Equal(o Secret) bool { return s == o }

// MarshalText returns the reference.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.ref), nil }

// ParseSecret follows the reference s. Its errors never hold s where it could
// be a secret written by mistake.
func ParseSecret(s string) (Secret, error) {
	if path, ok := strings.CutPrefix(s, "file:"); ok {
		v, err := readSecret(path)
		return Secret{v, s}, err
	}
	if name, ok := strings.CutPrefix(s, "${"); ok && strings.HasSuffix(name, "}") {
		name = strings.TrimSuffix(name, "}")
		v, set := os.LookupEnv(name)
		if !set || v == "" {
			return Secret{}, outside{&fault{"variable " + name + " of the environment is not set", "set it for this process, or use file:/path"}}
		}
		return Secret{v, s}, nil
	}
	return Secret{}, hidden{&fault{"a secret must not stand in the file", "write ${NAME} for a variable of the environment, or file:/path"}}
}

func readSecret(path string) (string, error) {
	if !strings.HasPrefix(path, "/") {
		return "", &fault{"the path is not absolute", "write file:/path"}
	}
	f, err := os.Open(path)
	if err != nil {
		return "", outside{&fault{err.Error(), "make the file readable for this user"}}
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	switch v := strings.TrimRight(string(b), "\r\n"); {
	case err != nil:
		return "", &fault{err.Error(), "name a readable file"}
	case len(b) > maxSecret:
		return "", &fault{path + " is longer than 64KiB", "name the file that holds the secret alone"}
	case v == "":
		return "", &fault{path + " is empty", "write the secret into it"}
	default:
		return v, nil
	}
}
