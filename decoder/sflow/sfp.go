package sflow

import "iter"

// FormatSFP is counter record 0:10.
const FormatSFP Format = 10

// SFP is an sfp (counter record 0:10, sflow_optics.txt): one pluggable optical
// module.
type SFP struct {
	ModuleID            uint32   `json:"module_id"`             // the ports of one module send the same
	ModuleNumLanes      uint32   `json:"module_num_lanes"`      // of the module; a port may use fewer
	ModuleSupplyVoltage uint32   `json:"module_supply_voltage"` // millivolts
	ModuleTemperature   int32    `json:"module_temperature"`    // thousandths of a degree Celsius
	Lanes               LaneList `json:"lanes"`                 // those the port uses; refers to the record's bytes
}

// SFPLane is one lane of an optical module: a gauge each, 0 where the module
// does not measure it.
type SFPLane struct {
	Index         uint32 `json:"index"`           // from 1 within the module; 0 unknown
	TxBiasCurrent uint32 `json:"tx_bias_current"` // microamperes
	TxPower       uint32 `json:"tx_power"`        // microwatts
	TxPowerMin    uint32 `json:"tx_power_min"`    // microwatts
	TxPowerMax    uint32 `json:"tx_power_max"`    // microwatts
	TxWavelength  uint32 `json:"tx_wavelength"`   // nanometres
	RxPower       uint32 `json:"rx_power"`        // microwatts
	RxPowerMin    uint32 `json:"rx_power_min"`    // microwatts
	RxPowerMax    uint32 `json:"rx_power_max"`    // microwatts
	RxWavelength  uint32 `json:"rx_wavelength"`   // nanometres
}

const (
	sfpFixed   = 20
	sfpLaneLen = 40
)

// Decode reads the record; bytes after the last lane are ignored. Lanes refers to
// r.Body.
func (c *SFP) Decode(r Record) error {
	*c = SFP{}
	if r.Format != FormatSFP {
		return ErrFormat
	}
	if len(r.Body) < sfpFixed {
		return ErrTruncated
	}
	b, rest := r.Body[:sfpFixed], r.Body[sfpFixed:]
	n := sfpLaneLen * uint64(be.Uint32(b[16:]))
	if n > uint64(len(rest)) {
		return ErrTruncated
	}
	c.ModuleID = be.Uint32(b)
	c.ModuleNumLanes = be.Uint32(b[4:])
	c.ModuleSupplyVoltage = be.Uint32(b[8:])
	c.ModuleTemperature = int32(be.Uint32(b[12:]))
	c.Lanes = LaneList(rest[:n:n])
	return nil
}

// Append appends the record with its format and length.
func (c *SFP) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatSFP)
	b = be.AppendUint32(b, c.ModuleID)
	b = be.AppendUint32(b, c.ModuleNumLanes)
	b = be.AppendUint32(b, c.ModuleSupplyVoltage)
	b = be.AppendUint32(b, uint32(c.ModuleTemperature))
	b = be.AppendUint32(b, uint32(c.Lanes.Len()))
	return endRecord(append(b, c.Lanes[:sfpLaneLen*c.Lanes.Len()]...), at)
}

// LaneList is a list of lane as it is on the wire, without its count. It refers
// to the record's bytes.
type LaneList []byte

// Len returns the number of lanes.
func (l LaneList) Len() int { return len(l) / sfpLaneLen }

// All iterates over the lanes.
func (l LaneList) All() iter.Seq[SFPLane] {
	return func(yield func(SFPLane) bool) {
		for b := l; len(b) >= sfpLaneLen; b = b[sfpLaneLen:] {
			if !yield(decodeSFPLane(b)) {
				return
			}
		}
	}
}

func decodeSFPLane(b []byte) SFPLane {
	b = b[:sfpLaneLen]
	return SFPLane{
		Index:         be.Uint32(b),
		TxBiasCurrent: be.Uint32(b[4:]),
		TxPower:       be.Uint32(b[8:]),
		TxPowerMin:    be.Uint32(b[12:]),
		TxPowerMax:    be.Uint32(b[16:]),
		TxWavelength:  be.Uint32(b[20:]),
		RxPower:       be.Uint32(b[24:]),
		RxPowerMin:    be.Uint32(b[28:]),
		RxPowerMax:    be.Uint32(b[32:]),
		RxWavelength:  be.Uint32(b[36:]),
	}
}

// AppendSFPLane appends a lane to l: a way to build a list.
func AppendSFPLane(l LaneList, v SFPLane) LaneList {
	for _, v := range v.words() {
		l = be.AppendUint32(l, v)
	}
	return l
}

// words returns the fields in the order of the wire.
func (v *SFPLane) words() [10]uint32 {
	return [10]uint32{v.Index, v.TxBiasCurrent, v.TxPower, v.TxPowerMin, v.TxPowerMax, v.TxWavelength,
		v.RxPower, v.RxPowerMin, v.RxPowerMax, v.RxWavelength}
}

// laneKeys holds the specification's names in the order of the wire.
var laneKeys = [10]string{"index", "tx_bias_current", "tx_power", "tx_power_min", "tx_power_max", "tx_wavelength",
	"rx_power", "rx_power_min", "rx_power_max", "rx_wavelength"}

// MarshalJSON returns an array of objects.
func (l LaneList) MarshalJSON() ([]byte, error) {
	out := []byte{'['}
	for v := range l.All() {
		if len(out) > 1 {
			out = append(out, ',')
		}
		for i, w := range v.words() {
			out = append(out, "{,"[min(i, 1)])
			out = append(append(append(out, '"'), laneKeys[i]...), `":`...)
			out = appendJSONUint(out, uint64(w))
		}
		out = append(out, '}')
	}
	return append(out, ']'), nil
}
