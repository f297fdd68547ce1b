package sampler

// Probe returns why an interface cannot be sampled with a method, nil where it
// can. Nothing is sampled.
func Probe(m Method, i Interface) error {
	s := &Sampler{cfg: Config{Method: m}, cut: cutter{limit: DefaultHeader}}
	in, err := s.open(int(i.Index), tapFrames, i.directions())
	if err != nil {
		return err
	}
	in.close()
	return nil
}
