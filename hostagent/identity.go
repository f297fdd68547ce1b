package hostagent

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// identity is what names this node and this run of the agent.
type identity struct {
	node     string
	bootID   string
	bootTime int64 // Unix seconds; 0 unknown
	started  int64 // Unix seconds
}

func identify(node string, now time.Time) identity {
	id := identity{node: node, started: now.Unix()}
	if id.node == "" {
		id.node, _ = os.Hostname()
	}
	if b, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
		id.bootID = strings.TrimSpace(string(b))
	}
	id.bootTime = bootTime()
	return id
}

// bootTime returns when the kernel started, in Unix seconds.
func bootTime() int64 {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	for l := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(l, "btime "); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
			return n
		}
	}
	return 0
}

// event returns the id of event number n: the same in every repetition, another
// one in every run.
func (id *identity) event(n uint64) string {
	boot := strings.ReplaceAll(id.bootID, "-", "")
	return boot[:min(len(boot), 8)] + "-" + strconv.FormatInt(id.started, 16) + "-" + strconv.FormatUint(n, 10)
}
