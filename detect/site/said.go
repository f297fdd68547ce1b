package site

import "weir/detect/site/fact"

// agent is what the host agent of a node says.
type agent struct{}

func (s *Site) said(n *node, f *fact.Fact) {}
func (s *Site) judgeSaid(n *node)          {}
