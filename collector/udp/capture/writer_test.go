package capture

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

func TestWriterMakesWhatOthersRead(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(&file)
	if err != nil {
		t.Fatal(err)
	}
	want := []Datagram{
		{Payload: payload(1), From: from4, To: to4, At: when},
		{Payload: payload(1300), From: from6, To: to6, At: when.Add(time.Second)},
		{Payload: payload(65507), From: from4, To: to4, At: when.Add(2 * time.Second)},
		{Payload: nil, From: from6, To: to6, At: when.Add(3 * time.Second)},
	}
	for _, d := range want {
		if err := w.Write(d); err != nil {
			t.Fatal(err)
		}
	}
	got, _, err := readAll(t, file.Bytes(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, equal); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// gopacket computes the same checksums.
	r, err := pcapgo.NewReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	for {
		data, _, err := r.ReadPacketData()
		if err != nil {
			break
		}
		p := gopacket.NewPacket(data, layers.LayerTypeEthernet, gopacket.Lazy) // not beyond UDP
		udp := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
		if err := udp.SetNetworkLayerForChecksum(p.NetworkLayer()); err != nil {
			t.Fatal(err)
		}
		buf := gopacket.NewSerializeBuffer()
		var parts []gopacket.SerializableLayer
		for _, l := range p.Layers()[:3] {
			parts = append(parts, l.(gopacket.SerializableLayer))
		}
		parts = append(parts, gopacket.Payload(udp.Payload))
		if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{ComputeChecksums: true}, parts...); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(data[:len(data)-len(udp.Payload)], buf.Bytes()[:len(data)-len(udp.Payload)]); diff != "" {
			t.Errorf("headers (-ours +gopacket's):\n%s", diff)
		}
	}
	for name, d := range map[string]Datagram{
		"too long": {Payload: payload(65508), From: from4, To: to4},
		"families": {From: from4, To: to6},
		"no from":  {To: to6},
	} {
		if err := w.Write(d); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
