package sflow

// FormatAppOperations is counter record 0:2202.
const FormatAppOperations Format = 2202

// AppOperations is an app_operations (counter record 0:2202,
// sflow_application.txt): operations of one application by their outcome. The
// flow record of the same number is another structure.
type AppOperations struct {
	Application    Text      `json:"application"` // at most 32 bytes by the specification; longer ones are taken as they are
	Success        Counter32 `json:"success"`
	Other          Counter32 `json:"other"`
	Timeout        Counter32 `json:"timeout"`
	InternalError  Counter32 `json:"internal_error"`
	BadRequest     Counter32 `json:"bad_request"`
	Forbidden      Counter32 `json:"forbidden"`
	TooLarge       Counter32 `json:"too_large"`
	NotImplemented Counter32 `json:"not_implemented"`
	NotFound       Counter32 `json:"not_found"`
	Unavailable    Counter32 `json:"unavailable"`
	Unauthorized   Counter32 `json:"unauthorized"`
}

const appOperationsFixed = 44 // after the name

// Decode reads the record; bytes after the known fields are ignored.
// Application refers to r.Body.
func (c *AppOperations) Decode(r Record) error {
	*c = AppOperations{}
	if r.Format != FormatAppOperations {
		return ErrFormat
	}
	name, b, err := decodeOpaque(r.Body)
	if err != nil {
		return err
	}
	if len(b) < appOperationsFixed {
		return ErrTruncated
	}
	b = b[:appOperationsFixed]
	c.Application = name
	c.Success = Counter32(be.Uint32(b))
	c.Other = Counter32(be.Uint32(b[4:]))
	c.Timeout = Counter32(be.Uint32(b[8:]))
	c.InternalError = Counter32(be.Uint32(b[12:]))
	c.BadRequest = Counter32(be.Uint32(b[16:]))
	c.Forbidden = Counter32(be.Uint32(b[20:]))
	c.TooLarge = Counter32(be.Uint32(b[24:]))
	c.NotImplemented = Counter32(be.Uint32(b[28:]))
	c.NotFound = Counter32(be.Uint32(b[32:]))
	c.Unavailable = Counter32(be.Uint32(b[36:]))
	c.Unauthorized = Counter32(be.Uint32(b[40:]))
	return nil
}

// Append appends the record with its format and length.
func (c *AppOperations) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatAppOperations)
	b = appendOpaque(b, c.Application)
	b = be.AppendUint32(b, uint32(c.Success))
	b = be.AppendUint32(b, uint32(c.Other))
	b = be.AppendUint32(b, uint32(c.Timeout))
	b = be.AppendUint32(b, uint32(c.InternalError))
	b = be.AppendUint32(b, uint32(c.BadRequest))
	b = be.AppendUint32(b, uint32(c.Forbidden))
	b = be.AppendUint32(b, uint32(c.TooLarge))
	b = be.AppendUint32(b, uint32(c.NotImplemented))
	b = be.AppendUint32(b, uint32(c.NotFound))
	b = be.AppendUint32(b, uint32(c.Unavailable))
	b = be.AppendUint32(b, uint32(c.Unauthorized))
	return endRecord(b, at)
}
