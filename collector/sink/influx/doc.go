// Package influx writes time series to InfluxDB 1.8, 2 and 3 and to what
// speaks the same line protocol.
package influx
