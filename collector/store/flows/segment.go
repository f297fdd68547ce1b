package flows

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"weir/collector/record"
)

// Row is a row as it stands in a Parquet file, in the words of the filters.
// An address is text, "" where there is none, so that any reader understands it;
// what a dictionary holds once costs little.
type Row struct {
	Time         int64  `parquet:"time,timestamp(microsecond),delta,zstd"`
	Agent        string `parquet:"agent,dict,zstd"`
	Input        string `parquet:"input,dict,zstd"` // ifIndex, or "discarded:R", "multiple:N", "internal"
	Output       string `parquet:"output,dict,zstd"`
	Domain       string `parquet:"domain,dict,zstd"` // "" the underlay
	Src          string `parquet:"src,dict,zstd"`
	Dst          string `parquet:"dst,dict,zstd"`
	Proto        int32  `parquet:"proto,dict,zstd"`     // -1 without
	SrcPort      int32  `parquet:"src_port,dict,zstd"`  // -1 without
	DstPort      int32  `parquet:"dst_port,dict,zstd"`  // -1 without; of ICMP type·256 + code
	TCPFlags     int32  `parquet:"tcp_flags,dict,zstd"` // -1 without
	DSCP         int32  `parquet:"dscp,dict,zstd"`
	TTL          int32  `parquet:"ttl,dict,zstd"`
	Fragment     int32  `parquet:"fragment,dict,zstd"` // 0 or 1
	EtherType    int32  `parquet:"ether_type,dict,zstd"`
	VLAN         int32  `parquet:"vlan,dict,zstd"`   // -1 without
	Egress       int32  `parquet:"egress,dict,zstd"` // 1 where it was sampled leaving the agent
	Length       int32  `parquet:"length,dict,zstd"` // octets of the frame
	SamplingRate int64  `parquet:"sampling_rate,dict,zstd"`
}

const (
	// groupRows is how many rows a row group has: few enough that one is
	// built in some 20 MB, many enough that dictionaries pay.
	groupRows = 1 << 17
	// bloomBits per distinct address give one false answer in a hundred.
	bloomBits = 10

	segmentSuffix = ".parquet"
	journalSuffix = ".journal"
	badSuffix     = ".bad"
	newSuffix     = ".new"
)

// segmentName is the name of the segment of rows from first to last ns that was
// made of a journal.
func segmentName(first, last int64, id string) string {
	return fmt.Sprintf("flows-%d-%d-%s", first/1e3, last/1e3, id) + segmentSuffix
}

// spanOf returns the times, in µs, and the journal that a segment's name tells.
func spanOf(name string) (first, last int64, id string, ok bool) {
	name, ok = strings.CutSuffix(name, segmentSuffix)
	parts := strings.Split(name, "-")
	if !ok || len(parts) != 4 || parts[0] != "flows" {
		return 0, 0, "", false
	}
	first, err1 := strconv.ParseInt(parts[1], 10, 64)
	last, err2 := strconv.ParseInt(parts[2], 10, 64)
	return first, last, parts[3], err1 == nil && err2 == nil
}

// journalName is the name of a journal.
func journalName(id string) string { return "flows-" + id + journalSuffix }

func journalID(name string) (id string, ok bool) {
	if name, ok = strings.CutSuffix(name, journalSuffix); !ok {
		return "", false
	}
	return strings.CutPrefix(name, "flows-")
}

// texts are the texts of addresses and ports, made once.
type texts struct {
	addr map[[16]byte]string
	port map[uint32]string
}

// maxTexts bounds them.
const maxTexts = 1 << 18

func newTexts() *texts {
	return &texts{addr: map[[16]byte]string{}, port: map[uint32]string{}}
}

func (t *texts) address(a *[16]byte) string {
	s, ok := t.addr[*a]
	if !ok {
		if len(t.addr) >= maxTexts {
			clear(t.addr)
		}
		s = netip.AddrFrom16(*a).Unmap().String()
		t.addr[*a] = s
	}
	return s
}

// agent writes an agent's address.
func (t *texts) agent(s *said, number uint32) string {
	a16 := s.agents[number].As16()
	return t.address(&a16)
}

// portText writes a port of a sample.
func (t *texts) portText(v uint32) string {
	s, ok := t.port[v]
	if !ok {
		if len(t.port) >= maxTexts {
			clear(t.port)
		}
		n := strconv.FormatUint(uint64(v&(1<<30-1)), 10)
		switch {
		case v == 1<<30-1:
			s = "internal"
		case v>>30 == 1:
			s = "discarded:" + n
		case v>>30 == 2:
			s = "multiple:" + n
		default:
			s = n
		}
		t.port[v] = s
	}
	return s
}

// row turns a row of the journal into one of a segment.
func (t *texts) row(s *said, r *record.Row) Row {
	out := Row{
		Time: r.At / 1e3, Agent: t.agent(s, r.Agent), Input: t.portText(r.Input), Output: t.portText(r.Output),
		Proto: -1, SrcPort: -1, DstPort: -1, TCPFlags: -1, DSCP: -1, TTL: -1, VLAN: -1,
		EtherType: int32(r.EtherType), Length: int32(min(r.Length, 1<<31-1)), SamplingRate: int64(r.Rate),
	}
	if r.VLAN > 0 {
		out.VLAN = int32(r.VLAN)
	}
	if r.Has&record.Egress != 0 {
		out.Egress = 1
	}
	if r.Has&record.Fragment != 0 {
		out.Fragment = 1
	}
	if r.Has&record.Addresses == 0 {
		return out
	}
	out.Src, out.Dst, out.Domain = t.address(&r.Src), t.address(&r.Dst), s.domains[r.Domain]
	if r.EtherType != etherTypeARP {
		out.Proto, out.DSCP, out.TTL = int32(r.Proto), int32(r.TOS>>2), int32(r.TTL)
	}
	if r.Has&record.Ports != 0 {
		out.SrcPort, out.DstPort = int32(r.SrcPort), int32(r.DstPort)
		if r.Proto == 6 {
			out.TCPFlags = int32(r.TCPFlags)
		}
	}
	return out
}

// convert makes a segment of a journal and removes the journal. What the
// journal lost at its end is counted by the error's being errCut, which does not
// keep the rest from being converted.
func convert(dir, journal string) (rows int, err error) {
	in, err := os.Open(journal)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	id, _ := journalID(filepath.Base(journal))
	tmp := strings.TrimSuffix(journal, journalSuffix) + newSuffix
	out, err := os.Create(tmp)
	if err != nil {
		return 0, err
	}
	defer os.Remove(tmp) // after the rename there is none
	defer out.Close()
	w := parquet.NewGenericWriter[Row](out,
		parquet.MaxRowsPerRowGroup(groupRows),
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedDefault}),
		parquet.BloomFilters(parquet.SplitBlockFilter(bloomBits, "src"), parquet.SplitBlockFilter(bloomBits, "dst")),
		parquet.CreatedBy("weir", "", ""),
	)
	t := newTexts()
	batch := make([]Row, 0, record.Rows)
	first, last := int64(0), int64(0)
	var bad error
	cut := readJournal(in, func(s *said, all []record.Row) bool {
		batch = batch[:0]
		for i := range all {
			at := all[i].At
			if rows == 0 && i == 0 {
				first, last = at, at
			}
			first, last = min(first, at), max(last, at)
			batch = append(batch, t.row(s, &all[i]))
		}
		rows += len(all)
		_, bad = w.Write(batch)
		return bad == nil
	})
	if err := errors.Join(bad, w.Close()); err != nil {
		return 0, err
	}
	if rows == 0 {
		return 0, errors.Join(cut, os.Remove(journal))
	}
	if err := errors.Join(out.Sync(), out.Close(), os.Rename(tmp, filepath.Join(dir, segmentName(first, last, id)))); err != nil {
		return 0, err
	}
	return rows, errors.Join(cut, syncDir(dir), os.Remove(journal))
}

// syncDir makes what was renamed in a directory last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
