// Package access decides who asks over HTTP and what they may: by a token, a
// client certificate, the header of a trusted proxy, or because they are on this
// machine. It knows no route and no answer.
package access
