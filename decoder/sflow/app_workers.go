package sflow

// FormatAppWorkers is counter record 0:2206.
const FormatAppWorkers Format = 2206

// AppWorkers is an app_workers (counter record 0:2206, sflow_application.txt):
// how busy one application's threads or processes are.
type AppWorkers struct {
	Active     uint32    `json:"workers_active"`
	Idle       uint32    `json:"workers_idle"`
	Max        uint32    `json:"workers_max"`
	ReqDelayed Counter32 `json:"req_delayed"` // requests that waited for a worker
	ReqDropped Counter32 `json:"req_dropped"` // requests dropped for lack of resources
}

const appWorkersLen = 20

// Decode reads the record; bytes after the known fields are ignored.
func (c *AppWorkers) Decode(r Record) error {
	*c = AppWorkers{}
	if r.Format != FormatAppWorkers {
		return ErrFormat
	}
	if len(r.Body) < appWorkersLen {
		return ErrTruncated
	}
	b := r.Body[:appWorkersLen]
	c.Active = be.Uint32(b)
	c.Idle = be.Uint32(b[4:])
	c.Max = be.Uint32(b[8:])
	c.ReqDelayed = Counter32(be.Uint32(b[12:]))
	c.ReqDropped = Counter32(be.Uint32(b[16:]))
	return nil
}

// Append appends the record with its format and length.
func (c *AppWorkers) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatAppWorkers)
	b = be.AppendUint32(b, c.Active)
	b = be.AppendUint32(b, c.Idle)
	b = be.AppendUint32(b, c.Max)
	b = be.AppendUint32(b, uint32(c.ReqDelayed))
	b = be.AppendUint32(b, uint32(c.ReqDropped))
	return endRecord(b, at)
}
