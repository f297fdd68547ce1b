// Receive measures the collector at its socket, where on loopback the sender
// would otherwise be the bottleneck.
//
//	go run ./bench/receive            CPU per datagram: a full receive buffer is drained
//	go run ./bench/receive -paced     200,000 datagrams/s for 60 s: how many are lost
//	go run ./bench/receive -paced -rate 50000 -influx http://127.0.0.1:8086   what the sink costs
//	go run ./bench/receive -paced -rate 16667 -pin   100,000 samples/s, all kept, by a collector that has one core
//	go run ./bench/receive -history   what keeping every sample costs, as a share of what detection takes
//	go run ./bench/receive -flood     as fast as the sender can for 20 s: memory
//	go run ./bench/receive -site 1000x50   memory with 1,000 agents of 50 interfaces
//
// bench/results/history.md has what -history measured.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	paced := flag.Bool("paced", false, "send -rate datagrams/s for -for, count the lost")
	pinned := flag.Bool("pin", false, "leave the collector of -paced core 0, and the sender core 1")
	keep := flag.Bool("history", false, "measure what keeping every flow sample costs: the processor time, of user and kernel and of all threads (shard, journal, segments, rollups, garbage), "+
		"that a round takes more with history than without, divided by what it takes without, which is all from the socket to the alerts (receive, decode, registry, nine keys, detectors, time series); "+
		"each round reads the same datagrams both ways, one after the other, and the median of the rounds' shares is printed. "+
		"Work on another core is not saved. A core that does all of it has 1/(1+share) of the throughput it has without")
	flood := flag.Bool("flood", false, "send as fast as possible for -for, watch memory")
	sites := flag.String("site", "", "`AGENTSxINTERFACES` that speak, such as 1000x50: memory")
	rate := flag.Float64("rate", 200000, "datagrams per second with -paced")
	length := flag.Duration("for", 0, "how long -paced (default 60s), -flood (default 20s) or a busy -site (default 0: silent) sends")
	which := flag.String("load", "", "site or worst: what the datagrams tell of; both where nothing is said, site with -paced and -flood")
	influx := flag.String("influx", "", "`URL` of an InfluxDB the collector of -paced writes to, such as http://127.0.0.1:8086")
	rounds := flag.Int("rounds", 9, "rounds of the CPU measurement and of -history; medians are printed")
	flag.Parse()
	some, err := pick(*which)
	switch {
	case err != nil:
	case *paced:
		err = some[0].run(*rate, orElse(*length, time.Minute), *influx, *pinned)
	case *flood:
		err = some[0].run(0, orElse(*length, 20*time.Second), *influx, *pinned)
	case *keep:
		err = history(some, *rounds)
	case *sites != "":
		err = site(*sites, *length)
	default:
		err = drain(some, *rounds)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "receive:", err)
		os.Exit(1)
	}
}

// pick returns the load of a name, or all.
func pick(name string) ([]load, error) {
	for i := range loads {
		if loads[i].name == name {
			return loads[i : i+1], nil
		}
	}
	if name != "" {
		return nil, fmt.Errorf("-load %q: write site or worst", name)
	}
	return loads, nil
}

func orElse(d, other time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return other
}
