package sflowtest

import (
	"encoding/binary"

	"weir/decoder/sflow"
)

// CounterRecords returns one of every counter record this module decodes, with
// a different value in every field.
func CounterRecords() []sflow.Structure {
	adapters := sflow.AppendHostAdapter(nil, 2, sflow.MAC{2, 0, 0, 0, 1, 1})
	adapters = sflow.AppendHostAdapter(adapters, 3, sflow.MAC{2, 0, 0, 0, 1, 2}, sflow.MAC{2, 0, 0, 0, 1, 3})
	adapters = sflow.AppendHostAdapter(adapters, 4)
	lanes := sflow.AppendSFPLane(nil, sflow.SFPLane{
		Index: 1, TxBiasCurrent: 6000, TxPower: 500, TxWavelength: 850, RxPower: 450, RxWavelength: 851,
	})
	lanes = sflow.AppendSFPLane(lanes, sflow.SFPLane{
		Index: 2, TxPowerMin: 100, TxPowerMax: 900, RxPowerMin: 101, RxPowerMax: 901,
	})
	out := []sflow.Structure{
		&sflow.HostAdapters{Adapters: adapters},
		&sflow.SFP{
			ModuleID: 1, ModuleNumLanes: 4, ModuleSupplyVoltage: 3300, ModuleTemperature: -1500, Lanes: lanes,
		},
		&sflow.HostDescr{
			Hostname: sflow.Text("compute-1"), UUID: [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
			MachineType: sflow.MachineX86_64, OSName: 2, OSRelease: sflow.Text("6.1.0"),
		},
		&sflow.PortName{Name: sflow.Text("tap0123abcd-ef")},
	}
	have := map[sflow.Format]bool{}
	for _, s := range out {
		have[Record(s).Format] = true
	}
	for _, f := range CounterFormats() {
		if s := sflow.NewCounterRecord(f); !have[f] {
			mustFill(s, f)
			out = append(out, s)
		}
	}
	return out
}

// CounterFormats returns the formats NewCounterRecord knows, ascending.
func CounterFormats() []sflow.Format {
	return formats(func(f sflow.Format) bool { return sflow.NewCounterRecord(f) != nil })
}

// FlowFormats returns the formats NewFlowRecord knows, ascending.
func FlowFormats() []sflow.Format {
	return formats(func(f sflow.Format) bool { return sflow.NewFlowRecord(f) != nil })
}

// formats tries every number of the enterprises that have structures here.
func formats(known func(sflow.Format) bool) []sflow.Format {
	var out []sflow.Format
	for _, enterprise := range []uint32{0, 1991, 4300, 4413, 5703, 8800, 43874} {
		for n := range uint32(4096) {
			if f := sflow.MakeFormat(enterprise, n); known(f) {
				out = append(out, f)
			}
		}
	}
	return out
}

// mustFill decodes a body whose words are 1, 2, 3 ...: what is fixed in size
// ignores the rest of it, and a text that begins it is one byte long.
func mustFill(s sflow.Structure, f sflow.Format) {
	body := make([]byte, 512)
	for i := 0; i < len(body); i += 4 {
		binary.BigEndian.PutUint32(body[i:], uint32(i/4+1))
	}
	if err := s.Decode(sflow.Record{Format: f, Body: body}); err != nil {
		panic("sflowtest: counter record " + f.String() + " needs a value of its own: " + err.Error())
	}
}

// Record returns what s appends as the undecoded record it is.
func Record(s sflow.Appender) sflow.Record {
	b := s.Append(nil)
	return sflow.Record{Format: sflow.Format(binary.BigEndian.Uint32(b)), Body: b[8:len(b):len(b)]}
}
