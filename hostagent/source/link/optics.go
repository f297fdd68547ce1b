package link

import (
	"encoding/binary"

	"weir/decoder/sflow"
)

// Addresses of a module on its bus.
const (
	addressModule = 0x50
	addressDiag   = 0x51 // of SFP modules: their diagnostics
)

// Identifiers of modules (SFF-8024).
const (
	idSFP     = 0x03
	idQSFP    = 0x0c
	idQSFPP   = 0x0d
	idQSFP28  = 0x11
	pageLen   = 128
	qsfpLanes = 4
)

// optics are the measurements of a module.
type optics struct {
	rec   sflow.SFP
	lanes sflow.LaneList
}

// readOptics reads a module through read, which returns length octets of a page.
// ok is false where there is no module that measures light.
func readOptics(read func(address, page uint8, offset, length uint32) ([]byte, error)) (o optics, ok bool) {
	low, err := read(addressModule, 0, 0, pageLen)
	if err != nil || len(low) < pageLen {
		return o, false
	}
	switch low[0] {
	case idSFP:
		return readSFP(low, read)
	case idQSFP, idQSFPP, idQSFP28:
		return readQSFP(low, read)
	}
	return o, false
}

// readSFP reads diagnostics as SFF-8472 lays them out, of modules that calibrate
// themselves: others would need their constants.
func readSFP(id []byte, read func(address, page uint8, offset, length uint32) ([]byte, error)) (o optics, ok bool) {
	const implemented, internal = 1 << 6, 1 << 5
	if id[92]&implemented == 0 || id[92]&internal == 0 {
		return o, false
	}
	d, err := read(addressDiag, 0, 0, pageLen)
	if err != nil || len(d) < pageLen {
		return o, false
	}
	wavelength := uint32(word16(id, 60)) // nanometres
	o.rec = sflow.SFP{
		ModuleNumLanes:      1,
		ModuleSupplyVoltage: uint32(word16(d, 98)) / 10, // of 100 microvolts
		ModuleTemperature:   thousandths(word16(d, 96)),
	}
	o.lanes = sflow.AppendSFPLane(o.lanes, sflow.SFPLane{
		Index:         1,
		TxBiasCurrent: 2 * uint32(word16(d, 100)), // of 2 microamperes
		TxPower:       microwatts(word16(d, 102)),
		TxPowerMax:    microwatts(word16(d, 24)), // alarm thresholds
		TxPowerMin:    microwatts(word16(d, 26)),
		TxWavelength:  wavelength,
		RxPower:       microwatts(word16(d, 104)),
		RxPowerMax:    microwatts(word16(d, 32)),
		RxPowerMin:    microwatts(word16(d, 34)),
		RxWavelength:  wavelength,
	})
	return o, true
}

// readQSFP reads diagnostics as SFF-8636 lays them out: measurements in the
// lower page, the wavelength in upper page 0, thresholds in upper page 3.
func readQSFP(low []byte, read func(address, page uint8, offset, length uint32) ([]byte, error)) (o optics, ok bool) {
	up, err := read(addressModule, 0, pageLen, pageLen)
	if err != nil || len(up) < pageLen {
		return o, false
	}
	at := func(b []byte, offset int) uint16 { return word16(b, offset-pageLen) }
	wavelength := uint32(at(up, 186)) / 20 // of a twentieth of a nanometre
	var limits [pageLen]byte
	const flat = 1 << 2 // of status: there are no other pages
	if low[2]&flat == 0 {
		if b, err := read(addressModule, 3, pageLen, pageLen); err == nil {
			copy(limits[:], b)
		}
	}
	o.rec = sflow.SFP{
		ModuleNumLanes:      qsfpLanes,
		ModuleSupplyVoltage: uint32(word16(low, 26)) / 10,
		ModuleTemperature:   thousandths(word16(low, 22)),
	}
	for i := range qsfpLanes {
		o.lanes = sflow.AppendSFPLane(o.lanes, sflow.SFPLane{
			Index:         uint32(i + 1),
			RxPower:       microwatts(word16(low, 34+2*i)),
			TxBiasCurrent: 2 * uint32(word16(low, 42+2*i)),
			TxPower:       microwatts(word16(low, 50+2*i)),
			RxPowerMax:    microwatts(at(limits[:], 176)),
			RxPowerMin:    microwatts(at(limits[:], 178)),
			TxPowerMax:    microwatts(at(limits[:], 192)),
			TxPowerMin:    microwatts(at(limits[:], 194)),
			TxWavelength:  wavelength,
			RxWavelength:  wavelength,
		})
	}
	return o, true
}

func word16(b []byte, at int) uint16 { return binary.BigEndian.Uint16(b[at:]) }

// microwatts turns tenths of a microwatt.
func microwatts(v uint16) uint32 { return uint32(v) / 10 }

// thousandths turns a signed 256th of a degree into thousandths.
func thousandths(v uint16) int32 { return int32(int16(v)) * 1000 / 256 }
