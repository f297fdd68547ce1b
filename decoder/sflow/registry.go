package sflow

// Structure is a flow or counter record that can be decoded and appended;
// every record struct of this package is one through its pointer.
type Structure interface {
	// Decode reads the record into the receiver; see the structure's own.
	Decode(r Record) error
	Appender
}

// Appender is what appends itself to b with its format and length: records,
// and the samples that have only one form.
type Appender interface {
	Append(b []byte) []byte
}

// NewFlowRecord returns a fresh decoder for the flow record format f, nil where
// this package does not decode it. It allocates: the hot path owns its structs
// and calls their Decode.
func NewFlowRecord(f Format) Structure {
	switch f {
	case FormatSampledHeader:
		return new(SampledHeader)
	}
	return nil
}
