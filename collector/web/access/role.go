package access

import (
	"context"
	"fmt"
	"slices"
)

// Role is what somebody may do. Each includes those before it.
type Role uint8

// The roles. Scoped is a viewer of some projects alone.
const (
	Nobody   Role = iota
	Scoped        // sees instances and alerts of its projects
	Viewer        // sees everything but payload
	Operator      // acknowledges, mutes, marks, announces work, exports, looks at payload, sets rules
	Admin         // reads the audit log
)

// String is the role's word; a scoped viewer is a viewer, with projects.
func (r Role) String() string {
	switch r {
	case Scoped, Viewer:
		return "viewer"
	case Operator:
		return "operator"
	case Admin:
		return "admin"
	}
	return "none"
}

// ParseRole reads a word of String but none.
func ParseRole(s string) (Role, error) {
	for _, r := range []Role{Viewer, Operator, Admin} {
		if s == r.String() {
			return r, nil
		}
	}
	return Nobody, fmt.Errorf("role %q: write viewer, operator or admin", s)
}

// Person is who asks.
type Person struct {
	Name     string   `json:"name"`
	Role     Role     `json:"-"`
	Projects []string `json:"projects,omitempty"` // of a scoped viewer
	Via      string   `json:"via"`                // token, certificate, proxy, local, socket
}

// Sees reports whether what belongs to a project is shown to the person.
func (p *Person) Sees(project string) bool {
	return p.Role >= Viewer || p.Role == Scoped && project != "" && slices.Contains(p.Projects, project)
}

// personKey is the context's key of a Person.
type personKey struct{}

// With returns ctx with who asks.
func With(ctx context.Context, p *Person) context.Context {
	return context.WithValue(ctx, personKey{}, p)
}

// Of returns who asks; without one somebody who may nothing. The caller must not
// change it.
func Of(ctx context.Context) *Person {
	if p, ok := ctx.Value(personKey{}).(*Person); ok {
		return p
	}
	return &Person{}
}
