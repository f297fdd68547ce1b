package sflow_test

import (
	"fmt"
	"net/netip"

	"weir/decoder/sflow"
)

// A datagram is built in one buffer and read without copying anything.
func Example() {
	var b sflow.Builder
	b.Reset(make([]byte, 0, 1400), &sflow.Datagram{Agent: netip.MustParseAddr("192.0.2.1"), Sequence: 42})
	b.FlowSample(
		&sflow.FlowSample{Sequence: 7, Source: sflow.DataSource{Index: 3}, SamplingRate: 1000, Input: sflow.Port{Value: 3}}, false,
		&sflow.SampledHeader{Protocol: 1, FrameLength: 1518, Stripped: 4, Header: make([]byte, 14)},
		&sflow.ExtendedGateway{AS: 64496, DstASPath: sflow.AppendASPathSegment(nil, sflow.ASSequence, 64500, 64501)},
	)

	var d sflow.Datagram
	if err := d.Decode(b.Bytes()); err != nil {
		fmt.Println(err)
	}
	var (
		sample  sflow.FlowSample
		header  sflow.SampledHeader
		gateway sflow.ExtendedGateway
	)
	for smp, err := range d.Samples() {
		if err != nil || sample.Decode(smp) != nil {
			continue // counted by the caller
		}
		fmt.Println(d.Agent, sflow.SampleName(smp.Format), "one in", sample.SamplingRate)
		for r, err := range sample.Records() {
			switch {
			case err != nil:
				fmt.Println(err)
			case r.Format == sflow.FormatSampledHeader && header.Decode(r) == nil:
				fmt.Println(header.FrameLength, "octets, header of", len(header.Header))
			case r.Format == sflow.FormatExtendedGateway && gateway.Decode(r) == nil:
				for s := range gateway.DstASPath.Segments() {
					for asn := range s.ASNs.All() {
						fmt.Println("AS", asn)
					}
				}
			}
		}
	}
	// Output:
	// 192.0.2.1 flow_sample one in 1000
	// 1518 octets, header of 14
	// AS 64500
	// AS 64501
}
