// Compare runs the same sFlow through weir and through other decoders.
//
//	go run .                  decoding speed, as ratios within one run
//	go run . -captures DIR    conformance with reference decodes beside captures
//
// It has a module of its own, so that weir does not depend on its peers.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	captures := flag.String("captures", "", "folder with NAME.pcap and NAME.oracle.jsonl.gz (one reference decode per datagram): check that weir reads the same")
	rounds := flag.Int("rounds", 9, "rounds of the speed comparison; medians are printed")
	mib := flag.Int("mib", 64, "MiB of datagrams in the buffer that is read in order")
	verbose := flag.Bool("v", false, "with -captures: print every difference")
	flag.Parse()
	var err error
	if *captures != "" {
		err = conform(*captures, *verbose)
	} else {
		err = speed(*rounds, *mib<<20)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}
