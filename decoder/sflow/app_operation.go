package sflow

// FormatAppOperation is flow record 0:2202.
const FormatAppOperation Format = 2202

// AppContext is the context of an application operation.
type AppContext struct {
	Application Text `json:"application"` // e.g. mail.smtp
	Operation   Text `json:"operation"`   // e.g. get.customer.name
	Attributes  Text `json:"attributes"`  // name=value pairs as in an HTTP query
}

// AppOperation is an app_operation (flow record 0:2202): one sampled operation
// of an application, sflow_application.txt. Its texts refer to the record's
// bytes.
type AppOperation struct {
	Context     AppContext `json:"context"`
	StatusDescr Text       `json:"status_descr"` // more about Status
	ReqBytes    uint64     `json:"req_bytes"`    // octets of the request's body
	RespBytes   uint64     `json:"resp_bytes"`   // octets of the response's body
	Duration    uint32     `json:"us"`           // microseconds (uS)
	Status      uint32     `json:"status"`       // see AppStatusName
}

// Decode reads the record; bytes after the known fields are ignored. The texts
// refer to r.Body.
func (a *AppOperation) Decode(r Record) error {
	*a = AppOperation{}
	if r.Format != FormatAppOperation {
		return ErrFormat
	}
	var t [4]Text
	b := r.Body
	for i := range t {
		v, rest, err := decodeOpaque(b)
		if err != nil {
			return err
		}
		t[i], b = v, rest
	}
	if len(b) < 24 {
		return ErrTruncated
	}
	b = b[:24]
	a.Context = AppContext{Application: t[0], Operation: t[1], Attributes: t[2]}
	a.StatusDescr = t[3]
	a.ReqBytes = be.Uint64(b)
	a.RespBytes = be.Uint64(b[8:])
	a.Duration = be.Uint32(b[16:])
	a.Status = be.Uint32(b[20:])
	return nil
}

// Append appends the record with its format and length.
func (a *AppOperation) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatAppOperation)
	b = appendOpaque(b, a.Context.Application)
	b = appendOpaque(b, a.Context.Operation)
	b = appendOpaque(b, a.Context.Attributes)
	b = appendOpaque(b, a.StatusDescr)
	b = be.AppendUint64(b, a.ReqBytes)
	b = be.AppendUint64(b, a.RespBytes)
	b = be.AppendUint32(b, a.Duration)
	b = be.AppendUint32(b, a.Status)
	return endRecord(b, at)
}

// AppStatusName returns the specification's name of an AppOperation.Status, ""
// where it has none.
func AppStatusName(status uint32) string {
	if status < uint32(len(appStatusNames)) {
		return appStatusNames[status]
	}
	return ""
}

var appStatusNames = [...]string{
	"success", "other", "timeout", "internal_error", "bad_request", "forbidden",
	"too_large", "not_implemented", "not_found", "unavailable", "unauthorized",
}
