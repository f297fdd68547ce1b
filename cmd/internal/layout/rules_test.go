package layout

// module is the prefix of our own import paths.
const module = "weir"

// rule says what the packages that match room may import, and why. Patterns are
// import paths without the module's name; a trailing /... matches the path
// itself and everything below it. Tests are exempt: they may ask any oracle.
type rule struct {
	room   string
	except []string // packages of the room that another rule holds

	std   []string // nil: all of the standard library; else only these, imported directly
	noStd []string // never imported directly
	third []string // nil: none; else only these, imported directly; anyThird: all

	ours   []string // nil: all; else only these rooms, directly or through others
	noOurs []string // rooms never reached, directly or through others
	direct []string // rooms never imported directly

	reason string
}

// Values that read better than the slice they stand for.
var (
	none     = []string{}
	anyThird = []string{"..."}
)

// wireStd is enough to read bytes: no I/O, clock, reflection or lock.
var wireStd = []string{"encoding/binary", "errors", "fmt", "iter", "math", "net/netip", "strconv", "time"}

// rules is the import table of the architecture. A room that does not exist yet
// matches nothing.
var rules = []rule{
	{
		room: "decoder/sflow", std: wireStd, ours: none,
		reason: "the codec is pure: bytes in, caller-owned struct out; the host agent and foreign programs use it without the rest",
	},
	{
		room: "decoder/packet", std: wireStd, ours: none,
		reason: "the header parser is pure: bytes in, caller-owned struct out",
	},
	{
		room: "decoder/witness", ours: []string{"decoder/sflow"}, noStd: []string{"net", "os", "time"},
		reason: "the words that agent and collector share: bytes in, bytes out",
	},
	{
		room: "decoder/sflow/sflowtest", ours: []string{"decoder/sflow"},
		reason: "the builder of test datagrams knows the codec and nothing else",
	},
	{
		room: "decoder", ours: []string{"decoder/sflow", "decoder/packet"},
		reason: "the decoder turns datagrams to events and knows nobody who listens",
	},
	{
		room: "detect/window", ours: none,
		reason: "a window is a container that outlives every detector",
	},
	{
		room: "detect/heavy", ours: none,
		reason: "a heavy-hitter summary is a container that outlives every detector",
	},
	{
		room: "detect/...", except: []string{"detect/window", "detect/heavy"},
		noStd: []string{"net", "net/http", "os", "os/exec", "os/signal"},
		ours:  []string{"decoder/...", "detect/..."},
		reason: "detection is a function of events and of the time it is given: " +
			"no socket, no file, no log, no collector, so that a replay gives the same alerts every time",
	},
	{
		room: "collector/udp", third: []string{"golang.org/x/sys"}, ours: []string{"collector/udp/..."},
		reason: "the intake moves bytes and times; what they mean is the shard's affair",
	},
	{
		room: "collector/udp/capture", third: []string{"golang.org/x/sys", "github.com/google/gopacket"},
		ours:   []string{"collector/udp/..."},
		reason: "a capture file is an intake like a socket; only it knows gopacket",
	},
	{
		room: "collector/agents/...", third: anyThird, noOurs: []string{"detect/...", "collector/sink/..."},
		reason: "the registry knows who speaks, not what is detected or who is told",
	},
	{
		room: "collector/shard/...", third: anyThird,
		noOurs: []string{"collector/sink/...", "collector/store/...", "collector/web/..."},
		reason: "the hot path hands on to the tick and never waits for a sink, the store or a browser",
	},
	{
		room: "collector/names/...", third: []string{"go.yaml.in/yaml/v3"}, ours: []string{"collector/names/...", "collector/agents/...", "decoder/..."},
		reason: "names are told to the registry, and to nobody else",
	},
	{
		room: "collector/snmp/...", third: []string{"github.com/gosnmp/gosnmp"}, ours: []string{"collector/snmp/...", "collector/names/...", "collector/agents/...", "decoder/..."},
		reason: "who asks switches for names knows nothing of samples and alerts",
	},
	{
		room: "collector/dashboards/...", third: none, ours: none,
		reason: "dashboards are files: they know the words of the series and nothing that writes or reads them",
	},
	{
		room: "collector/series/...", third: anyThird,
		noOurs: []string{"collector/sink/...", "collector/store/...", "collector/web/..."},
		reason: "aggregates are read by sinks, store and web, and know none of them",
	},
	{
		room: "collector/sink/...", third: anyThird,
		noOurs: []string{"collector/store/...", "collector/web/..."}, direct: []string{"decoder/sflow"},
		reason: "a sink sends what it is given: alerts and aggregates, never wire structures, nor through another way out",
	},
	{
		room: "collector/store/...", third: anyThird,
		noOurs: []string{"collector/sink/...", "collector/web/..."}, direct: []string{"decoder/sflow"},
		reason: "history keeps what it is given: alerts and aggregates, never wire structures, nor through another way out",
	},
	{
		room: "collector/web/...", third: anyThird,
		noOurs: []string{"collector/sink/...", "collector/store/..."}, direct: []string{"decoder/sflow"},
		reason: "the web shows what it is given through small interfaces, never wire structures, nor through another way out",
	},
	{
		room: "collector/...", except: []string{"collector/udp/..."}, third: anyThird,
		noOurs: []string{"hostagent/...", "cmd/...", "bench/..."},
		reason: "the collector is installed without the host agent, and nothing imports a command",
	},
	{
		room: "hostagent/...", third: anyThird, noStd: []string{"os/exec"},
		ours:   []string{"hostagent/...", "decoder/sflow", "decoder/packet", "decoder/witness"},
		reason: "the host agent runs on every compute node: it asks the kernel itself and carries nothing of the collector",
	},
	{
		room: "cmd/weir", third: anyThird, noOurs: []string{"hostagent/...", "cmd/weir-agent/..."},
		reason: "the collector's program is installed without the host agent",
	},
	{
		room: "cmd/weir-agent", third: anyThird, noOurs: []string{"collector/...", "detect/...", "cmd/weir/...", "bench/..."},
		reason: "the host agent's program carries nothing of the collector",
	},
	{
		room: "cmd/internal/...", except: []string{"cmd/internal/manual", "cmd/internal/commandline"}, ours: []string{"cmd/internal/..."},
		reason: "what builds and checks the module must not depend on it",
	},
	{
		room: "cmd/internal/manual", third: []string{"github.com/spf13/cobra", "github.com/spf13/pflag"}, ours: none,
		reason: "it writes what the commands of both programs say, and knows neither",
	},
	{
		room: "cmd/internal/commandline", third: []string{"github.com/spf13/cobra", "github.com/rs/zerolog", "golang.org/x/term"}, ours: []string{"cmd/internal/build"},
		reason: "how both programs tell a mistake, whatever their commands are",
	},
	{
		room: "bench/traffic", ours: []string{"decoder/sflow"},
		reason: "the generator is a witness from outside: it may share the codec with the collector and nothing else",
	},
	{
		room: "bench/...", except: []string{"bench/traffic"}, third: anyThird,
		reason: "benchmarks and the lab may use everything",
	},
}

// importers says, for rooms that few may import, who may.
var importers = []struct {
	room   string
	by     []string
	reason string
}{
	{"cmd/...", []string{"cmd/..."}, "a command is an end, not a library"},
	{"bench/traffic", []string{"cmd/weir", "bench/..."}, "only the demo and the benchmarks invent traffic"},
	{"bench/...", []string{"bench/..."}, "nothing of bench but the generator is for others"},
	{"collector/sink/sinktest", []string{"collector/sink/sinktest"}, "the servers that sinks are tested with are for tests"},
	{"collector/sink/influx/influxtest", []string{"collector/sink/influx/influxtest", "bench/..."}, "the runner of real servers is for tests"},
	{"collector/store/smalldisk", []string{"collector/store/smalldisk"}, "the disk that is soon full is for tests"},
	{"decoder/sflow/sflowtest", []string{"decoder/sflow/sflowtest", "bench/..."}, "the builder of test datagrams is for tests"},
}

// libraries says where a library with a known defect or a narrow purpose may be
// imported outside tests.
var libraries = []struct {
	path   string
	in     []string
	reason string
}{
	{"github.com/Cistern/sflow", []string{"bench/..."}, "it fails a whole datagram on an expanded sample; it only checks ours from outside"},
	{"github.com/google/gopacket", []string{"collector/udp/capture", "bench/..."}, "it is for capture files; its sFlow layer panics on short input"},
	{"github.com/influxdata/influxdb-client-go", []string{"collector/sink/influx", "bench/..."}, "its non-blocking writer loses and blocks; only the sink knows how to use it"},
	{"github.com/rs/zerolog", []string{"collector/...", "hostagent/...", "cmd/...", "bench/..."}, "wire code and detectors do not log; they count and return"},
}

// clockAllowed lists the packages whose code may ask for the time. Everybody
// else is told it.
var clockAllowed = []string{
	"collector", "collector/udp", "collector/snmp", "collector/sink/...", "collector/store/...", "collector/web/...",
	"hostagent", "hostagent/export", "hostagent/source", "hostagent/sampler",
	// They wait for the kernel and for daemons, with deadlines of their own.
	"hostagent/source/linkevent", "hostagent/source/filter", "hostagent/source/lldp", "hostagent/source/neighbour", "hostagent/source/ovs",
	"hostagent/source/service", "hostagent/source/libvirt",
	"cmd/...", "bench/...",
}

// badNames say nothing about what a package is for.
var badNames = []string{"util", "utils", "helper", "helpers", "common", "types", "models", "misc", "base"}
