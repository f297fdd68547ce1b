// Influx measures what is lost on the way to InfluxDB 1.8 when all goes wrong: 25
// seconds at 10,000 records a second, while the server answers 503 for ten
// seconds, hangs for twelve, is killed and started again, and the writer itself
// is killed once. The sink of the collector and the non-blocking writer of the
// client library, with its defaults, go through the same.
//
//	GOBIN=~/.cache/weir-test/bin go install github.com/influxdata/influxdb/cmd/influxd@v1.8.10
//	go run ./bench/influx
package main

import (
	"flag"
	"fmt"
	"os"
	"text/tabwriter"
	"time"
)

func main() {
	role := flag.String("write", "", "be the writer: sink or stock; what the program starts of itself")
	url := flag.String("url", "", "with -write: the server")
	dir := flag.String("dir", "", "with -write: folder of the spool")
	from := flag.Int("from", 0, "with -write: number of the first record")
	rate := flag.Int("rate", 10000, "records a second")
	kill := flag.Bool("kill", true, "kill the writer once, at 17 s")
	flag.Parse()
	if *role != "" {
		write(*role, *url, *dir, *from, *rate)
		return
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "writer\thanded over\tarrived\tlost\tlost, last second before the kill\tcounted as lost\ttwice\tlongest wait\tmemory first\tmost\tend\t")
	for _, role := range []string{"sink", "stock"} {
		r := scenario(role, *rate, *kill)
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%s\t%d\t%v\t%d MB\t%d MB\t%d MB\t\n", role, r.handed, r.arrived, r.handed-r.arrived, r.lastSecond, r.told, r.twice,
			r.wait.Round(time.Millisecond), r.first>>20, r.most>>20, r.end>>20)
	}
	w.Flush()
}
